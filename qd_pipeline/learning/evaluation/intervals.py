"""Proportions with their confidence intervals."""

from dataclasses import dataclass
from math import sqrt
from statistics import NormalDist
from typing import Any


def wilson(hits: int, count: int, confidence: float = 0.95) -> tuple[float, float]:
    """Give the score interval of a binomial proportion.

    From E. B. Wilson, "Probable inference, the law of succession, and statistical inference",
    JASA 22 (1927), 209–212. It stays within [0, 1] and holds its level for small counts and
    proportions near 0 or 1, where the usual ± one does not.

    Args:
        hits: Successes, 0 – `count`.
        count: Trials. None tell nothing: (0, 1).
        confidence: Level of the two-sided interval, between 0 and 1.

    Returns:
        Its lower and upper end.

    >>> [round(end, 4) for end in wilson(81, 263)]
    [0.2553, 0.3662]
    """
    if not count:
        return 0.0, 1.0
    z = NormalDist().inv_cdf((1 + confidence) / 2)
    share, shrink = hits / count, 1 + z * z / count
    middle = (share + z * z / (2 * count)) / shrink
    half = z / shrink * sqrt(share * (1 - share) / count + z * z / (4 * count * count))
    return max(0.0, middle - half), min(1.0, middle + half)


@dataclass(frozen=True)
class Proportion:
    """A share of a count, with its 95 % Wilson interval.

    >>> print(Proportion(45, 50))
    90.0 % (78.6–95.7, n = 50)
    """

    hits: int
    count: int

    @property
    def share(self) -> float | None:
        """Hits over count; None of nothing."""
        return self.hits / self.count if self.count else None

    @property
    def interval(self) -> tuple[float, float]:
        """Ends of the 95 % Wilson interval."""
        return wilson(self.hits, self.count)

    def __str__(self) -> str:
        if self.share is None:
            return "– (n = 0)"
        low, high = self.interval
        return f"{self.share:.1%} ({low * 100:.1f}–{high * 100:.1f}, n = {self.count:,})".replace(
            "%", " %"
        )

    def to_json(self) -> dict[str, Any]:
        """Give `hits`, `count`, `share`, `low` and `high`."""
        low, high = self.interval
        return {
            "hits": self.hits,
            "count": self.count,
            "share": self.share,
            "low": low,
            "high": high,
        }

"""Proportions and differences of proportions, with their confidence intervals."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from math import inf, sqrt
from statistics import NormalDist
from typing import Any, Self


def wilson(hits: int, count: int, confidence: float = 0.95) -> tuple[float, float]:
    """Return the score interval of a binomial proportion.

    From E. B. Wilson, "Probable inference, the law of succession, and statistical inference",
    JASA 22 (1927), 209–212. It stays within [0, 1] and holds its level for small counts and
    proportions near 0 or 1, where the usual ± one does not.

    Args:
        hits: Successes, 0 – `count`.
        count: Trials. With none the interval is (0, 1).
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


def tango(only_first: int, only_second: int, count: int) -> tuple[float, float]:
    """Return the 95 % score interval of the difference of two proportions on the same drawings.

    From T. Tango, "Equivalence test and confidence interval for the difference in proportions
    for the paired-sample design", Statistics in Medicine 17 (1998), 891–908. At a difference
    of 0 its statistic is McNemar's. It is defined without any discordant drawing, where Wald's
    interval would have no width.

    Args:
        only_first: Drawings that the first alone gets right, from 0.
        only_second: Drawings that the second alone gets right, from 0.
        count: Drawings that both were tested on. With none the interval is (-1, 1).

    Returns:
        Lower and upper end of the first's proportion minus the second's, within [-1, 1].

    >>> [round(end, 4) for end in tango(1, 7, 21)]
    [-0.5172, -0.026]
    >>> [round(end, 4) for end in tango(0, 0, 396)]
    [-0.0096, 0.0096]
    """
    if not count:
        return -1.0, 1.0
    z = NormalDist().inv_cdf(0.975)
    difference = (only_first - only_second) / count

    def statistic(assumed: float) -> float:
        return _tango_statistic(only_first, only_second, count, assumed)

    return (
        _bisect(lambda assumed: statistic(assumed) < z, -1.0, difference),
        _bisect(lambda assumed: statistic(assumed) < -z, difference, 1.0),
    )


def _tango_statistic(only_first: int, only_second: int, count: int, assumed: float) -> float:
    """Return Tango's score statistic of an assumed difference; it falls as that rises."""
    # The second's discordant share, of greatest likelihood under the assumed difference, is the
    # larger root of 2 n q² + b q + c = 0.
    b = (2 * count - only_first + only_second) * assumed - only_first - only_second
    c = -only_second * assumed * (1 - assumed)
    share = (sqrt(max(0.0, b * b - 8 * count * c)) - b) / (4 * count)
    variance = count * (2 * share + assumed * (1 - assumed))
    excess = only_first - only_second - count * assumed
    if variance <= 0:
        return inf if excess > 0 else -inf if excess < 0 else 0.0
    return excess / sqrt(variance)


def _bisect(beyond: Callable[[float], bool], low: float, high: float) -> float:
    """Return where a condition begins to hold between two points, to 10⁻⁹."""
    while high - low > 1e-9:  # noqa: PLR2004 - finer than any count of drawings
        middle = (low + high) / 2
        low, high = (low, middle) if beyond(middle) else (middle, high)
    return (low + high) / 2


@dataclass(frozen=True)
class Proportion:
    """A share of a count, with its 95 % Wilson interval.

    >>> print(Proportion(45, 50))
    90.0 % (78.6–95.7)
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
            return "–"
        low, high = self.interval
        return f"{self.share * 100:.1f} % ({low * 100:.1f}–{high * 100:.1f})"

    def to_json(self) -> dict[str, Any]:
        """Return `hits`, `count`, `share`, `low` and `high`."""
        low, high = self.interval
        return {
            "hits": self.hits,
            "count": self.count,
            "share": self.share,
            "low": low,
            "high": high,
        }

    @classmethod
    def from_json(cls, values: Mapping[str, Any]) -> Self:
        """Read the JSON object of `to_json`."""
        return cls(values["hits"], values["count"])

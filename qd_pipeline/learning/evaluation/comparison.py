"""Two classifiers on the test drawings that they share: paired difference and McNemar's test."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Final

import pyarrow as pa
import pyarrow.compute as pc

from qd_pipeline.errors import BadSetting
from qd_pipeline.learning.evaluation.intervals import Proportion, tango
from qd_pipeline.learning.figures import Figures

MIN_SHARED: Final = 30
"""Fewest shared test drawings for which a p-value is shown."""

_MIN_P: Final = 0.001


@dataclass(frozen=True)
class McNemar(Figures):
    """Result of McNemar's exact test of two classifiers on the same drawings.

    Attributes:
        only_first: Drawings that the first alone gets right.
        only_second: Drawings that the second alone gets right.
        first_better: One-sided p-value: were both equally good, the first would be ahead by
            as much or more with this probability. Small: the first is better.
        second_better: The same for the second.
        different: Two-sided p-value. Small: one of them is better.
    """

    only_first: int
    only_second: int
    first_better: float
    second_better: float
    different: float


def mcnemar(only_first: int, only_second: int) -> McNemar:
    """Test two classifiers on the drawings that exactly one of them gets right.

    From Q. McNemar, "Note on the sampling error of the difference between correlated
    proportions or percentages", Psychometrika 12 (1947), 153–157; exact, by the binomial
    distribution, so that it also holds for few drawings. Drawings that both get right, or
    both wrong, do not enter.

    Args:
        only_first: Drawings that the first alone gets right, at least 0.
        only_second: Drawings that the second alone gets right, at least 0.

    >>> test = mcnemar(only_first=9, only_second=1)
    >>> round(test.first_better, 4), round(test.second_better, 4), round(test.different, 4)
    (0.0107, 0.999, 0.0215)
    >>> mcnemar(0, 0).different
    1.0
    """
    # SciPy's statistics take a second to import, and loading the definitions should not.
    from scipy.stats import binom  # noqa: PLC0415

    discordant = only_first + only_second
    first = float(binom.sf(only_first - 1, discordant, 0.5))
    second = float(binom.sf(only_second - 1, discordant, 0.5))
    return McNemar(only_first, only_second, first, second, min(1.0, 2 * min(first, second)))


@dataclass(frozen=True)
class Comparison(Figures):
    """Two classifiers on the test drawings that they share.

    Attributes:
        drawings: Test drawings that both predicted.
        first_correct: Of these, how many the first gets right.
        second_correct: Of these, how many the second gets right.
        test: McNemar's test on them.
    """

    drawings: int
    first_correct: int
    second_correct: int
    test: McNemar

    @property
    def first(self) -> Proportion:
        """Accuracy of the first on the shared drawings."""
        return Proportion(self.first_correct, self.drawings)

    @property
    def second(self) -> Proportion:
        """Accuracy of the second on the shared drawings."""
        return Proportion(self.second_correct, self.drawings)

    @property
    def p_value(self) -> float | None:
        """Two-sided p-value; None on fewer than `MIN_SHARED` drawings, where it says nothing."""
        return self.test.different if self.drawings >= MIN_SHARED else None

    @property
    def p_text(self) -> str:
        """The p-value as text that follows "p": "= 0.041", "< 0.001", or why there is none."""
        if self.p_value is None:
            return "not shown, for too few drawings"
        return f"= {self.p_value:.3f}" if self.p_value >= _MIN_P else f"< {_MIN_P}"

    def gain(self) -> tuple[float, float]:
        """Return Tango's 95 % interval of the second's accuracy minus the first's."""
        return tango(self.test.only_second, self.test.only_first, self.drawings)

    def to_json(self) -> dict[str, Any]:
        """Return the figures by name; p-values are None where there are too few drawings."""
        low, high = self.gain()
        test = self.test.to_json()
        if self.p_value is None:
            test |= dict.fromkeys(("first_better", "second_better", "different"))
        return {
            **super().to_json(),
            "difference_low": low,
            "difference_high": high,
            "test": test,
        }


def compare(first: pa.Table, second: pa.Table) -> Comparison:
    """Compare two tables of predictions, drawing by drawing.

    Args:
        first: `key_id`, `true` and `predicted`, as `Evaluation.predictions`; in any order.
        second: The same; only drawings in both tables count.

    Raises:
        BadSetting: The same drawing has different categories in the two tables.
    """
    # Decoded, since the dictionaries of two tables may be in another order.
    schema = pa.schema({"key_id": pa.uint64(), "true": pa.string(), "predicted": pa.string()})
    one, other = (table.select(schema.names).cast(schema) for table in (first, second))
    both = one.join(other, "key_id", join_type="inner", right_suffix=" of the second")
    truth = both["true"]
    if not pc.all(pc.equal(truth, both["true of the second"])).as_py() and both.num_rows:
        raise BadSetting(
            "the two classifiers",
            "were tested on drawings that are not of the same categories",
            "compare classifiers of one class set",
        )
    first_right = pc.equal(truth, both["predicted"])
    second_right = pc.equal(truth, both["predicted of the second"])
    return Comparison(
        drawings=both.num_rows,
        first_correct=_count(first_right),
        second_correct=_count(second_right),
        test=mcnemar(
            _count(pc.and_not(first_right, second_right)),
            _count(pc.and_not(second_right, first_right)),
        ),
    )


def _count(mask: pa.ChunkedArray) -> int:
    return int(pc.sum(mask).as_py() or 0)

"""Averages with intervals: mean average precision, and macro averages over categories."""

from __future__ import annotations

from dataclasses import dataclass
from math import sqrt
from statistics import NormalDist
from typing import TYPE_CHECKING, Final

import numpy as np

from qd_pipeline.learning.figures import Figures

if TYPE_CHECKING:
    from numpy.typing import NDArray

_Z: Final = NormalDist().inv_cdf(0.975)
_RESAMPLES: Final = 200


@dataclass(frozen=True)
class Average(Figures):
    """A mean of values from 0 to 1, with its 95 % interval.

    >>> print(Average(0.905, 0.89, 0.92))
    90.5 % (89.0–92.0)
    """

    value: float
    low: float
    high: float

    def __str__(self) -> str:
        return f"{self.value * 100:.1f} % ({self.low * 100:.1f}–{self.high * 100:.1f})"


def map_at_3(rank: NDArray[np.integer]) -> Average:
    """Return the mean average precision of the three most probable categories.

    As Kaggle's "Quick, Draw! Doodle Recognition Challenge" scored: 1, 1/2 or 1/3 where the right
    category is the first, second or third, else 0. The interval is that of a mean of many.

    Args:
        rank: `(n,)`, place of each drawing's category by probability, from 0; n from 1.

    >>> print(map_at_3(np.array([0, 0, 1, 5] * 25)))
    62.5 % (54.4–70.6)
    """
    precision = np.where(rank < 3, 1 / (rank + 1.0), 0.0)  # noqa: PLR2004 (the three)
    value = float(precision.mean())
    half = _Z * float(precision.std()) / sqrt(len(rank))
    return Average(value, max(0.0, value - half), min(1.0, value + half))


def macro_averages(confusion: NDArray[np.integer]) -> tuple[Average, Average]:
    """Return the balanced accuracy and the macro F1.

    The intervals are percentiles of a bootstrap: the confusion matrix of as many drawings, drawn
    anew from it; from B. Efron, "Bootstrap methods: another look at the jackknife", Annals of
    Statistics 7 (1979), 1–26. The same matrix gives the same intervals.

    Args:
        confusion: `(classes, classes)`, drawings by true (row) and predicted category; not all 0.

    >>> [str(each) for each in macro_averages(np.array([[40, 10], [5, 45]]))]
    ['85.0 % (77.2–90.2)', '85.0 % (77.0–90.8)']
    """
    rows, columns = np.nonzero(confusion)
    counts = confusion[rows, columns]
    total, random = int(counts.sum()), np.random.default_rng(0)
    resampled = np.array(
        [
            _macro(rows, columns, random.multinomial(total, counts / total), len(confusion))
            for _ in range(_RESAMPLES)
        ]
    )
    values = _macro(rows, columns, counts, len(confusion))
    low, high = np.percentile(resampled, [2.5, 97.5], axis=0)
    balanced, f1 = (Average(*map(float, ends)) for ends in zip(values, low, high, strict=True))
    return balanced, f1


def _macro(
    rows: NDArray[np.integer],
    columns: NDArray[np.integer],
    counts: NDArray[np.integer],
    classes: int,
) -> tuple[float, float]:
    """Return both averages over the categories where they are defined."""
    true = np.bincount(rows, counts, classes)
    predicted = np.bincount(columns, counts, classes)
    on_diagonal = rows == columns
    right = np.bincount(rows[on_diagonal], counts[on_diagonal], classes)
    occurs = true + predicted > 0
    recall = right[true > 0] / true[true > 0]
    f1 = 2 * right[occurs] / (true + predicted)[occurs]
    return float(recall.mean()), float(f1.mean())

"""Calibration: whether predictions with a confidence of 80 % are right 80 % of the time.

After C. Guo, G. Pleiss, Y. Sun and K. Q. Weinberger, "On calibration of modern neural
networks", ICML 2017: reliability diagrams, the expected calibration error, and a temperature.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

import numpy as np

from qd_pipeline.learning.figures import Figures

if TYPE_CHECKING:
    from numpy.typing import NDArray

BINS: Final = 15
"""Of equal width, as in the paper."""

_LEAST: Final = 1e-12
_TEMPERATURES: Final = (0.05, 20.0)
_SPREAD: Final = 0.03


@dataclass(frozen=True)
class Bin(Figures):
    """The drawings whose confidence lies in one interval.

    Args:
        low: Lower end of the interval, exclusive (but for 0).
        high: Upper end, inclusive.
        count: Number of drawings.
        confidence: Their mean confidence; None without drawings.
        accuracy: Share that was classified correctly; None without drawings.
    """

    low: float
    high: float
    count: int
    confidence: float | None
    accuracy: float | None


@dataclass(frozen=True)
class Calibration(Figures):
    """Agreement of confidence and accuracy.

    Args:
        bins: By confidence, from 0 to 1.
        error: Expected calibration error: the mean distance of accuracy from confidence over
            the bins, by their drawings.
    """

    bins: tuple[Bin, ...]
    error: float


def calibration(probabilities: NDArray[np.floating], labels: NDArray[np.integer]) -> Calibration:
    """Compare confidence, the probability of the most probable category, with accuracy.

    Args:
        probabilities: `(n, classes)`, n from 1.
        labels: `(n,)`, indices of the right categories.

    >>> sure, unsure = [0.9, 0.1], [0.6, 0.4]
    >>> round(calibration(np.array([sure, unsure]), np.array([0, 1])).error, 3)
    0.35
    """
    confidence = probabilities.max(axis=1).astype(np.float64)
    correct = probabilities.argmax(axis=1) == labels
    place = np.clip(np.ceil(confidence * BINS).astype(np.int64) - 1, 0, BINS - 1)
    count = np.bincount(place, minlength=BINS)
    sure = np.bincount(place, weights=confidence, minlength=BINS)
    right = np.bincount(place, weights=correct, minlength=BINS)
    return Calibration(
        bins=tuple(
            Bin(
                low=each / BINS,
                high=(each + 1) / BINS,
                count=int(count[each]),
                confidence=float(sure[each] / count[each]) if count[each] else None,
                accuracy=float(right[each] / count[each]) if count[each] else None,
            )
            for each in range(BINS)
        ),
        error=float(np.abs(right - sure).sum() / len(labels)),
    )


def fit_temperature(
    probabilities: NDArray[np.floating],
    labels: NDArray[np.integer],
    *,
    expected: float | None = None,
) -> float:
    """Fit the temperature that maximises the likelihood of the labels.

    Args:
        probabilities: `(n, classes)` at temperature 1, n from 1; their logarithms stand in
            for the logits, which are the same but for what softmax cancels.
        labels: `(n,)`, indices of the right categories.
        expected: Temperature of other trainings with the same label smoothing. It is the middle
            of a Cauchy prior of its logarithm with a scale of 0.03, and the result that of the
            highest posterior: some 500 drawings alone leave an error of 0.06, and where many
            more, or clearly different ones, contradict, the prior hardly counts.

    Returns:
        What logits are to be divided by, 0.05 – 20: above 1 for overconfident probabilities,
        below 1 for underconfident ones.

    >>> timid = np.full((100, 2), [0.6, 0.4])
    >>> labels = (np.arange(100) < 20).astype(int)  # category 0 four times of five
    >>> round(fit_temperature(timid, labels), 3)
    0.292
    """
    # The import takes a second, which naming a preset need not.
    from scipy.optimize import minimize_scalar  # noqa: PLC0415
    from scipy.special import log_softmax  # noqa: PLC0415

    logits = np.log(np.maximum(probabilities.astype(np.float64), _LEAST))
    rows = np.arange(len(labels))

    def loss(log_temperature: float) -> float:
        likelihoods = log_softmax(logits / np.exp(log_temperature), axis=1)
        away = 0.0 if expected is None else (log_temperature - np.log(expected)) / _SPREAD
        return float(np.log1p(away**2) - likelihoods[rows, labels].sum()) / len(labels)

    ranges = [np.log(_TEMPERATURES)]
    if expected is not None:
        # The prior's peak is narrow: a search of the whole range could miss it.
        ranges.append(np.log(expected) + np.array([-3, 3]) * _SPREAD)
    found = (minimize_scalar(loss, bounds=each, method="bounded") for each in ranges)
    return float(np.exp(min(found, key=lambda each: each.fun).x))

"""Accuracy by coverage: how well a classifier does that may abstain when it is not confident."""

from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from qd_pipeline.learning.evaluation.intervals import Proportion
from qd_pipeline.learning.figures import Figures

_STEPS: Final = 20


@dataclass(frozen=True)
class Coverage(Figures):
    """The drawings of the highest confidence.

    Args:
        share: Their share of all test drawings, above 0 up to 1.
        threshold: The least confidence among them, 0–1.
        accuracy: On them.
    """

    share: float
    threshold: float
    accuracy: Proportion


def coverage(confidence: NDArray[np.floating], correct: NDArray[np.bool_]) -> tuple[Coverage, ...]:
    """Return the accuracy on growing shares of the drawings, the most confident first.

    Args:
        confidence: `(n,)`, probability of the predicted category, n from 1.
        correct: `bool (n,)`.

    >>> half = coverage(np.array([0.9, 0.6]), np.array([True, False]))[0]
    >>> half.share, half.threshold, half.accuracy.share
    (0.5, 0.9, 1.0)
    """
    order = np.argsort(-confidence, kind="stable")
    hits = np.cumsum(correct[order])
    counts = np.unique(np.ceil(np.arange(1, _STEPS + 1) / _STEPS * len(order)).astype(np.int64))
    return tuple(
        Coverage(
            int(count) / len(order),
            float(confidence[order[count - 1]]),
            Proportion(int(hits[count - 1]), int(count)),
        )
        for count in counts
    )

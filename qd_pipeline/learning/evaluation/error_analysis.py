"""The notebook's three guesses at where mistakes come from, measured.

It guessed at quality (drawings that the game itself did not guess), species (animals that look
alike) and culture (what people of a country draw); the number of strokes is a fourth.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import combinations
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from qd_pipeline.learning.evaluation.intervals import Proportion

COUNTRY_DRAWINGS: Final = 30
"""A country enters the comparison from this many test drawings on."""

_STROKE_BOUNDS: Final = (1, 2, 3, 4, 5, 6, 8, 11, 16)
_STROKE_NAMES: Final = ("1", "2", "3", "4", "5", "6–7", "8–10", "11–15", "16 or more")


@dataclass(frozen=True)
class Group:
    """A part of the test drawings and how many of it were classified correctly."""

    name: str
    correct: Proportion

    def to_json(self) -> dict[str, Any]:
        """Give `name` and the figures of `Proportion`."""
        return {"name": self.name, **self.correct.to_json()}


def _group(name: str, correct: NDArray[np.bool_]) -> Group:
    return Group(name, Proportion(int(np.count_nonzero(correct)), len(correct)))


def by_quality(correct: NDArray[np.bool_], recognized: NDArray[np.bool_]) -> tuple[Group, ...]:
    """Compare the drawings that the game recognised with those that it did not.

    Args:
        correct: `bool (n,)`, whether each test drawing was classified correctly.
        recognized: `bool (n,)`.
    """
    return (
        _group("recognised", correct[recognized]),
        _group("not recognised", correct[~recognized]),
    )


def by_pair(
    class_set: Sequence[str], labels: NDArray[np.integer], probabilities: NDArray[np.floating]
) -> tuple[Group, ...]:
    """Take two categories at a time: is the right one of the two more probable?

    Args:
        class_set: The categories in the order of the labels.
        labels: `(n,)`, place of each drawing's category.
        probabilities: `(n, classes)`.

    Returns:
        A group for each pair, over the drawings of both, the hardest pair first. Equal
        probabilities are a mistake.
    """
    groups = []
    for first, second in combinations(range(len(class_set)), 2):
        a, b = probabilities[labels == first], probabilities[labels == second]
        correct = np.concatenate((a[:, first] > a[:, second], b[:, second] > b[:, first]))
        groups.append(_group(f"{class_set[first]} – {class_set[second]}", correct))
    return tuple(sorted(groups, key=lambda group: group.correct.share or 0.0))


def by_country(correct: NDArray[np.bool_], countrycodes: NDArray[np.generic]) -> tuple[Group, ...]:
    """Compare countries of at least `COUNTRY_DRAWINGS` test drawings, the largest first.

    Args:
        correct: `bool (n,)`.
        countrycodes: `str (n,)`; drawings without a country (empty) take no part.
    """
    texts = countrycodes.astype(str)
    names, counts = np.unique(texts, return_counts=True)
    order = np.argsort(-counts, kind="stable")
    return tuple(
        _group(str(names[place]), correct[texts == names[place]])
        for place in order
        if counts[place] >= COUNTRY_DRAWINGS and names[place]
    )


def by_strokes(correct: NDArray[np.bool_], counts: NDArray[np.integer]) -> tuple[Group, ...]:
    """Compare drawings by their number of strokes, few first.

    Args:
        correct: `bool (n,)`.
        counts: `int (n,)`, from 1.

    Returns:
        A group for each number or range of numbers that occurs.
    """
    ranges = np.searchsorted(_STROKE_BOUNDS, counts, side="right") - 1
    return tuple(
        _group(name, correct[ranges == place])
        for place, name in enumerate(_STROKE_NAMES)
        if (ranges == place).any()
    )

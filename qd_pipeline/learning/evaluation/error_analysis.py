"""Error analysis by slice: where mistakes come from.

The notebook named three causes: drawings that the game itself did not recognise, categories that
look alike, and differences between countries. The number of strokes is a fourth.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import combinations
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from qd_pipeline.learning.evaluation.intervals import Proportion

MIN_COUNTRY_DRAWINGS: Final = 30
"""Fewest test drawings of a country that is compared."""

_STROKE_BOUNDS: Final = (1, 2, 3, 4, 5, 6, 8, 11, 16)
_STROKE_NAMES: Final = ("1", "2", "3", "4", "5", "6–7", "8–10", "11–15", "16 or more")


@dataclass(frozen=True)
class Slice:
    """A part of the test drawings and how many of it were classified correctly."""

    name: str
    correct: Proportion

    def to_json(self) -> dict[str, Any]:
        """Return `name` and the figures of `Proportion`."""
        return {"name": self.name, **self.correct.to_json()}


def _slice(name: str, correct: NDArray[np.bool_]) -> Slice:
    return Slice(name, Proportion(int(np.count_nonzero(correct)), len(correct)))


def by_recognized(correct: NDArray[np.bool_], recognized: NDArray[np.bool_]) -> tuple[Slice, ...]:
    """Return the accuracy on drawings that the game recognised, and on the others.

    Args:
        correct: `bool (n,)`, whether each test drawing was classified correctly.
        recognized: `bool (n,)`.
    """
    return (
        _slice("recognised", correct[recognized]),
        _slice("not recognised", correct[~recognized]),
    )


def by_category_pair(
    class_set: Sequence[str],
    labels: NDArray[np.integer],
    probabilities: NDArray[np.floating],
    pairs: Iterable[tuple[int, int]] | None = None,
) -> tuple[Slice, ...]:
    """Return, for each two categories, how often the right one of the two is more probable.

    Args:
        class_set: The categories in the order of the labels.
        labels: `(n,)`, index of each drawing's category in the class set.
        probabilities: `(n, classes)`.
        pairs: Places of the two categories; None for all pairs.

    Returns:
        A slice for each pair, over the drawings of both, the hardest pair first. Equal
        probabilities are a mistake.
    """
    slices = []
    for first, second in combinations(range(len(class_set)), 2) if pairs is None else pairs:
        a, b = probabilities[labels == first], probabilities[labels == second]
        correct = np.concatenate((a[:, first] > a[:, second], b[:, second] > b[:, first]))
        slices.append(_slice(f"{class_set[first]} – {class_set[second]}", correct))
    return tuple(sorted(slices, key=_accuracy))


def confused_pairs(confusion: NDArray[np.integer], most: int) -> list[tuple[int, int]]:
    """Return the pairs of categories that are taken for one another, the most often first.

    Args:
        confusion: `(classes, classes)`, drawings by true (row) and predicted category.
        most: Pairs to return at most.

    >>> confused_pairs(np.array([[5, 1, 0], [1, 5, 0], [3, 0, 5]]), most=5)
    [(0, 2), (0, 1)]
    """
    return largest_cells(np.triu(confusion + confusion.T, 1), most)


def largest_cells(counts: NDArray[np.integer], most: int) -> list[tuple[int, int]]:
    """Return the places, row and column, of the largest counts of a matrix that are not 0."""
    order = np.argsort(-counts, axis=None, kind="stable")[:most]
    places = zip(*np.unravel_index(order, counts.shape), strict=True)
    return [(int(row), int(column)) for row, column in places if counts[row, column]]


def by_country(correct: NDArray[np.bool_], countrycodes: NDArray[np.generic]) -> tuple[Slice, ...]:
    """Return the accuracy by country, the weakest first.

    Args:
        correct: `bool (n,)`.
        countrycodes: `str (n,)`; drawings without a country (empty) are left out.

    Returns:
        A slice for each country of at least `MIN_COUNTRY_DRAWINGS` test drawings.
    """
    texts = countrycodes.astype(str)
    names, counts = np.unique(texts, return_counts=True)
    slices = (
        _slice(str(name), correct[texts == name])
        for name, count in zip(names, counts, strict=True)
        if count >= MIN_COUNTRY_DRAWINGS and name
    )
    return tuple(sorted(slices, key=_accuracy))


def _accuracy(part: Slice) -> float:
    return part.correct.share or 0.0


def by_stroke_count(correct: NDArray[np.bool_], counts: NDArray[np.integer]) -> tuple[Slice, ...]:
    """Return the accuracy by number of strokes, few first.

    Args:
        correct: `bool (n,)`.
        counts: `int (n,)`, from 1.

    Returns:
        A slice for each number or range of numbers that occurs.
    """
    ranges = np.searchsorted(_STROKE_BOUNDS, counts, side="right") - 1
    return tuple(
        _slice(name, correct[ranges == place])
        for place, name in enumerate(_STROKE_NAMES)
        if (ranges == place).any()
    )

"""What the report shows of a class set that is too large for a matrix of figures."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

import numpy as np

from qd_pipeline.learning.reports.page import ink

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from qd_pipeline.learning.evaluation.evaluate import CategoryScores, Evaluation
    from qd_pipeline.learning.evaluation.examples import Prediction

_EXAMPLES: Final = 3
_NAMED: Final = 5
_TILES_A_ROW: Final = 32
_LEAST_SHARE: Final = 0.002
"""Smaller shares of a row are not told when pointed at: they would be most of the page."""


@dataclass(frozen=True)
class Tile:
    """A drawing's place in the picture of all examples, and what it was called."""

    column: int
    row: int
    predicted: str
    correct: bool


@dataclass(frozen=True)
class Category:
    """A line of the list of categories, and what opens below it.

    Args:
        place: In the class set's order.
        scores: Precision, recall, F1 and drawings.
        called: What its drawings were called, wrongly, and how many of them.
        mistaken: What was wrongly called it.
        tiles: Examples.
    """

    place: int
    scores: CategoryScores
    called: tuple[tuple[int, str, int], ...]
    mistaken: tuple[tuple[int, str, int], ...]
    tiles: tuple[Tile, ...]


def shown(evaluation: Evaluation) -> dict[str, Any]:
    """Return what `many_categories.html.j2` names."""
    confusion = np.array(evaluation.confusion)
    order = similar_first(confusion)
    shares = confusion / np.maximum(confusion.sum(axis=1, keepdims=True), 1)
    clustered, counts = (each[np.ix_(order, order)] for each in (shares, confusion))
    examples = [
        (*right[:_EXAMPLES], *wrong[:_EXAMPLES])
        for right, wrong in zip(evaluation.galleries, evaluation.missed, strict=True)
    ]
    return {
        "overview": ink(np.round(15 * np.sqrt(clustered)).astype(np.uint8)),
        "pointed": {
            "names": [evaluation.class_set[place] for place in order],
            "places": order,
            "cells": [
                {int(to): int(row[to]) for to in np.flatnonzero(row >= _least(row))}
                for row in counts
            ],
            "totals": counts.sum(axis=1).tolist(),
        },
        "tiles": _picture_of([each.bitmap for drawn in examples for each in drawn]),
        "tiles_a_row": _TILES_A_ROW,
        "many": _categories(evaluation, confusion, examples),
    }


def similar_first(confusion: NDArray[np.integer]) -> list[int]:
    """Return an order of categories in which those that are taken for one another stand together.

    Average linkage of the share of two categories' drawings that are called the other, its
    leaves ordered so that neighbours are alike; from Z. Bar-Joseph et al., "Fast optimal leaf
    ordering for hierarchical clustering", Bioinformatics 17 (2001), S22–S29.

    Args:
        confusion: `(classes, classes)`, drawings by true (row) and predicted category.

    >>> order = similar_first(np.array([[9, 0, 5, 0], [0, 9, 0, 4], [6, 0, 9, 0], [0, 3, 0, 9]]))
    >>> set(order[:2]) in ({0, 2}, {1, 3})
    True
    """
    # It takes half a second to import, and most reports do without.
    from scipy.cluster.hierarchy import leaves_list, linkage  # noqa: PLC0415
    from scipy.spatial.distance import squareform  # noqa: PLC0415

    drawings = confusion.sum(axis=1)
    both = (confusion + confusion.T) / np.maximum(drawings[:, None] + drawings, 1)
    np.fill_diagonal(both, 0)
    distance = 1 - both / max(float(both.max()), 1e-9)
    np.fill_diagonal(distance, 0)
    tree = linkage(squareform(distance, checks=False), "average", optimal_ordering=True)
    return [int(place) for place in leaves_list(tree)]


def _least(row: NDArray[np.integer]) -> int:
    return max(1, int(np.ceil(_LEAST_SHARE * row.sum())))


def _picture_of(bitmaps: Sequence[NDArray[np.uint8]]) -> str:
    """Lay bitmaps out in rows of one picture."""
    side = bitmaps[0].shape[0] if bitmaps else 1
    rows = -(-len(bitmaps) // _TILES_A_ROW) or 1
    picture = np.zeros((rows * side, _TILES_A_ROW * side), np.uint8)
    for place, bitmap in enumerate(bitmaps):
        row, column = divmod(place, _TILES_A_ROW)
        picture[row * side : (row + 1) * side, column * side : (column + 1) * side] = bitmap >> 4
    return ink(picture)


def _categories(
    evaluation: Evaluation,
    confusion: NDArray[np.integer],
    examples: Sequence[Sequence[Prediction]],
) -> list[Category]:
    """Return the categories, that of the least F1 first."""
    mistaken = confusion - np.diag(np.diag(confusion))
    found, before = [], 0
    for place, scores in enumerate(evaluation.scores):
        tiles = [
            Tile(number % _TILES_A_ROW, number // _TILES_A_ROW, each.predicted, each.correct)
            for number, each in enumerate(examples[place], before)
        ]
        before += len(tiles)
        called, taken = (
            _largest(evaluation.class_set, counts)
            for counts in (mistaken[place], mistaken[:, place])
        )
        found.append(Category(place, scores, called, taken, tuple(tiles)))
    return sorted(found, key=lambda each: each.scores.f1 if each.scores.f1 is not None else 2.0)


def _largest(
    class_set: Sequence[str], counts: NDArray[np.integer]
) -> tuple[tuple[int, str, int], ...]:
    order = np.argsort(-counts, kind="stable")[:_NAMED]
    return tuple((int(i), class_set[i], int(counts[i])) for i in order if counts[i])

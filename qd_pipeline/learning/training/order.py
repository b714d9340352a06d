"""The order in which a training takes its drawings: random, and another one in each epoch."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

WINDOW: Final = 2**17
"""Drawings that are shuffled, and held in memory, at a time: some 20 megabytes of strokes."""


def windows(
    labels: NDArray[np.int32],
    random: np.random.Generator,
    *,
    size: int | None = WINDOW,
    balanced: bool = False,
) -> list[NDArray[np.int64]]:
    """Return the indices of an epoch's drawings in random order, by windows.

    Each window holds of each category a run of its drawings in the order of its files, in
    proportion to their number, so that a file is read in a few pieces and every window has the
    mixture of the whole. Where the runs begin, and so which drawings share a window, is another in
    each epoch. Within a window the order is a permutation.

    Args:
        labels: `int32 (n,)`, category of each drawing, in ascending order.
        random: Source of random numbers; its state decides the order.
        size: Drawings in a window; None: all.
        balanced: Whether each category has as many places in the epoch, of n altogether. Drawings
            of categories with fewer are repeated, of those with more some have to wait for
            another epoch.

    Returns:
        `int64 (k,)` each; all but the last have `size`.
    """
    count = len(labels)
    size = size or count
    if not balanced and count <= size:
        return [random.permutation(count)]
    counts = np.bincount(labels)
    present = counts > 0
    taken = np.where(present, -(-count // present.sum()), 0) if balanced else counts
    label = np.repeat(np.arange(len(counts), dtype=np.int32), taken)
    rank = np.arange(len(label)) - np.repeat(np.cumsum(taken) - taken, taken)
    place = (rank + random.random(len(counts))[label]) / taken[label]
    rank += random.integers(np.maximum(counts, 1))[label]
    which = np.repeat(np.cumsum(counts) - counts, taken) + rank % counts[label]
    which = which[np.argsort(place, kind="stable")[:count]]
    return [random.permutation(which[start : start + size]) for start in range(0, count, size)]

"""The batches that a network is fed with, made in other threads while it computes."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

import numpy as np

from qd_pipeline.learning import backend
from qd_pipeline.learning.data import pixels
from qd_pipeline.learning.training.augmentation import redraw
from qd_pipeline.quickdraw.kernels import ahead

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from numpy.typing import NDArray

    from qd_pipeline.learning.data import LabelledDrawings
    from qd_pipeline.learning.training.config import TrainingConfig

    Bitmaps = NDArray[np.uint8]
    Labels = NDArray[np.int32]
    Batch = tuple[NDArray[np.float32], Labels]

# Enough for a thread to be worth its while, little enough to hold two of them.
_CHUNK: Final = 2048

_VALIDATION_BATCH: Final = 512


def training_batches(
    drawings: LabelledDrawings, recipe: TrainingConfig, side: int
) -> tuple[Any, int]:
    """Give the batches of all epochs, one epoch after the other, each in an order of its own.

    Bitmaps are read or redrawn some 2,000 at a time, one such chunk ahead of the network, so
    memory does not grow with the drawings. Order and redrawing follow from the recipe's seed
    and the number of the epoch.

    Returns:
        A `tf.data.Dataset` of pixels and labels, and the number of batches in an epoch.
    """
    steps = _steps(len(drawings), recipe.batch_size)
    chunk = recipe.batch_size * _steps(_CHUNK, recipe.batch_size)

    def chunks() -> Iterator[tuple[Bitmaps, Labels]]:
        for epoch in range(recipe.epochs):
            random = np.random.default_rng([recipe.seed, epoch])
            order = random.permutation(len(drawings))
            for start in range(0, len(order), chunk):
                which = order[start : start + chunk]
                if recipe.redraw:
                    bitmaps = redraw(drawings.drawings(which), side, recipe.redraw, random)
                else:
                    bitmaps = drawings.bitmaps(which, side)
                yield bitmaps, drawings.labels[which]

    def batches() -> Iterator[Batch]:
        for bitmaps, labels in ahead(chunks()):
            yield from _cut(bitmaps, labels, recipe.batch_size)

    return _dataset(batches, side, steps * recipe.epochs), steps


def validation_batches(drawings: LabelledDrawings, side: int) -> Any:
    """Give all drawings once, in their order, as a `tf.data.Dataset` of pixels and labels."""

    def batches() -> Iterator[Batch]:
        for start in range(0, len(drawings), _CHUNK):
            which = slice(start, start + _CHUNK)
            yield from _cut(
                drawings.bitmaps(which, side), drawings.labels[which], _VALIDATION_BATCH
            )

    return _dataset(batches, side, _steps(len(drawings), _VALIDATION_BATCH))


def _cut(bitmaps: Bitmaps, labels: Labels, size: int) -> Iterator[Batch]:
    for start in range(0, len(labels), size):
        yield pixels(bitmaps[start : start + size]), labels[start : start + size]


def _steps(count: int, size: int) -> int:
    return -(-count // size)


def _dataset(batches: Callable[[], Iterator[Batch]], side: int, count: int) -> Any:
    """Have a known count of batches made in a thread of their own, some ahead of the network."""
    tf = backend.tf
    signature = (
        tf.TensorSpec((None, side, side, 1), tf.float32),
        tf.TensorSpec((None,), tf.int32),
    )
    dataset = tf.data.Dataset.from_generator(batches, output_signature=signature)
    options = tf.data.Options()
    # There is nothing here to tune; and when an iterator ends, it waits until its tuner looks up,
    # which is up to a minute later, and for ever when somebody sets the clock back.
    options.autotune.enabled = False
    counted = dataset.apply(tf.data.experimental.assert_cardinality(count))
    return counted.prefetch(4).with_options(options)

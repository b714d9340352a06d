"""Batches for training and validation, prepared in other threads while the network computes."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

import numpy as np

from qd_pipeline.learning import backend
from qd_pipeline.learning.inputs import Inputs, signature
from qd_pipeline.learning.training.augmentation import augment
from qd_pipeline.quickdraw.threads import prefetch

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from numpy.typing import NDArray

    from qd_pipeline.learning.data import LabelledDrawings
    from qd_pipeline.learning.networks import InputSpec
    from qd_pipeline.learning.training.config import TrainingConfig

    Labels = NDArray[np.int32]
    Batch = tuple[Any, Labels]

# Large enough to be worth a thread, small enough to hold two in memory.
_CHUNK: Final = 2048

_VALIDATION_BATCH: Final = 512


def training_batches(
    drawings: LabelledDrawings, config: TrainingConfig, spec: InputSpec
) -> tuple[Any, int]:
    """Return the batches of all epochs, each epoch in a random order of its own.

    Inputs are prepared for some 2,000 drawings at a time, one such chunk ahead of the network,
    so memory does not grow with the drawings. The seed and the number of the epoch decide order
    and augmentation.

    Returns:
        A `tf.data.Dataset` of inputs and labels, and the number of batches in an epoch.
    """
    steps = _steps(len(drawings), config.batch_size)
    chunk = config.batch_size * _steps(_CHUNK, config.batch_size)

    def chunks() -> Iterator[tuple[Inputs, Labels]]:
        tracing = None
        if config.traced and spec.length is not None:
            # It imports scikit-image.
            from qd_pipeline.learning.training.tracing import Tracing  # noqa: PLC0415

            tracing = Tracing(len(drawings), config)
        for epoch in range(config.epochs):
            random = np.random.default_rng([config.seed, epoch])
            order = random.permutation(len(drawings))
            for start in range(0, len(order), chunk):
                which = order[start : start + chunk]
                if config.augmentation or config.warp or tracing:
                    strokes = drawings.drawings(which)
                    if tracing:
                        strokes = tracing.mix(strokes, which, random)
                    inputs = augment(strokes, spec, config, random)
                else:
                    inputs = drawings.inputs(which, spec)
                yield inputs, drawings.labels[which]

    def batches() -> Iterator[Batch]:
        for inputs, labels in prefetch(chunks()):
            yield from _cut(inputs, labels, config.batch_size)

    return _dataset(batches, spec, steps * config.epochs), steps


def validation_batches(drawings: LabelledDrawings, spec: InputSpec) -> Any:
    """Return all drawings once, in their order, as a `tf.data.Dataset` of inputs and labels."""

    def batches() -> Iterator[Batch]:
        for start in range(0, len(drawings), _CHUNK):
            which = slice(start, start + _CHUNK)
            inputs = drawings.inputs(which, spec)
            yield from _cut(inputs, drawings.labels[which], _VALIDATION_BATCH)

    return _dataset(batches, spec, _steps(len(drawings), _VALIDATION_BATCH))


def _cut(inputs: Inputs, labels: Labels, size: int) -> Iterator[Batch]:
    for start in range(0, len(labels), size):
        yield inputs[start : start + size].tensors(), labels[start : start + size]


def _steps(count: int, size: int) -> int:
    return -(-count // size)


def _dataset(batches: Callable[[], Iterator[Batch]], spec: InputSpec, count: int) -> Any:
    """Return a dataset of so many batches, generated in another thread and prefetched."""
    tf = backend.tf
    types = (signature(spec), tf.TensorSpec((None,), tf.int32))
    dataset = tf.data.Dataset.from_generator(batches, output_signature=types)
    options = tf.data.Options()
    # There is nothing here to tune; and an iterator that ends waits for its tuner's next round,
    # which is up to a minute later, and never comes when the clock is set back.
    options.autotune.enabled = False
    counted = dataset.apply(tf.data.experimental.assert_cardinality(count))
    return counted.prefetch(4).with_options(options)

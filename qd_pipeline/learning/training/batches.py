"""Batches for training and validation, prepared in other threads while the network computes."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

import numpy as np

from qd_pipeline.learning import backend
from qd_pipeline.learning.inputs import Inputs, signature
from qd_pipeline.learning.training.augmentation import augment
from qd_pipeline.learning.training.order import WINDOW, windows
from qd_pipeline.quickdraw.threads import prefetch

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    import pyarrow as pa
    from numpy.typing import NDArray

    from qd_pipeline.learning.data import LabelledDrawings
    from qd_pipeline.learning.networks import InputSpec
    from qd_pipeline.learning.training.config import TrainingConfig
    from qd_pipeline.learning.training.tracing import Tracing

    Labels = NDArray[np.int32]
    Batch = tuple[Any, Labels]

# Large enough to be worth a thread, small enough to hold two in memory.
_CHUNK: Final = 2048

_VALIDATION_BATCH: Final = 512


def batch_count(drawings: LabelledDrawings, config: TrainingConfig) -> int:
    """Return the number of training batches in an epoch."""
    return _steps(len(drawings), config.batch_size)


def training_batches(
    drawings: LabelledDrawings, config: TrainingConfig, spec: InputSpec, *, first_epoch: int = 0
) -> Any:
    """Return the batches of all epochs, each epoch in a random order of its own.

    Inputs are prepared for some 2,000 drawings at a time, one such chunk ahead of the network, and
    of many drawings the strokes are read for a window of the order (`order.windows`) at a time, so
    memory does not grow with the drawings. The seed and the number of the epoch decide order and
    augmentation.

    Args:
        drawings: Those to train on.
        config: The settings.
        spec: What the network takes in.
        first_epoch: Where a training goes on that was trained for some epochs already.

    Returns:
        A `tf.data.Dataset` of inputs and labels.
    """

    def batches() -> Iterator[Batch]:
        for inputs, labels in prefetch(_chunks(drawings, config, spec, first_epoch)):
            yield from _cut(inputs, labels, config.batch_size)

    epochs = config.epochs - first_epoch
    return _dataset(batches, spec, batch_count(drawings, config) * epochs)


def _chunks(
    drawings: LabelledDrawings, config: TrainingConfig, spec: InputSpec, first_epoch: int
) -> Iterator[tuple[Inputs, Labels]]:
    chunk = config.batch_size * _steps(_CHUNK, config.batch_size)
    size = None if drawings.fit_in_memory else chunk * _steps(WINDOW, chunk)
    tracing = None
    if config.traced and spec.length is not None:
        # It imports scikit-image.
        from qd_pipeline.learning.training.tracing import Tracing  # noqa: PLC0415

        tracing = Tracing(len(drawings), config)
    for epoch in range(config.epochs):
        random = np.random.default_rng([config.seed, epoch])
        for window in windows(drawings.labels, random, size=size, balanced=config.balanced):
            parts = [window[start : start + chunk] for start in range(0, len(window), chunk)]
            if epoch < first_epoch:
                if tracing:
                    for which in parts:
                        tracing.catch_up(drawings, which)
                continue
            read = None if size is None else drawings.drawings(window)
            for part, which in enumerate(parts):
                strokes = None if read is None else read.slice(part * chunk, chunk)
                inputs = _inputs(drawings, which, strokes, tracing, config, spec, random)
                yield inputs, drawings.labels[which]


def _inputs(
    drawings: LabelledDrawings,
    which: NDArray[np.int64],
    strokes: pa.Array | None,
    tracing: Tracing | None,
    config: TrainingConfig,
    spec: InputSpec,
    random: np.random.Generator,
) -> Inputs:
    """Return the inputs of some drawings, whose strokes may have been read already."""
    if strokes is None:
        if not (config.augmentation or config.warp or tracing):
            return drawings.inputs(which, spec)
        strokes = drawings.drawings(which)
    traced = tracing.mix(strokes, which, random) if tracing else None
    return augment(strokes, spec, config, random, traced=traced)


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

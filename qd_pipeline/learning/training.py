"""Training a network on a class set's drawings."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any, Final

import numpy as np

from qd_pipeline.learning import backend, networks
from qd_pipeline.learning.classifier import Classifier, Training
from qd_pipeline.learning.data import pixels

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

    from numpy.typing import NDArray

    from qd_pipeline.learning.data import ClassSetData, LabelledDrawings
    from qd_pipeline.learning.recipe import Recipe

    Batch = tuple[NDArray[np.float32], NDArray[np.int32]]

_VALIDATION_BATCH: Final = 512


def train(
    data: ClassSetData,
    recipe: Recipe,
    *,
    on_epoch: Callable[[int, Mapping[str, float]], None] | None = None,
    on_progress: Callable[[int, int], None] | None = None,
) -> Classifier:
    """Train a network; the same seed gives the same weights on the same machine.

    It seeds the random numbers of Python, NumPy and Keras, and has TensorFlow work
    deterministically from then on, which costs about 3 % of its speed.

    Args:
        data: The drawings; those of its training side are learned from. Where the validation
            side is empty, the history lacks its metrics.
        recipe: The settings.
        on_epoch: Called after each epoch with its number, from 0, and its metrics: `loss`,
            `accuracy`, `val_loss`, `val_accuracy`.
        on_progress: Called after each batch with the drawings learned from so far and
            altogether (those of an epoch count again in the next).

    Returns:
        The classifier, with its training's history.
    """
    keras = backend.keras
    keras.utils.set_random_seed(recipe.seed)
    backend.tf.config.experimental.enable_op_determinism()
    network = networks.build(recipe.network, len(data.class_set), data.side, units=recipe.units)
    network.compile(
        optimizer=keras.optimizers.get(
            {"class_name": recipe.optimizer, "config": {"learning_rate": recipe.learning_rate}}
        ),
        loss="sparse_categorical_crossentropy",
        metrics=["accuracy"],
        # XLA is several times slower than graph mode on CPUs here.
        jit_compile=False,
    )
    history: list[dict[str, float]] = []
    count = len(data.training)
    steps = _steps(data.training, recipe.batch_size)

    def batch_ended(batch: int, **_: Any) -> None:
        if on_progress:
            done = len(history) * count + min((batch + 1) * recipe.batch_size, count)
            on_progress(done, recipe.epochs * count)

    def epoch_ended(epoch: int, logs: Mapping[str, float]) -> None:
        history.append({name: float(value) for name, value in logs.items()})
        if on_epoch:
            on_epoch(epoch, history[-1])

    started = time.perf_counter()
    network.fit(
        _stream(_shuffled(data.training, recipe), data.side, steps * recipe.epochs),
        epochs=recipe.epochs,
        steps_per_epoch=steps,
        shuffle=False,
        validation_data=(
            _stream(_in_order(data.validation), data.side, _steps(data.validation))
            if len(data.validation)
            else None
        ),
        callbacks=[
            keras.callbacks.LambdaCallback(on_train_batch_end=batch_ended, on_epoch_end=epoch_ended)
        ],
        verbose=0,
    )
    seconds = time.perf_counter() - started
    training = Training(recipe, tuple(history), seconds, count, len(data.validation))
    return Classifier(network, data.class_set, training)


def _shuffled(drawings: LabelledDrawings, recipe: Recipe) -> Callable[[], Iterator[Batch]]:
    """Give the batches of all epochs, one epoch after the other, each in an order of its own."""

    def batches() -> Iterator[Batch]:
        for epoch in range(recipe.epochs):
            order = np.random.default_rng([recipe.seed, epoch]).permutation(len(drawings))
            for start in range(0, len(order), recipe.batch_size):
                which = order[start : start + recipe.batch_size]
                yield pixels(drawings.bitmaps(which)), drawings.labels[which]

    return batches


def _in_order(drawings: LabelledDrawings) -> Callable[[], Iterator[Batch]]:
    def batches() -> Iterator[Batch]:
        for start in range(0, len(drawings), _VALIDATION_BATCH):
            which = slice(start, start + _VALIDATION_BATCH)
            yield pixels(drawings.bitmaps(which)), drawings.labels[which]

    return batches


def _steps(drawings: LabelledDrawings, batch_size: int = _VALIDATION_BATCH) -> int:
    return -(-len(drawings) // batch_size)


def _stream(batches: Callable[[], Iterator[Batch]], side: int, count: int) -> Any:
    """Have a known count of batches made in a thread of their own, some ahead of the network."""
    tf = backend.tf
    signature = (
        tf.TensorSpec((None, side, side, 1), tf.float32),
        tf.TensorSpec((None,), tf.int32),
    )
    dataset = tf.data.Dataset.from_generator(batches, output_signature=signature)
    return dataset.apply(tf.data.experimental.assert_cardinality(count)).prefetch(4)

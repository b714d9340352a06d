"""Training a network on a class set's drawings."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any, Final

import numpy as np

from qd_pipeline.learning import backend, networks
from qd_pipeline.learning.calibration import fit_temperature
from qd_pipeline.learning.classifier import Classifier, Training
from qd_pipeline.learning.post_processing import cool, mirrored
from qd_pipeline.learning.training.batches import training_batches, validation_batches

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    import keras

    from qd_pipeline.learning.data import ClassSetData
    from qd_pipeline.learning.training.config import TrainingConfig

_RISING: Final = 0.25
_FIRST_RATE: Final = 1 / 25


def train(
    data: ClassSetData,
    recipe: TrainingConfig,
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
        The classifier, with its training's history, whose metrics are of the network before it
        was given mirror images and a temperature. Without a validation side none is sought.
    """
    keras = backend.keras
    keras.utils.set_random_seed(recipe.seed)
    backend.tf.config.experimental.enable_op_determinism()
    side = networks.side_of(recipe.network)
    network = networks.build(recipe.network, len(data.class_set), side, units=recipe.units)
    count = len(data.training)
    batches, steps = training_batches(data.training, recipe, side)
    network.compile(
        optimizer=_optimizer(recipe, steps * recipe.epochs),
        loss=_loss(recipe, len(data.class_set)),
        metrics=["accuracy"],
        # XLA is several times slower than graph mode on CPUs here.
        jit_compile=False,
    )
    history: list[dict[str, float]] = []

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
        batches,
        epochs=recipe.epochs,
        steps_per_epoch=steps,
        shuffle=False,
        validation_data=(
            validation_batches(data.validation, side) if len(data.validation) else None
        ),
        callbacks=[
            keras.callbacks.LambdaCallback(on_train_batch_end=batch_ended, on_epoch_end=epoch_ended)
        ],
        verbose=0,
    )
    if recipe.mirrored:
        network = mirrored(network)
    temperature = _calibrate(network, data) if recipe.calibrated and len(data.validation) else 1.0
    seconds = time.perf_counter() - started
    training = Training(recipe, tuple(history), seconds, count, len(data.validation), temperature)
    return Classifier(network, data.class_set, training)


def _calibrate(network: keras.Model, data: ClassSetData) -> float:
    """Find the temperature that suits the validation side, and give it to the network."""
    # Called as it is: `predict` would first trace a graph, for longer than the work takes.
    pictures = validation_batches(data.validation, int(network.input_shape[1]))
    outputs = [np.asarray(network(batch, training=False)) for batch, _ in pictures]
    probabilities = np.concatenate(outputs)
    temperature = fit_temperature(probabilities, data.validation.labels)
    cool(network, temperature)
    return temperature


def _optimizer(recipe: TrainingConfig, steps: int) -> Any:
    """Give the optimiser, its learning rate scheduled over so many steps."""
    keras = backend.keras
    rate: Any = recipe.learning_rate
    if recipe.schedule == "one_cycle":
        rising = max(1, round(steps * _RISING))
        rate = keras.optimizers.schedules.CosineDecay(
            recipe.learning_rate * _FIRST_RATE,
            max(1, steps - rising),
            warmup_target=recipe.learning_rate,
            warmup_steps=rising,
        )
    if recipe.optimizer == "adamw":
        optimizer = keras.optimizers.AdamW(rate, weight_decay=recipe.weight_decay)
        optimizer.exclude_from_weight_decay(var_names=["bias", "gamma", "beta"])
        return optimizer
    return keras.optimizers.get({"class_name": recipe.optimizer, "config": {"learning_rate": rate}})


def _loss(recipe: TrainingConfig, class_count: int) -> Any:
    keras = backend.keras
    if not recipe.label_smoothing:
        return "sparse_categorical_crossentropy"

    def smoothed(labels: Any, probabilities: Any) -> Any:
        return keras.losses.categorical_crossentropy(
            keras.ops.one_hot(keras.ops.reshape(labels, (-1,)), class_count),
            probabilities,
            label_smoothing=recipe.label_smoothing,
        )

    return smoothed

"""Training of a network on the drawings of a class set."""

from __future__ import annotations

import time
from functools import partial
from math import cos, isfinite, nan, pi
from typing import TYPE_CHECKING, Any, Final

import numpy as np

from qd_pipeline.errors import TrainingDiverged
from qd_pipeline.learning import backend, device, networks
from qd_pipeline.learning.calibration import fit_temperature
from qd_pipeline.learning.classifier import Classifier, Training
from qd_pipeline.learning.post_processing import (
    apply_temperature,
    average_flips,
    fold_normalization,
)
from qd_pipeline.learning.training.batches import batch_count, training_batches, validation_batches
from qd_pipeline.learning.training.selection import training_drawings, validation_drawings

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    import keras

    from qd_pipeline.learning.data import ClassSetData, LabelledDrawings
    from qd_pipeline.learning.networks import InputSpec
    from qd_pipeline.learning.training.checkpoint import Checkpoint
    from qd_pipeline.learning.training.config import TrainingConfig

_RISING: Final = 0.25
_FIRST_RATE: Final = 1 / 25

_MOST_CALIBRATED: Final = 2**15

_EXPECTED_TEMPERATURES: Final[dict[float | None, float]] = {0.1: 0.61}
"""By label smoothing, which makes networks underconfident, whichever network it is.

Out of fold on real drawings (15 categories of 300), the best temperatures of `stroke_cnn` and
`picture_and_strokes` were 0.61 to 0.62.
"""


def train(
    data: ClassSetData,
    config: TrainingConfig,
    *,
    on_epoch: Callable[[int, Mapping[str, float]], None] | None = None,
    on_progress: Callable[[int, int], None] | None = None,
    checkpoint: Checkpoint | None = None,
) -> Classifier:
    """Train a network; the same seed gives the same weights on the same machine.

    It seeds the random numbers of Python, NumPy and Keras, and makes TensorFlow deterministic
    from then on, which costs about 3 % of its speed.

    Args:
        data: The drawings. Without validation drawings the history lacks their metrics, and no
            temperature is fitted.
        config: The settings.
        on_epoch: Called after each epoch with its number, from 0, and its metrics: `loss`,
            `accuracy`, `val_loss`, `val_accuracy`.
        on_progress: Called after each batch with the drawings processed so far and
            altogether (those of an epoch count again in the next).
        checkpoint: Where the state is saved after epochs, and from which a training of the same
            drawings and settings that was killed goes on, to the same weights.

    Returns:
        The classifier, with its training's history, whose metrics are those before flip
        averaging and temperature.

    Raises:
        BadSetting: A category has no drawing to train on, or the file of excluded key_ids cannot
            be read.
        TrainingDiverged: The loss or a weight is not finite; raised after the batch or epoch
            in which that happened.
    """
    keras = backend.keras
    keras.utils.set_random_seed(config.seed)
    backend.tf.config.experimental.enable_op_determinism()
    spec = networks.input_spec(config.network)
    classes = len(data.class_set)
    build = partial(networks.build, config.network, classes, spec.side, units=config.units)
    on_gpu = device.has_gpu()
    network = device.in_mixed_precision(build) if on_gpu else build()
    drawings, validation = training_drawings(data, config), validation_drawings(data, config)
    count = len(drawings)
    steps = batch_count(drawings, config)
    network.compile(
        optimizer=_optimizer(config),
        loss=_loss(config, classes),
        metrics=[keras.metrics.SparseCategoricalAccuracy("accuracy")],
        # XLA is several times slower than graph mode on CPUs here; and with deterministic
        # operations, by which the same seed gives the same network, Keras refuses it everywhere.
        jit_compile=False,
    )
    # Variables that are made in the first step make TensorFlow trace it twice.
    network.optimizer.build(network.trainable_variables)
    history, before = checkpoint.restore(network) if checkpoint else ([], 0.0)
    batches = training_batches(drawings, config, spec, first_epoch=len(history))

    def batch_begins(batch: int, **_logs: Any) -> None:
        step = len(history) * steps + batch
        network.optimizer.learning_rate = _learning_rate(config, step, config.epochs * steps)

    def batch_ended(batch: int, logs: Mapping[str, float]) -> None:
        _check_finite(logs, config, len(history))
        if on_progress:
            done = len(history) * count + min((batch + 1) * config.batch_size, count)
            on_progress(done, config.epochs * count)

    def epoch_ended(epoch: int, logs: Mapping[str, float]) -> None:
        weights = (np.isfinite(each).all() for each in network.get_weights())
        _check_finite({**logs, "weights": 0.0 if all(weights) else nan}, config, epoch)
        history.append({name: float(value) for name, value in logs.items()})
        if on_epoch:
            on_epoch(epoch, history[-1])
        if checkpoint and len(history) < config.epochs:
            checkpoint.save_when_due(network, history, before + time.perf_counter() - started)

    started = time.perf_counter()
    network.fit(
        batches,
        initial_epoch=len(history),
        epochs=config.epochs,
        steps_per_epoch=steps,
        shuffle=False,
        validation_data=validation_batches(validation, spec) if len(validation) else None,
        callbacks=[
            keras.callbacks.LambdaCallback(
                on_train_batch_begin=batch_begins,
                on_train_batch_end=batch_ended,
                on_epoch_end=epoch_ended,
            )
        ],
        verbose=0,
    )
    if on_gpu:  # and classify with it on any device
        weights = network.get_weights()
        network = build()
        network.set_weights(weights)
    network = fold_normalization(network)
    if config.flip_averaging:
        network = average_flips(network)
    temperature = 1.0
    if config.calibrated and len(validation):
        # Without augmentation a network learns its drawings by heart, and nothing is expected.
        smoothing = config.label_smoothing if config.augmentation else None
        expected = _EXPECTED_TEMPERATURES.get(smoothing)
        temperature = _calibrate(network, validation, spec, expected)
    seconds = before + time.perf_counter() - started
    training = Training(config, tuple(history), seconds, count, len(validation), temperature)
    return Classifier(network, data.class_set, training)


def _check_finite(values: Mapping[str, float], config: TrainingConfig, epoch: int) -> None:
    """Raise an error for a loss or weights that are not finite."""
    for name, value in values.items():
        if not isfinite(value):
            raise TrainingDiverged(
                f"the training of {config.network}",
                f"diverged in epoch {epoch + 1} ({name.replace('val_', 'validation ')} not finite)",
                f"give a learning rate below {config.learning_rate:g}",
            )


def _calibrate(
    network: keras.Model, drawings: LabelledDrawings, spec: InputSpec, expected: float | None
) -> float:
    """Fit a temperature on the validation split, or a part of it, and apply it to the network."""
    # One parameter needs no more, and of many categories all probabilities would fill the memory.
    drawings = drawings.evenly(_MOST_CALIBRATED)
    # Called eagerly: `predict` would first trace a graph, which takes longer than the work.
    batches = validation_batches(drawings, spec)
    outputs = [np.asarray(network(batch, training=False)) for batch, _ in batches]
    probabilities = np.concatenate(outputs)
    temperature = fit_temperature(probabilities, drawings.labels, expected=expected)
    apply_temperature(network, temperature)
    return temperature


def _optimizer(config: TrainingConfig) -> Any:
    keras = backend.keras
    rate = config.learning_rate
    if config.optimizer == "adamw":
        optimizer = keras.optimizers.AdamW(
            rate, weight_decay=config.weight_decay, beta_2=config.beta_2
        )
        optimizer.exclude_from_weight_decay(var_names=["bias", "gamma", "beta"])
        return optimizer
    return keras.optimizers.get({"class_name": config.optimizer, "config": {"learning_rate": rate}})


def _learning_rate(config: TrainingConfig, step: int, steps: int) -> float:
    """Return the learning rate of one of so many steps.

    Keras' schedules are part of the graph, and AdamW has a copy of them for each variable.
    """
    highest, rising = config.learning_rate, max(1, round(steps * _RISING))
    if config.schedule != "one_cycle":
        return highest
    if step < rising:
        return highest * (_FIRST_RATE + (1 - _FIRST_RATE) * step / rising)
    return highest * (1 + cos(pi * (step - rising) / max(1, steps - rising))) / 2


def _loss(config: TrainingConfig, class_count: int) -> Any:
    keras = backend.keras
    if not config.label_smoothing:
        return "sparse_categorical_crossentropy"

    def smoothed(labels: Any, probabilities: Any) -> Any:
        return keras.losses.categorical_crossentropy(
            keras.ops.one_hot(keras.ops.reshape(labels, (-1,)), class_count),
            probabilities,
            label_smoothing=config.label_smoothing,
        )

    return smoothed

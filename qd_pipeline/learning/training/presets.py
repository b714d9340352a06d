"""Presets: settings of a training to begin from, by class count."""

from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import Any, Final

from qd_pipeline.errors import BadSetting
from qd_pipeline.learning.training.config import TrainingConfig

NOTEBOOK_EPOCHS: Final = {2: 10, 8: 20}
"""Epochs that the notebook trained for, by class count, where they are not 15."""


def notebook(class_count: int) -> TrainingConfig:
    """Return the notebook's settings: Adam at 0.001, batches of 128, epochs by class count.

    Accuracies and times of all presets stand in `docs/benchmarks/learning.json`, which
    `make bench-learning` writes.

    >>> [notebook(class_count).epochs for class_count in (2, 4, 8)]
    [10, 15, 20]
    """
    return TrainingConfig(epochs=NOTEBOOK_EPOCHS.get(class_count, 15))


def baseline(_class_count: int) -> TrainingConfig:
    """Return the settings of the notebook's baseline, a dense network.

    >>> baseline(8).optimizer, baseline(8).learning_rate
    ('rmsprop', 0.0001)
    """
    return TrainingConfig(
        network="dense_baseline", epochs=30, optimizer="rmsprop", learning_rate=0.0001
    )


def default(class_count: int) -> TrainingConfig:
    """Return the settings for everyday use: less than half the notebook's errors.

    A training has fixed costs that the notebook's lacks, so there are fewer epochs.

    >>> [default(class_count).epochs for class_count in (2, 4, 8)]
    [9, 13, 17]
    """
    return TrainingConfig(
        network="picture_and_strokes",
        epochs=round(notebook(class_count).epochs * 13 / 15),
        batch_size=128,
        learning_rate=0.03,
        optimizer="adamw",
        schedule="one_cycle",
        beta_2=0.98,
        weight_decay=0.02,
        label_smoothing=0.1,
        augmentation=0.6,
        traced=0.35,
        flip_averaging=True,
        calibrated=True,
    )


def fast(class_count: int) -> TrainingConfig:
    """Return the fastest settings: the strokes alone, in a fraction of the notebook's time.

    It is meant for strokes, which it takes in the order in which they were drawn: pictures
    of drawings, which do not tell it, are classified clearly better by the other presets.

    >>> [fast(class_count).epochs for class_count in (2, 4, 8)]
    [6, 9, 12]
    """
    return default(class_count).with_settings(
        network="stroke_cnn",
        epochs=round(notebook(class_count).epochs * 9 / 15),
        batch_size=96,
        traced=0.05,
        flip_averaging=False,
    )


def best(class_count: int) -> TrainingConfig:
    """Return the settings with the fewest errors, at several times the notebook's time."""
    return default(class_count).with_settings(
        network="wide_picture_and_strokes",
        epochs=round(notebook(class_count).epochs * 10 / 3),
        learning_rate=0.02,
        beta_2=0.999,
        weight_decay=0.04,
        augmentation=1.0,
        warp=1.0,
        traced=0.1,
    )


def large(class_count: int) -> TrainingConfig:
    """Return settings for hundreds of categories with thousands of drawings each, on a GPU.

    Epochs are few, for they are long, and so many drawings need little augmentation.

    >>> large(345).epochs
    8
    """
    return default(class_count).with_settings(
        network="large_picture_and_strokes",
        epochs=8,
        batch_size=512,
        beta_2=0.999,
        augmentation=0.3,
        traced=0.1,
    )


PRESETS: Final[Mapping[str, Callable[[int], TrainingConfig]]] = MappingProxyType(
    {
        "notebook": notebook,
        "default": default,
        "fast": fast,
        "best": best,
        "large": large,
        "baseline": baseline,
    }
)
"""Name → function of the class count."""


def from_preset(
    class_count: int, *, preset: str | None = None, network: str | None = None, **settings: Any
) -> TrainingConfig:
    """Return the settings of a preset, some of them replaced.

    Args:
        class_count: Number of categories.
        preset: One of `PRESETS`; by default the first that has the network, else `default`.
        network: One of `networks.NETWORKS`; by default the preset's.
        settings: Settings that replace those of the preset, where they are not None.

    Raises:
        BadSetting: A name is not known, or a setting is out of bounds.

    >>> from_preset(8, network="seed_cnn").optimizer, from_preset(8, network="stroke_cnn").optimizer
    ('adam', 'adamw')
    """
    name = preset or _preset_of(network)
    if name not in PRESETS:
        raise BadSetting(f"preset {name!r}", "is not known", f"give one of {', '.join(PRESETS)}")
    given = {name: value for name, value in settings.items() if value is not None}
    if given.get("optimizer", "adamw") != "adamw":  # which alone takes these
        own = TrainingConfig()
        given = {"beta_2": own.beta_2, "weight_decay": own.weight_decay} | given
    return PRESETS[name](class_count).with_settings(network=network, **given)


def _preset_of(network: str | None) -> str:
    """Return the first preset with a network: a rate that suits one ruins another."""
    with_it = (name for name, preset in PRESETS.items() if preset(2).network == network)
    return next(with_it, "default")

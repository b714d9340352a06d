"""Training configuration: all settings of one training as values."""

import dataclasses
import re
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from types import MappingProxyType
from typing import Any, Final, Self, get_type_hints

from pydantic import TypeAdapter, ValidationError

from qd_pipeline.errors import BadSetting
from qd_pipeline.learning import networks
from qd_pipeline.learning.bounds import Bounds
from qd_pipeline.learning.training import key_ids

OPTIMIZERS: Final = ("adam", "adamw", "rmsprop", "sgd")
SCHEDULES: Final = ("constant", "one_cycle")

BOUNDS: Final[Mapping[str, Bounds]] = MappingProxyType(
    {
        "epochs": Bounds(ge=1, whole=True),
        "batch_size": Bounds(ge=1, whole=True),
        "learning_rate": Bounds(gt=0),
        "seed": Bounds(ge=0, le=2**32 - 1, whole=True),
        "units": networks.UNITS,
        "beta_2": Bounds(ge=0, lt=1),
        "weight_decay": Bounds(ge=0),
        "label_smoothing": Bounds(ge=0, lt=1),
        "augmentation": Bounds(ge=0),
        "warp": Bounds(ge=0),
        "traced": Bounds(ge=0, le=0.5),
    }
)
"""Bounds of the numeric settings, by name."""


_COUNTRIES: Final = re.compile("[A-Z]{2}(,[A-Z]{2})*")


@dataclass(frozen=True)
class TrainingConfig:
    """The settings of a training.

    A setting that is added here later has a default that changes nothing, and defaults stay
    what they are: what was trained before has the same `effective` settings then.

    Args:
        network: One of `networks.NETWORKS`.
        epochs: Passes over the training drawings, at least 1.
        batch_size: Drawings per step of the optimiser, at least 1.
        learning_rate: Step size of the optimiser, above 0; the highest of its schedule.
        optimizer: One of `OPTIMIZERS`, otherwise with Keras' own settings.
        seed: Decides the initial weights, the order of the drawings, augmentation and dropout,
            0 – 2³²-1.
        units: Width of the network's hidden dense layer, at least 1, for networks that have
            this setting; None: the network's default.
        schedule: Learning rate schedule: `constant`, or `one_cycle`, which rises from a 25th
            over the first quarter of the steps and falls along a cosine to 0 (after
            L. N. Smith and N. Topin, "Super-convergence", 2019).
        beta_2: Decay of `adamw`'s averages of squared gradients, in [0, 1); a lower one than its
            own 0.999 suits trainings of some hundred steps.
        weight_decay: Of `adamw`, from 0; biases and normalisations are excluded.
        label_smoothing: Share of each label that is spread over all categories, in [0, 1):
            a guard against wrong labels, of which the dataset has some.
        augmentation: Strength with which the strokes of each epoch are rotated, scaled,
            sheared, shifted and flipped before they are rasterized
            (`augmentation.affine_maps`); 0: not at all.
        warp: Strength of the smooth warp of the strokes in each epoch, from 0
            (`augmentation.warps`).
        traced: Share of the drawings, up to 0.5, whose sequences are in each epoch as they would
            be read from a picture (`tracing.Tracing`), so that pictures are recognised too.
        flip_averaging: Flip test-time augmentation: whether the classifier averages its logits
            over each bitmap and its mirror image.
        only_recognized: Whether training drawings that the game did not recognise are left out;
            validation and test drawings stay, as they do with `countries`.
        countries: Codes of the only countries whose drawings are trained on, as "DE,US".
        balanced: Class-balanced sampling: whether an epoch has as many drawings of each category,
            of as many drawings altogether (`order.windows`).
        exclude: Path of a file of key_ids (`key_ids.read`) that are neither trained nor
            validated on; test drawings stay.
        calibrated: Whether a temperature is fitted on the validation split.

    Raises:
        BadSetting: A setting is out of bounds or not known.

    >>> TrainingConfig(epochs=0)
    Traceback (most recent call last):
    qd_pipeline.errors.BadSetting: epochs is 0: give a whole number from 1.
    """

    network: str = "seed_cnn"
    epochs: int = 15
    batch_size: int = 128
    learning_rate: float = 0.001
    optimizer: str = "adam"
    seed: int = 0
    units: int | None = None
    schedule: str = "constant"
    beta_2: float = 0.999
    weight_decay: float = 0.0
    label_smoothing: float = 0.0
    augmentation: float = 0.0
    warp: float = 0.0
    traced: float = 0.0
    flip_averaging: bool = False
    calibrated: bool = False
    only_recognized: bool = False
    countries: str | None = None
    balanced: bool = False
    exclude: str | None = None

    def __post_init__(self) -> None:
        networks.check_name(self.network)
        if self.units is not None:
            networks.check_units(self.network, self.units)
        for name, bounds in BOUNDS.items():
            value = getattr(self, name)
            if value is not None:
                bounds.check(name, value)
        for name, known in (("optimizer", OPTIMIZERS), ("schedule", SCHEDULES)):
            value = getattr(self, name)
            if value not in known:
                raise BadSetting(
                    f"{name} {value!r}", "is not known", f"give one of {', '.join(known)}"
                )
        if self.countries is not None and not _COUNTRIES.fullmatch(self.countries):
            raise BadSetting(f"countries {self.countries[:80]!r}", "are not codes", "give DE,US")
        if self.optimizer != "adamw":
            for name in ("weight_decay", "beta_2"):
                if getattr(self, name) != (default := getattr(type(self), name)):
                    raise BadSetting(
                        f"optimizer {self.optimizer!r}",
                        f"takes no {name}",
                        f"give adamw, or set it to {default:g}",
                    )

    def with_settings(self, **settings: Any) -> Self:
        """Return a copy with other settings; those that are None stay as they are.

        Of an optimiser that takes no `beta_2`, that of this config is dropped.

        Raises:
            BadSetting: A setting is not known, has another type, or is out of bounds.

        >>> TrainingConfig().with_settings(seed=3, epochs=None).seed
        3
        """
        given = {
            name: parse_setting(name, value)
            for name, value in settings.items()
            if value is not None
        }
        return dataclasses.replace(self, **given)

    def to_json(self) -> dict[str, Any]:
        """Return all settings by name: whatever is needed to train again."""
        return dataclasses.asdict(self)

    @classmethod
    def from_json(cls, values: Mapping[str, Any]) -> Self:
        """Read settings by name; those that are missing have their defaults.

        Raises:
            BadSetting: A setting is not known, has another type, or is out of bounds.

        >>> TrainingConfig.from_json({"network": "seed_cnn", "momentum": 0.9})
        Traceback (most recent call last):
        qd_pipeline.errors.BadSetting: training setting 'momentum' is not known: \
give some of network, epochs, batch_size, learning_rate, optimizer, seed, units, schedule, \
beta_2, weight_decay, label_smoothing, augmentation, warp, traced, flip_averaging, calibrated, \
only_recognized, countries, balanced, exclude.
        """
        return cls(**{name: parse_setting(name, value) for name, value in values.items()})

    def effective(self) -> dict[str, Any]:
        """Return the settings that have an effect, by name, for a fingerprint.

        Settings that equal their defaults are left out, and so are units that are the network's
        own; so a setting that is added later changes nothing for trainings without it. Excluded
        drawings are described by what the file holds, wherever it lies.

        Raises:
            BadSetting: The file of excluded key_ids cannot be read.

        >>> TrainingConfig("seed_cnn", epochs=4, units=128).effective()
        {'epochs': 4}
        """
        defaults = {field.name: field.default for field in dataclasses.fields(self)}
        defaults["units"] = networks.default_units(self.network)
        effective = {
            name: value
            for name, value in self.to_json().items()
            if value is not None and value != defaults[name]
        }
        if path := effective.pop("exclude", None):
            effective["excluded_key_ids"] = key_ids.describe(path)
        return effective


@cache
def setting_types() -> Mapping[str, TypeAdapter[Any]]:
    """Return the types of the settings of a `TrainingConfig`, by name."""
    return {name: TypeAdapter(hint) for name, hint in get_type_hints(TrainingConfig).items()}


def parse_setting(name: str, value: Any) -> Any:
    """Check the name and the type of a setting, and return its value.

    Args:
        name: One of `setting_types`.
        value: As JSON or TOML gives it; whole numbers are numbers too.

    Raises:
        BadSetting: The setting is not known, or the value has another type.
    """
    types = setting_types()
    if name not in types:
        raise BadSetting(
            f"training setting {name[:80]!r}", "is not known", f"give some of {', '.join(types)}"
        )
    try:
        return types[name].validate_python(value, strict=True)
    except ValidationError as error:
        reason = error.errors()[0]["msg"]
        cause = f"cannot be {value!r} ({reason})"
        raise BadSetting(f"training setting {name!r}", cause, "give another value") from error

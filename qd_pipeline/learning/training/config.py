"""A recipe: all settings of one training, as values."""

import dataclasses
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from math import isfinite
from types import MappingProxyType
from typing import Any, Final, Self

from qd_pipeline.errors import BadSetting
from qd_pipeline.learning import networks

OPTIMIZERS: Final = ("adam", "adamw", "rmsprop", "sgd")
SCHEDULES: Final = ("constant", "one_cycle")

NOTEBOOK_EPOCHS: Final = {2: 10, 8: 20}
"""Epochs that the notebook trained for, by class count, where they are not 15."""

_COUNT: Final = (lambda count: count >= 1, "a whole number from 1")
_AMOUNT: Final = (lambda amount: isfinite(amount) and amount >= 0, "a number from 0")

_RANGES: Final[Mapping[str, tuple[Callable[[Any], bool], str]]] = {
    "epochs": _COUNT,
    "batch_size": _COUNT,
    "learning_rate": (lambda rate: isfinite(rate) and rate > 0, "a number above 0, like 0.001"),
    "seed": (lambda seed: 0 <= seed < 2**32, "a whole number from 0 to 4294967295"),
    "weight_decay": _AMOUNT,
    "label_smoothing": (lambda share: 0 <= share < 1, "a share from 0, below 1"),
    "redraw": _AMOUNT,
}
"""By setting: whether a value is allowed, and which are."""


@dataclass(frozen=True)
class TrainingConfig:
    """How a network is trained.

    Args:
        network: One of `networks.NETWORKS`.
        epochs: Passes over the training drawings, at least 1.
        batch_size: Drawings per step of the optimiser, at least 1.
        learning_rate: Step size of the optimiser, above 0; the highest of its schedule.
        optimizer: One of `OPTIMIZERS`, otherwise with Keras' own settings.
        seed: From which initial weights, order of drawings, redrawing and dropout follow,
            0 – 2³²-1.
        units: Width of the network's hidden dense layer, at least 1, for networks that have
            one to set; None: as the network's docstring says.
        schedule: How the learning rate goes: `constant`, or `one_cycle`, which rises from a
            25th over the first quarter of the steps and falls along a cosine to 0 (after
            L. N. Smith and N. Topin, "Super-convergence", 2019).
        weight_decay: Of `adamw`, from 0; biases and normalisations are spared.
        label_smoothing: Share of each label that is spread over all categories, in [0, 1):
            a guard against wrong labels, of which there are some.
        redraw: Strength by which the strokes of each epoch are turned, scaled, slanted, shifted
            and mirrored before they are drawn (`augmentation.affine_maps`); 0: not at all.
        mirrored: Whether the classifier looks at each bitmap and at its mirror image.
        calibrated: Whether its probabilities are brought to those seen on the validation side.

    Raises:
        BadSetting: when a setting is outside its range.

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
    weight_decay: float = 0.0
    label_smoothing: float = 0.0
    redraw: float = 0.0
    mirrored: bool = False
    calibrated: bool = False

    def __post_init__(self) -> None:
        networks.check_name(self.network)
        if self.units is not None:
            networks.check_units(self.network, self.units)
        for name, (allows, wanted) in _RANGES.items():
            value = getattr(self, name)
            if not allows(value):
                raise BadSetting(name.replace("_", " "), f"is {value}", f"give {wanted}")
        for name, known in (("optimizer", OPTIMIZERS), ("schedule", SCHEDULES)):
            value = getattr(self, name)
            if value not in known:
                raise BadSetting(
                    f"{name} {value!r}", "is not known", f"give one of {', '.join(known)}"
                )
        if self.weight_decay and self.optimizer != "adamw":
            raise BadSetting(
                f"optimizer {self.optimizer!r}", "takes no weight decay", "give adamw, or none"
            )

    @classmethod
    def notebook(cls, class_count: int) -> Self:
        """Give the notebook's recipe: Adam at 0.001, batches of 128, epochs by class count.

        Figures of the recipes are those of `make bench-learning`: 15 categories of 500 people's
        drawings, means of three seeds, on two cores. This one: 81.0 % of the test drawings, in
        21 seconds.

        >>> [TrainingConfig.notebook(class_count).epochs for class_count in (2, 4, 8)]
        [10, 15, 20]
        """
        return cls(epochs=NOTEBOOK_EPOCHS.get(class_count, 15))

    @classmethod
    def baseline(cls, _class_count: int) -> Self:
        """Give the recipe of the notebook's baseline, for a comparison with pixels alone.

        >>> TrainingConfig.baseline(8).optimizer, TrainingConfig.baseline(8).learning_rate
        ('rmsprop', 0.0001)
        """
        return cls(network="dense_baseline", epochs=30, optimizer="rmsprop", learning_rate=0.0001)

    @classmethod
    def default(cls, class_count: int) -> Self:
        """Give the recipe for every day: the notebook's time and half of its errors.

        89.9 %, in 21 seconds. Its epochs are the notebook's, so it takes about the notebook's
        time whatever the number of drawings: 265 seconds for 8 × 10,000, the notebook's 263.

        >>> [TrainingConfig.default(class_count).epochs for class_count in (2, 4, 8)]
        [10, 15, 20]
        """
        return cls(
            network="compact_cnn",
            epochs=cls.notebook(class_count).epochs,
            learning_rate=0.03,
            optimizer="adamw",
            schedule="one_cycle",
            weight_decay=0.02,
            label_smoothing=0.1,
            redraw=0.6,
            mirrored=True,
            calibrated=True,
        )

    @classmethod
    def fast(cls, class_count: int) -> Self:
        """Give the recipe for the impatient: the notebook's accuracy in a fraction of its time.

        82.8 %, in 8 seconds. In so few epochs no drawing is learned by heart, so none is
        redrawn. It wants thousands of drawings: of two categories' 700 of the sample, two epochs
        teach it 87 %, where the notebook's recipe comes to 97 %.

        >>> [TrainingConfig.fast(class_count).epochs for class_count in (2, 4, 8)]
        [2, 4, 5]
        """
        return cls.default(class_count).with_settings(
            epochs=round(cls.notebook(class_count).epochs / 4),
            redraw=0.0,
            mirrored=False,
        )

    @classmethod
    def best(cls, class_count: int) -> Self:
        """Give the recipe for the fewest errors, at thirteen times the notebook's time and more.

        92.3 %, in five minutes.
        """
        return cls.default(class_count).with_settings(
            network="deep_cnn",
            epochs=4 * cls.notebook(class_count).epochs,
            learning_rate=0.01,
            weight_decay=0.05,
            redraw=1.3,
        )

    def with_settings(self, **settings: Any) -> Self:
        """Give this recipe with other settings; those that are None stay as they are.

        >>> TrainingConfig.notebook(8).with_settings(seed=3, epochs=None).seed
        3
        """
        given = {name: value for name, value in settings.items() if value is not None}
        return dataclasses.replace(self, **given)

    def to_json(self) -> dict[str, Any]:
        """Give the settings by name."""
        return dataclasses.asdict(self)


PRESETS: Final[Mapping[str, Callable[[int], TrainingConfig]]] = MappingProxyType(
    {
        "notebook": TrainingConfig.notebook,
        "default": TrainingConfig.default,
        "fast": TrainingConfig.fast,
        "best": TrainingConfig.best,
        "baseline": TrainingConfig.baseline,
    }
)
"""Name → function of the class count: the recipes to begin from."""


def chosen(
    class_count: int, *, recipe: str | None = None, network: str | None = None, **settings: Any
) -> TrainingConfig:
    """Give the recipe that somebody asks for.

    Args:
        class_count: Number of categories to tell apart.
        recipe: One of `PRESETS`; by default that of the network.
        network: One of `networks.NETWORKS`; by default the recipe's.
        settings: Others that take the place of the recipe's, where they are not None.

    Raises:
        BadSetting: A name is not known, or a setting is outside its range.

    >>> chosen(8, network="seed_cnn").optimizer, chosen(8, network="deep_cnn").optimizer
    ('adam', 'adamw')
    """
    name = recipe or _recipe_of(network)
    if name not in PRESETS:
        raise BadSetting(f"recipe {name!r}", "is not known", f"give one of {', '.join(PRESETS)}")
    return PRESETS[name](class_count).with_settings(network=network, **settings)


def _recipe_of(network: str | None) -> str:
    """Name the first recipe that is made for a network: a rate that suits one ruins another."""
    made_for = (name for name, recipe in PRESETS.items() if recipe(2).network == network)
    return next(made_for, "default")

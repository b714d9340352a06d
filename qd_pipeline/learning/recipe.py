"""A recipe: all settings of one training, as values."""

import dataclasses
from dataclasses import dataclass
from math import isfinite
from typing import Any, Final, Self

from qd_pipeline.errors import BadSetting
from qd_pipeline.learning import networks

OPTIMIZERS: Final = ("adam", "rmsprop", "sgd")

NOTEBOOK_EPOCHS: Final = {2: 10, 8: 20}
"""Epochs that the notebook trained for, by class count, where they are not 15."""


@dataclass(frozen=True)
class Recipe:
    """How a network is trained.

    Args:
        network: One of `networks.NETWORKS`.
        epochs: Passes over the training drawings, at least 1.
        batch_size: Drawings per step of the optimiser, at least 1.
        learning_rate: Step size of the optimiser, above 0.
        optimizer: `adam`, `rmsprop` or `sgd`, otherwise with Keras' own settings.
        seed: From which initial weights, order of drawings and dropout follow, 0 – 2³²-1.
        units: Width of the network's hidden dense layer, at least 1, for networks that have
            one to set; None: as the network's docstring says.

    Raises:
        BadSetting: when a setting is outside its range.

    >>> Recipe(epochs=0)
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

    def __post_init__(self) -> None:
        networks.check_name(self.network)
        if self.units is not None:
            networks.check_units(self.network, self.units)
        for name in ("epochs", "batch_size"):
            value = getattr(self, name)
            if value < 1:
                raise BadSetting(
                    name.replace("_", " "), f"is {value}", "give a whole number from 1"
                )
        if not (isfinite(self.learning_rate) and self.learning_rate > 0):
            raise BadSetting(
                "learning rate", f"is {self.learning_rate}", "give a number above 0, like 0.001"
            )
        if self.optimizer not in OPTIMIZERS:
            raise BadSetting(
                f"optimizer {self.optimizer!r}",
                "is not known",
                f"give one of {', '.join(OPTIMIZERS)}",
            )
        if not 0 <= self.seed < 2**32:
            raise BadSetting("seed", f"is {self.seed}", "give a whole number from 0 to 4294967295")

    @classmethod
    def notebook(cls, class_count: int) -> Self:
        """Give the notebook's recipe: Adam at 0.001, batches of 128, epochs by class count.

        >>> [Recipe.notebook(class_count).epochs for class_count in (2, 4, 8)]
        [10, 15, 20]
        """
        return cls(epochs=NOTEBOOK_EPOCHS.get(class_count, 15))

    def with_settings(self, **settings: Any) -> Self:
        """Give this recipe with other settings; those that are None stay as they are.

        >>> Recipe.notebook(8).with_settings(seed=3, epochs=None)
        Recipe(network='seed_cnn', epochs=20, batch_size=128, learning_rate=0.001, \
optimizer='adam', seed=3, units=None)
        """
        given = {name: value for name, value in settings.items() if value is not None}
        return dataclasses.replace(self, **given)

    def to_json(self) -> dict[str, Any]:
        """Give the settings by name."""
        return dataclasses.asdict(self)

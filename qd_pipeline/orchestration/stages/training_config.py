"""Configuration of every stage that trains."""

from collections.abc import Mapping, Sequence
from dataclasses import fields
from typing import TYPE_CHECKING, Any, Final, Literal, Self

from pydantic import Field

from qd_pipeline.class_sets import ClassSets
from qd_pipeline.learning.networks import NETWORKS
from qd_pipeline.learning.studies.shared_trials import WORKER_BOUNDS
from qd_pipeline.learning.training.config import BOUNDS, TrainingConfig
from qd_pipeline.learning.training.presets import PRESETS, from_preset
from qd_pipeline.orchestration.stage import StageConfig
from qd_pipeline.settings import Settings

AUTO: Final = "auto"

if TYPE_CHECKING:
    Network = str
    Preset = str
else:
    # The launchpad offers the registries' names, and refuses others.
    Network = Literal[(AUTO, *sorted(NETWORKS))]
    Preset = Literal[(AUTO, *PRESETS)]


class TrainingStageConfig(StageConfig):
    """How to train. What is left out is as in the preset."""

    preset: Preset = Field(
        default=AUTO,
        description="Settings to begin from: default, fast, best, large (hundreds of categories, "
        "on a GPU), notebook (as it trained its CNN) or baseline (as it trained its dense "
        "network). auto: the one made for the network below, else default.",
    )
    network: Network = Field(
        default=AUTO,
        description="The network to train, by default the preset's; `qd networks` describes them.",
    )
    epochs: int | None = Field(
        default=None,
        description="Passes over the training drawings, from 1.",
        ge=BOUNDS["epochs"].ge,
    )
    batch_size: int | None = Field(
        default=None, description="Drawings a training step, from 1.", ge=BOUNDS["batch_size"].ge
    )
    learning_rate: float | None = Field(
        default=None,
        description="Highest step size of the optimiser, above 0.",
        gt=BOUNDS["learning_rate"].gt,
        allow_inf_nan=False,
    )
    units: int | None = Field(
        default=None,
        description="Width of the network's hidden dense layer, from 1, if it has one.",
        ge=BOUNDS["units"].ge,
    )
    seed: int = Field(
        default=0,
        description="From 0 to 4294967295. Same seed, same machine: same classifier.",
        ge=BOUNDS["seed"].ge,
        le=BOUNDS["seed"].le,
    )
    only_recognized: bool | None = Field(
        default=None, description="Train only on drawings that the game recognised."
    )
    countries: str | None = Field(
        default=None, description="Train only on drawings from these countries, as DE,US."
    )
    balanced: bool | None = Field(
        default=None,
        description="Train on as many drawings of each category in an epoch: categories with fewer "
        "repeat theirs.",
    )
    exclude: str | None = Field(
        default=None,
        description="File of key_ids to train without: a table of label_quality, or Parquet, "
        "NDJSON, CSV or text.",
    )
    settings: dict[str, Any] = Field(
        default={},
        description="Any settings of a training by name, weight_decay for example; they win over "
        "the fields above.",
    )

    def training(self, class_count: int) -> TrainingConfig:
        """Return all settings of the training of so many categories.

        Raises:
            BadSetting: A setting does not go with the network.
        """
        given = self.model_dump(include={setting.name for setting in fields(TrainingConfig)})
        given = {**given, **self.settings}
        if given["network"] == AUTO:
            del given["network"]
        if self.preset != AUTO:
            given["preset"] = self.preset
        return from_preset(class_count, **given)

    def effective(self, key: str, class_sets: ClassSets) -> Mapping[str, Any]:
        """Return the training's settings and the categories."""
        class_set = class_sets[key]
        return {**self.training(len(class_set)).effective(), "class_set": list(class_set)}


class SharedTrainingConfig(TrainingStageConfig):
    """Trainings that several runs of an engine share."""

    workers: int = Field(
        default=1,
        ge=WORKER_BOUNDS.ge,
        description="Trainings at once, each in a run of its own where an engine makes the runs.",
    )
    worker: int = Field(
        default=0, ge=0, description="Which of the workers this run is; the first one publishes."
    )

    def shares(self, _: Settings) -> Sequence[Self]:
        """Return the configuration of each worker's run, the first one's first.

        Raises:
            BadSetting: The workers lack something that they share.
        """
        return [self.model_copy(update={"worker": number}) for number in range(self.workers)]


def declared_training(settings: Settings) -> Mapping[str, Any]:
    """Return the settings' own values of a training."""
    return {"epochs": settings.epochs}

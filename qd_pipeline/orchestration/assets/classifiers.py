"""Stage 4: trained Keras models, one partition per class count."""

from dataclasses import fields
from pathlib import Path
from typing import TYPE_CHECKING, Literal

import dagster as dg
import numpy as np
from pydantic import Field

from qd_pipeline.errors import DamagedPartition, MissingPartition
from qd_pipeline.learning.classifier import NETWORK_FILE, Classifier
from qd_pipeline.learning.data import ClassSetData, load_category
from qd_pipeline.learning.networks import NETWORKS
from qd_pipeline.learning.reports import charts
from qd_pipeline.learning.training.config import PRESETS, TrainingConfig, from_preset
from qd_pipeline.learning.training.train import train
from qd_pipeline.orchestration import automation, checks, recipes, slots
from qd_pipeline.orchestration.assets.bitmaps import BITMAPS, bitmaps
from qd_pipeline.orchestration.assets.strokes import TABLE, strokes
from qd_pipeline.orchestration.partitions import (
    CLASS_SETS,
    SETTINGS,
    class_set_partitions,
    class_sets_of_category,
)
from qd_pipeline.orchestration.pictures import embedded
from qd_pipeline.orchestration.workshop import Workshop
from qd_pipeline.store import Partition, Store

OF_RECIPE = "of_recipe"
OF_NETWORK = "of_network"

if TYPE_CHECKING:
    Network = str
    RecipeName = str
else:
    # The launchpad offers the registries' names, and refuses others.
    Network = Literal[(OF_RECIPE, *sorted(NETWORKS))]
    RecipeName = Literal[(OF_NETWORK, *PRESETS)]


class ClassifierConfig(dg.Config):
    """How to train. What is left out is as in the recipe."""

    recipe: RecipeName = Field(
        default=OF_NETWORK,
        description="Settings to begin from: default, fast, best, notebook (as it trained its "
        "CNN) or baseline (as it trained its dense network). of_network: the one made for the "
        "network below, else default.",
    )
    network: Network = Field(
        default=OF_RECIPE,
        description="The network to train, by default the recipe's; `qd networks` describes them.",
    )
    epochs: int | None = Field(
        default=SETTINGS.epochs, description="Passes over the training drawings, from 1."
    )
    batch_size: int | None = Field(default=None, description="Drawings a step, from 1.")
    learning_rate: float | None = Field(
        default=None, description="Highest step size of the optimiser, above 0."
    )
    units: int | None = Field(
        default=None,
        description="Width of the network's hidden dense layer, from 1, if it has one.",
    )
    seed: int = Field(
        default=0,
        description="From 0 to 4294967295. Same seed, same machine: same classifier.",
    )
    settings_from_search: bool = Field(
        default=False,
        description="Take all settings but the seed from the best trial of this class set's "
        "search, whatever else is given here.",
    )

    def settings(self, class_set: str, store: Store) -> TrainingConfig:
        """Give all the settings of a training.

        Args:
            class_set: Its partition key.
            store: Where its search is, if the settings come from there.

        Raises:
            BadSetting: One of them is out of range, or the network is not known.
            MissingPartition: The search has not been made.
        """
        if self.settings_from_search:
            best = TrainingConfig.from_json(store.read("searches", class_set).facts["best_config"])
            return best.with_settings(seed=self.seed)
        return self._given(len(CLASS_SETS[class_set]))

    def check(self) -> None:
        """See that every setting is in its range, whatever the class set.

        Raises:
            BadSetting: One is not.
        """
        if self.settings_from_search:
            TrainingConfig(seed=self.seed)
        else:
            self._given(class_count=2)

    def _given(self, class_count: int) -> TrainingConfig:
        given = self.model_dump(include={setting.name for setting in fields(TrainingConfig)})
        if self.network == OF_RECIPE:
            del given["network"]
        if self.recipe != OF_NETWORK:
            given["preset"] = self.recipe
        return from_preset(class_count, **given)


@dg.asset(
    partitions_def=class_set_partitions,
    deps=[
        dg.AssetDep(strokes, partition_mapping=class_sets_of_category),
        dg.AssetDep(bitmaps, partition_mapping=class_sets_of_category),
    ],
    group_name="learning",
    kinds={"keras", "tensorflow"},
    owners=["team:learning"],
    code_version=recipes.CODE_VERSIONS["classifiers"],
    check_specs=checks.CLASSIFIERS,
    automation_condition=automation.ACROSS_PARTITIONS,
    pool=slots.POOL,
)
def classifiers(
    context: dg.AssetExecutionContext, config: ClassifierConfig, workshop: Workshop
) -> dg.MaterializeResult:
    """A network trained to tell the categories of one class set apart."""
    with workshop.stage(context) as stage:
        class_set = CLASS_SETS[context.partition_key]
        recipe = _recipe(context, config, workshop)
        title = f"{context.partition_key} categories, {recipe.network}, {recipe.epochs} epochs"
        stage.run.rename(title)
        stage.run.log(params=recipe.to_json())
        data, inputs = read_drawings(workshop, context.partition_key)
        stage.log_inputs(inputs)
        classifier = train(
            data,
            recipe,
            on_epoch=lambda epoch, metrics: stage.run.log(metrics=metrics, step=epoch + 1),
            on_progress=stage.on_progress("drawings"),
        )
        classifier.save(stage.draft.folder)
        stage.run.log_classifier(stage.draft.folder)
        return stage.publish(
            recipe=recipes.classifiers(recipe, class_set, inputs),
            facts=classifier.training.to_json(),
            version=classifier.fingerprint(),
            metrics=_metrics(classifier),
            metadata=_metadata(classifier, stage.path(NETWORK_FILE)),
            checks=_checks(data, classifier),
        )


def _recipe(
    context: dg.AssetExecutionContext, config: ClassifierConfig, workshop: Workshop
) -> TrainingConfig:
    """Give the settings asked for, or where nobody asked those of the classifier of before."""
    before = workshop.store.find("classifiers", context.partition_key)
    if before is not None and automation.is_automatic(context):
        return TrainingConfig.from_json(before.facts["config"])
    return config.settings(context.partition_key, workshop.store)


def read_drawings(workshop: Workshop, class_set: str) -> tuple[ClassSetData, list[Partition]]:
    """Read and split a class set's drawings.

    Returns:
        The drawings, and the partitions that they were read from.

    Raises:
        MissingPartition: A category is not in the store.
        DamagedPartition: A file is not what was written.
    """
    found = workshop.drawings_of(class_set)
    try:
        categories = [
            load_category(category, table.path(TABLE), drawn.path(BITMAPS))
            for category, table, drawn in found
        ]
    except (DamagedPartition, MissingPartition):
        if workshop.drawings_of(class_set) == found:
            raise
        # Not damaged: another run has just published one of them, and removed that of before.
        return read_drawings(workshop, class_set)
    return ClassSetData.split(categories), [made for _, *pair in found for made in pair]


def _metrics(classifier: Classifier) -> dict[str, float]:
    training = classifier.training
    return {
        "training_seconds": training.seconds,
        "training_drawings": training.training_drawings,
        "validation_drawings": training.validation_drawings,
        "parameters": classifier.network.count_params(),
    }


def _metadata(classifier: Classifier, network: Path) -> dict[str, object]:
    training, last = classifier.training, classifier.training.history[-1]
    return {
        "categories": ", ".join(classifier.class_set),
        "network": training.config.network,
        "epochs": training.config.epochs,
        "training drawings": training.training_drawings,
        "training accuracy": last["accuracy"],
        "validation accuracy": last.get("val_accuracy", "no validation drawings"),
        "training seconds": round(training.seconds, 2),
        "parameters": classifier.network.count_params(),
        "megabytes": round(network.stat().st_size / 1e6, 3),
        "learning curves": embedded(
            charts.png(charts.learning_curves(training.history)), "learning curves"
        ),
    }


def _checks(data: ClassSetData, classifier: Classifier) -> list[dg.AssetCheckResult]:
    sides = [side.column("key_ids") for side in (data.train, data.validation, data.test)]
    together = np.concatenate(sides)
    shared = len(together) - len(np.unique(together))
    accuracy, chance = classifier.training.history[-1]["accuracy"], 1 / len(data.class_set)
    return [
        checks.result("sides_disjoint", f"{shared} drawings on two sides", passed=shared == 0),
        checks.result(
            "learned_something",
            f"accuracy {accuracy:.1%} in training, chance {chance:.1%}",
            passed=accuracy > chance,
        ),
    ]

"""Cross-validations, one partition per class count; made only when asked for."""

import json

import dagster as dg
from pydantic import Field

from qd_pipeline.learning.studies.cross_validation import (
    FOLD_BOUNDS,
    FOLDS,
    CrossValidation,
    Fold,
    cross_validate,
)
from qd_pipeline.orchestration import recipes, slots
from qd_pipeline.orchestration.assets.bitmaps import bitmaps
from qd_pipeline.orchestration.assets.classifiers import ClassifierConfig, read_drawings
from qd_pipeline.orchestration.assets.strokes import strokes
from qd_pipeline.orchestration.partitions import class_set_partitions, class_sets_of_category
from qd_pipeline.orchestration.workshop import Workshop

FIGURES = "cross_validation.json"


class CrossValidationConfig(ClassifierConfig):
    """What to train, and on how many folds."""

    folds: int = Field(default=FOLDS, description="Folds, from 2 to 255; as many trainings.")

    def check(self) -> None:
        """See that every setting is in its range.

        Raises:
            BadSetting: One is not.
        """
        super().check()
        FOLD_BOUNDS.check("folds", self.folds)


@dg.asset(
    partitions_def=class_set_partitions,
    deps=[
        dg.AssetDep(strokes, partition_mapping=class_sets_of_category),
        dg.AssetDep(bitmaps, partition_mapping=class_sets_of_category),
    ],
    group_name="studies",
    kinds={"keras", "tensorflow"},
    owners=["team:learning"],
    code_version=recipes.CODE_VERSIONS["cross_validations"],
    pool=slots.POOL,
)
def cross_validations(
    context: dg.AssetExecutionContext, config: CrossValidationConfig, workshop: Workshop
) -> dg.MaterializeResult:
    """How a recipe does on folds of the training drawings, held out in turn: mean and spread."""
    with workshop.stage(context) as stage:
        recipe = config.settings(context.partition_key, workshop.store)
        data, inputs = read_drawings(workshop, context.partition_key)
        stage.log_inputs(inputs)
        result = cross_validate(
            data,
            recipe,
            count=config.folds,
            on_fold=lambda number, fold: stage.run.log(metrics=fold_figures(fold), step=number + 1),
            on_progress=stage.on_progress("drawings"),
        )
        text = json.dumps(result.to_json(), indent=2, allow_nan=False) + "\n"
        stage.path(FIGURES).write_text(text, encoding="utf-8")
        stage.run.log_file(stage.path(FIGURES))
        return stage.publish(
            recipe=recipes.studies(
                "cross_validations", recipe, data.class_set, inputs, folds=config.folds
            ),
            facts=result.to_json(),
            metrics=result.figures,
            metadata=_metadata(result),
        )


def fold_figures(fold: Fold) -> dict[str, float]:
    """Give a fold's figures, to be logged with its number as step."""
    return {"fold_accuracy": fold.accuracy.share or 0.0, "fold_loss": fold.loss}


def _metadata(result: CrossValidation) -> dict[str, object]:
    figures = result.figures
    rows = [
        f"| {number} | {fold.accuracy} | {fold.loss:.4f} | {fold.training_drawings:,} |"
        for number, fold in enumerate(result.folds, start=1)
    ]
    head = ["| fold | accuracy | log loss | training drawings |", "|---|---|---|---|"]
    return {
        "accuracy": figures["cv_accuracy"],
        "accuracy, standard deviation": figures["cv_accuracy_sd"],
        "log loss": figures["cv_loss"],
        "log loss, standard deviation": figures["cv_loss_sd"],
        "training seconds": round(figures["training_seconds"], 2),
        "folds": dg.MetadataValue.md("\n".join(head + rows)),
    }

"""Cross-validations, one partition per class set; made on request only."""

from collections.abc import Mapping
from typing import Any, Final

import dagster as dg
import pyarrow.parquet as pq
from pydantic import Field

from qd_pipeline.class_sets import ClassSets
from qd_pipeline.learning.figures import write_json
from qd_pipeline.learning.studies.cross_validation import (
    FOLD_BOUNDS,
    FOLDS,
    CrossValidation,
    Fold,
    cross_validate,
    hold_out_each,
)
from qd_pipeline.orchestration import pool
from qd_pipeline.orchestration.context import MaterializationContext
from qd_pipeline.orchestration.partitions import By
from qd_pipeline.orchestration.shared_folds import SharedFolds
from qd_pipeline.orchestration.stage import Result, Stage
from qd_pipeline.orchestration.stages.drawings import DRAWINGS, read_drawings
from qd_pipeline.orchestration.stages.training_config import SharedTrainingConfig, declared_training

FIGURES: Final = "cross_validation.json"
PREDICTIONS: Final = "predictions.parquet"
"""Out-of-fold predictions of every drawing of the training and validation splits."""


class CrossValidationConfig(SharedTrainingConfig):
    """What to train, and on how many folds."""

    folds: int = Field(
        default=FOLDS,
        ge=FOLD_BOUNDS.ge,
        le=FOLD_BOUNDS.le,
        description="Folds, from 2 to 255; as many trainings.",
    )

    def effective(self, key: str, class_sets: ClassSets) -> Mapping[str, Any]:
        """Return the training's settings, the categories and the number of folds."""
        return {**super().effective(key, class_sets), "folds": self.folds}


def materialize(context: MaterializationContext, config: CrossValidationConfig) -> Result | None:
    """Train on folds of the training drawings, each held out in turn."""
    training = config.training(len(context.class_set))
    data = read_drawings(context, training)
    if config.worker == 0:
        context.log_inputs()

    def log(number: int, fold: Fold) -> None:
        context.run.log(metrics=fold_metrics(fold), step=number + 1)

    result: CrossValidation | None
    if config.workers > 1:
        shared = SharedFolds(context, training, hold_out_each(data, config.folds))
        result = shared.train(config.workers, config.worker, log)
    else:
        progress = context.on_progress("drawings")
        result = cross_validate(
            data, training, count=config.folds, on_fold=log, on_progress=progress
        )
    if result is None:
        return None
    write_json(context.path(FIGURES), result)
    context.log_files(FIGURES)
    pq.write_table(result.predictions, context.path(PREDICTIONS), compression="zstd")
    return Result(metadata=result.to_json(), metrics=result.figures, shown=_shown(result))


def fold_metrics(fold: Fold) -> dict[str, float]:
    """Return the metrics of a fold, to be logged with its number as step."""
    return {"fold_accuracy": fold.accuracy.share or 0.0, "fold_loss": fold.loss}


def _shown(result: CrossValidation) -> dict[str, object]:
    figures = result.figures
    rows = [
        f"| {number} | {fold.accuracy} | {fold.loss:.4f} | {fold.training_drawings:,} |"
        for number, fold in enumerate(result.folds, start=1)
    ]
    head = ["| fold | accuracy | log loss | training drawings |", "|---|---|---|---|"]
    return {
        "accuracy": figures["cv_accuracy"],
        "accuracy, standard deviation": figures["cv_accuracy_sd"],
        "balanced accuracy": figures["cv_balanced_accuracy"],
        "macro F1": figures["cv_macro_f1"],
        "chance": figures["cv_chance"],
        "log loss": figures["cv_loss"],
        "log loss, standard deviation": figures["cv_loss_sd"],
        "training seconds": round(figures["training_seconds"], 2),
        "folds": dg.MetadataValue.md("\n".join(head + rows)),
    }


CROSS_VALIDATIONS: Final = Stage(
    name="cross_validations",
    description="How a configuration does on folds of the training drawings, each held out in "
    "turn: mean and spread.",
    by=By.CLASS_SET,
    code_version="7",
    materialize=materialize,
    inputs=DRAWINGS,
    config=CrossValidationConfig,
    declared=declared_training,
    group="studies",
    kinds=frozenset({"keras", "tensorflow"}),
    pool=pool.TRAINING,
)

"""Stage 4: trained Keras models, one partition per class set."""

import shutil
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Final

import numpy as np

from qd_pipeline.class_sets import listed
from qd_pipeline.learning.classifier import NETWORK_FILE, Classifier
from qd_pipeline.learning.data import ClassSetData, LabelledDrawings
from qd_pipeline.learning.reports import charts
from qd_pipeline.learning.training.checkpoint import Checkpoint
from qd_pipeline.learning.training.selection import training_drawings, validation_drawings
from qd_pipeline.learning.training.train import train
from qd_pipeline.orchestration import pool
from qd_pipeline.orchestration.context import MaterializationContext
from qd_pipeline.orchestration.embedded import png
from qd_pipeline.orchestration.partitions import By
from qd_pipeline.orchestration.stage import Check, CheckResult, Result, Stage
from qd_pipeline.orchestration.stages.drawings import DRAWINGS, log_split, read_drawings
from qd_pipeline.orchestration.stages.training_config import TrainingStageConfig, declared_training
from qd_pipeline.storage.partition import digest


def materialize(context: MaterializationContext, config: TrainingStageConfig) -> Result:
    """Train a network to tell the categories of one class set apart."""
    training = config.training(len(context.class_set))
    title = f"{context.key} categories, {training.network}, {training.epochs} epochs"
    context.run.rename(title)
    context.run.log(params=training.to_json())
    data = read_drawings(context, training)
    learned = training_drawings(data, training)
    log_split(context, learned, "training")
    if len(validation := validation_drawings(data, training)):
        log_split(context, validation, "validation")

    def on_epoch(epoch: int, metrics: Mapping[str, float]) -> None:
        context.run.log(metrics=metrics, step=epoch + 1)
        context.note(_epoch(epoch + 1, training.epochs, metrics))

    classifier = train(
        data,
        training,
        on_epoch=on_epoch,
        on_progress=context.on_progress("drawings"),
        checkpoint=_checkpoint(context, training.epochs),
    )
    classifier.save(context.staged.folder)
    context.run.log_classifier(context.staged.folder)
    return Result(
        metadata=classifier.training.to_json(),
        metrics=_metrics(classifier),
        shown={
            **_shown(classifier, context.path(NETWORK_FILE)),
            "training drawings left out": len(data.train) - classifier.training.training_drawings,
        },
        checks=_checks(data, learned, classifier),
        version=classifier.fingerprint(),
    )


def _checkpoint(context: MaterializationContext, epochs: int) -> Checkpoint:
    """Return the checkpoint of the trainings from the same inputs with the same settings."""
    folder = context.pipeline.settings.checkpoints / context.key
    context.after_publishing.append(lambda: shutil.rmtree(folder, ignore_errors=True))

    def on_restored(history: Sequence[Mapping[str, float]]) -> None:
        context.warn(f"{context.key} categories: goes on after epoch {len(history)} of {epochs}.")
        for epoch, metrics in enumerate(history, start=1):
            context.run.log(metrics=metrics, step=epoch)

    return Checkpoint(folder / f"{digest(context.fingerprint)}.npz", on_restored=on_restored)


def _epoch(number: int, epochs: int, metrics: Mapping[str, float]) -> str:
    """Return one epoch in a line."""
    accuracy = metrics.get("val_accuracy")
    measured = "" if accuracy is None else f", validation accuracy {accuracy * 100:.1f} %"
    return f"epoch {number} of {epochs}, loss {metrics['loss']:.3f}{measured}"


def _metrics(classifier: Classifier) -> dict[str, float]:
    training = classifier.training
    return {
        "training_seconds": training.seconds,
        "training_drawings": training.training_drawings,
        "validation_drawings": training.validation_drawings,
        "parameters": classifier.network.count_params(),
    }


def _shown(classifier: Classifier, network: Path) -> dict[str, object]:
    training, last = classifier.training, classifier.training.history[-1]
    return {
        "categories": listed(classifier.class_set),
        "network": training.config.network,
        "epochs": training.config.epochs,
        "training drawings": training.training_drawings,
        "training accuracy": last["accuracy"],
        "validation accuracy": last.get("val_accuracy", "no validation drawings"),
        "training seconds": round(training.seconds, 2),
        "parameters": classifier.network.count_params(),
        "megabytes": round(network.stat().st_size / 1e6, 3),
        "learning curves": png(
            charts.png(charts.learning_curves(training.history)), "learning curves"
        ),
    }


def _checks(
    data: ClassSetData, learned: LabelledDrawings, classifier: Classifier
) -> list[CheckResult]:
    splits = [split.column("key_ids") for split in (data.train, data.validation, data.test)]
    together = np.concatenate(splits)
    shared = len(together) - len(np.unique(together))
    accuracy = classifier.training.history[-1]["accuracy"]
    chance = float(np.bincount(learned.labels).max() / len(learned))
    return [
        CheckResult("splits_disjoint", shared == 0, f"{shared} drawings in two splits"),
        CheckResult(
            "learned_something",
            accuracy > chance,
            f"accuracy {accuracy * 100:.1f} % in training, chance {chance * 100:.1f} %",
        ),
    ]


CLASSIFIERS: Final = Stage(
    name="classifiers",
    description="A network trained to tell the categories of one class set apart.",
    by=By.CLASS_SET,
    code_version="7",
    materialize=materialize,
    inputs=DRAWINGS,
    config=TrainingStageConfig,
    declared=declared_training,
    checks=(
        Check("splits_disjoint", "No drawing is in two splits."),
        Check(
            "learned_something",
            "Accuracy on the drawings that it was trained on is above chance.",
            blocking=False,
        ),
    ),
    kinds=frozenset({"keras", "tensorflow"}),
    pool=pool.TRAINING,
)

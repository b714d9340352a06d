"""The experiments that runs are logged to, and what their run lists show."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

DATA: Final = "quickdraw-data"
"""Experiment of the data stages."""

CLASSIFIERS: Final = "quickdraw-classifiers"
"""Experiment of training and evaluation."""

STUDIES: Final = "quickdraw-studies"
"""Experiment of cross-validations, label quality, searches, data studies and comparisons."""


@dataclass(frozen=True)
class Experiment:
    """Content of an experiment's page.

    Attributes:
        columns: Of its run list, as MLflow names them: "metrics.`loss`", "params.`epochs`",
            "tags.`source`", "attributes.`Duration`".
        note: Description, in Markdown.
    """

    columns: Sequence[str]
    note: str

    @property
    def tags(self) -> dict[str, str]:
        """Tags of the experiment in MLflow: its kind, and its description."""
        return {
            # Its pages are for training, not for agents and their traces.
            "mlflow.experimentKind": "custom_model_development",
            "mlflow.note.content": self.note,
        }


EXPERIMENTS: Final = {
    DATA: Experiment(
        [
            *(f"metrics.`{name}/partitions`" for name in ("raw_drawings", "strokes", "bitmaps")),
            "metrics.`raw_drawings/drawings`",
            "tags.`source`",
            "attributes.`Duration`",
        ],
        "Downloads, stroke tables and bitmaps: a run for each Dagster run, with a table of its "
        "partitions (`partitions.csv`).",
    ),
    CLASSIFIERS: Experiment(
        [
            "metrics.`test_accuracy`",
            "metrics.`test_accuracy_low`",
            "metrics.`test_accuracy_high`",
            "params.`network`",
            "params.`epochs`",
            "metrics.`training_drawings`",
            "metrics.`test_drawings`",
            "tags.`source`",
            "attributes.`Duration`",
        ],
        "Trainings with their evaluations; the accuracy's low and high are the ends of its "
        "95 % interval. Select runs and press Compare, or look at all of them as charts.",
    ),
    STUDIES: Experiment(
        [
            "metrics.`cv_accuracy`",
            "metrics.`cv_accuracy_sd`",
            "metrics.`test_accuracy`",
            "params.`learning_rate`",
            "params.`units`",
            "params.`network`",
            "tags.`source`",
            "attributes.`Duration`",
        ],
        "Cross-validations, label quality, searches with a run for each trial, data studies and "
        "comparisons.",
    ),
}
"""Each experiment, by its name."""

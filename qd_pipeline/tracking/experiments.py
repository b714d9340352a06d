"""The experiments that runs are logged to, and what their run lists show."""

from typing import Final

from qd_pipeline.tracking import views

DATA: Final = "quickdraw-data"
"""Experiment of the data stages."""

CLASSIFIERS: Final = "quickdraw-classifiers"
"""Experiment of training and evaluation."""

STUDIES: Final = "quickdraw-studies"
"""Experiment of what is only made when asked for: cross-validations, searches, comparisons."""

EXPERIMENTS: Final = {
    DATA: views.tags(
        ["metrics.`drawings`", "tags.`source`", "attributes.`Duration`", "tags.`data_version`"],
        "Downloads, stroke tables and bitmaps: a run for each partition that was made.",
    ),
    CLASSIFIERS: views.tags(
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
    STUDIES: views.tags(
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
        "Cross-validations, searches with a run for each trial, data studies and comparisons.",
    ),
}
"""Tags of each experiment, by its name."""

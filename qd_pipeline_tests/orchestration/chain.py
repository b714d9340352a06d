"""A pipeline to run in the tests' own process: a data directory, a source, a Dagster instance."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from qd_pipeline.orchestration.pipeline import Pipeline
from qd_pipeline.orchestration.runner import PipelineRunner
from qd_pipeline.settings import Settings
from qd_pipeline_tests import homes


def runner(
    home: Path,
    *,
    settings: dict[str, Any] | None = None,
    drawings: int = 40,
    pipeline: Pipeline | None = None,
    **training: Any,
) -> PipelineRunner:
    """Return a runner over a data directory, for one short training unless told otherwise.

    A new directory has empty databases already.

    Args:
        home: The data directory.
        settings: Fields of `Settings` besides.
        drawings: Drawings of each category.
        pipeline: In place of that of the settings.
        training: Settings of the training.
    """
    homes.prepare(home)
    pipeline = pipeline or Pipeline(Settings.load(home=home, **(settings or {})))
    classifiers = {"preset": "notebook", "epochs": 1, **training}
    return PipelineRunner(
        pipeline,
        {
            "raw_drawings": pipeline.config(pipeline.stages["raw_drawings"], drawings=drawings),
            "classifiers": pipeline.config(pipeline.stages["classifiers"], **classifiers),
        },
    )


def run(made: PipelineRunner, class_sets: Sequence[str] | None = None) -> PipelineRunner:
    """Bring class sets up to date, by default all."""
    made.run(class_sets or tuple(made.pipeline.class_sets), lambda _name, _done, _total: None)
    return made

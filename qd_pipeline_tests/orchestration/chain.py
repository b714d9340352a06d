"""A pipeline to run in the tests' own process: a data directory, a source, a Dagster instance."""

import fcntl
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Final

from qd_pipeline.orchestration.pipeline import Pipeline
from qd_pipeline.orchestration.runner import PipelineRunner
from qd_pipeline.settings import Settings
from qd_pipeline_tests import homes

SMALL: Final[dict[str, Any]] = {"network": "dense_baseline", "units": 8}
"""Settings of a training of which only the mechanics are tested."""


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


def home_of_two(shared: Path) -> Path:
    """Return a data directory with the class set of two, to copy.

    Args:
        shared: Folder of all workers: the first one makes it there.
    """
    home, unfinished = shared / "two", shared / "two~"
    with (shared / "two.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not home.exists():
            made = runner(unfinished, drawings=60, **SMALL)
            with made.instance:  # so that its databases are closed
                assert not run(made, ["2"]).failures
            unfinished.rename(home)
    return home

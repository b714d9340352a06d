"""A chain to make in the tests' own process: a home, a source, a Dagster instance."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from qd_pipeline.definitions import build_definitions
from qd_pipeline.orchestration import instance
from qd_pipeline.orchestration.assets.classifiers import ClassifierConfig
from qd_pipeline.orchestration.assets.raw_drawings import RawDrawingsConfig
from qd_pipeline.orchestration.driver import Choices, Driver
from qd_pipeline.orchestration.workshop import Workshop


def driver(
    home: Path,
    *,
    source: str = "sample",
    class_sets: Sequence[str] = ("2", "4", "8"),
    drawings: int = 40,
    tracking_uri: str | None = None,
    **training: Any,
) -> Driver:
    """Give a driver over a home, for one short training unless told otherwise."""
    workshop = Workshop(
        home=str(home),
        drawings_from=source,
        tracking_uri=tracking_uri or f"sqlite:///{home}/mlflow.db",
        mlflow_ui="http://127.0.0.1:5000",
    )
    choices = Choices(
        class_sets,
        RawDrawingsConfig(drawings=drawings),
        ClassifierConfig(**{"recipe": "notebook", "epochs": 1, **training}),
    )
    definitions = build_definitions({"workshop": workshop})
    return Driver(definitions, workshop, instance.of(home), choices)


def run(made: Driver) -> Driver:
    """Bring its chain up to date."""
    made.run_chain(lambda _name, _done, _total: None)
    return made

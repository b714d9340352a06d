"""MLflow's runs, read back."""

from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Self

import mlflow
from mlflow.entities import Run

from qd_pipeline.tracking.experiments import CLASSIFIERS
from qd_pipeline.tracking.failures import translate_errors
from qd_pipeline.tracking.store import TrackingStore

if TYPE_CHECKING:
    import pandas as pd


@dataclass(frozen=True)
class LoggedRun:
    """One MLflow run, as values.

    Attributes:
        id: Its id.
        link: Its page in MLflow's UI.
        started: Start time.
        params: Settings, as text.
        metrics: The last value of each.
        tags: Ours and MLflow's.
    """

    id: str
    link: str
    started: datetime
    params: Mapping[str, str]
    metrics: Mapping[str, float]
    tags: Mapping[str, str]

    @classmethod
    def of(cls, run: Run, link: str) -> Self:
        """Return the values of a run of MLflow's."""
        return cls(
            id=run.info.run_id,
            link=link,
            started=datetime.fromtimestamp(run.info.start_time / 1000, UTC),
            params=dict(run.data.params),
            metrics=dict(run.data.metrics),
            tags=dict(run.data.tags),
        )


def last_runs(store: TrackingStore, partition: str, count: int) -> tuple[LoggedRun, ...]:
    """Return the last runs that trained and evaluated a classifier, the newest first.

    Args:
        store: The MLflow store.
        partition: The class set's key.
        count: How many at most.

    Raises:
        TrackingFailed: MLflow cannot be reached.
    """
    with translate_errors():
        found = store.client.get_experiment_by_name(CLASSIFIERS)
        if found is None:
            return ()
        runs = store.client.search_runs(
            [found.experiment_id],
            f"tags.asset = 'classifiers' and tags.partition = '{partition}' "
            "and metrics.test_accuracy >= 0",
            order_by=["attributes.start_time DESC"],
            max_results=count,
        )
    return tuple(LoggedRun.of(run, store.link(run)) for run in runs)


def run_table(store: TrackingStore) -> "pd.DataFrame":
    """Return all runs of the experiments as a table, the newest first.

    Returns:
        A row a run: `run_id`, `name`, `experiment`, `status`, `start_time`, `end_time`,
        `metrics.…`, `params.…` (numbers where all are) and `tags.…` but for MLflow's own.

    Raises:
        TrackingFailed: MLflow cannot be reached.
    """
    with translate_errors():
        homes = store.experiments()
        found = mlflow.search_runs(list(homes) or ["-1"])  # none yet: no run of another experiment
    own = [name for name in found.columns if str(name).startswith("tags.mlflow.")]
    table = found.drop(columns=[*own, "experiment_id", "artifact_uri"])
    table.insert(1, "name", found.get("tags.mlflow.runName"))
    table.insert(2, "experiment", found["experiment_id"].map(homes))
    for name in table.filter(like="params."):
        with suppress(ValueError, TypeError):  # a setting that is no number
            table[name] = table[name].astype(float)
    return table

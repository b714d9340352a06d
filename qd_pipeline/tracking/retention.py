"""Retention: delete old MLflow runs that nothing up to date comes from."""

from __future__ import annotations

import subprocess
import sys
from typing import TYPE_CHECKING, Final

from qd_pipeline import tracking_uri
from qd_pipeline.errors import TrackingFailed
from qd_pipeline.tracking.drawing_models import model_ids_of
from qd_pipeline.tracking.failures import translate_errors

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator, Sequence
    from datetime import datetime

    from mlflow import MlflowClient
    from mlflow.entities import Run

    from qd_pipeline.tracking.store import TrackingStore

_RUNS_AT_ONCE: Final = 500


def superseded_runs(store: TrackingStore, kept: Collection[str], before: datetime) -> list[Run]:
    """Return the runs that ended before a time, and are not needed any more.

    Needed are those of present and past champions, of challengers, and those that are named.

    Args:
        store: The MLflow store.
        kept: Ids of runs that published partitions come from.
        before: The time.

    Raises:
        TrackingFailed: MLflow cannot be reached.
    """
    with translate_errors():
        needed = {*kept, *store.registry.runs_to_keep()}
        return [
            run
            for run in _ended(store, int(before.timestamp() * 1000))
            if run.info.run_id not in needed
        ]


def delete_runs(store: TrackingStore, runs: Sequence[Run]) -> None:
    """Delete runs with their registered versions, their models and, in a local store, their files.

    A server's are marked as deleted; its own `mlflow gc` removes them.

    Args:
        store: The MLflow store.
        runs: Those to delete.

    Raises:
        TrackingFailed: MLflow cannot be reached, or could not remove the files.
    """
    client, database = store.client, store.client.tracking_uri
    for start in range(0, len(runs), _RUNS_AT_ONCE):
        some, models = runs[start : start + _RUNS_AT_ONCE], []
        with translate_errors():
            for run in some:
                models += _delete(client, run)
        if tracking_uri.file_of(database):
            ids = {"--run-ids": [run.info.run_id for run in some], "--logged-model-ids": models}
            chosen = [part for name, each in ids.items() if each for part in (name, ",".join(each))]
            place = ("--backend-store-uri", database, "--tracking-uri", database)
            command = [sys.executable, "-m", "mlflow", "gc", *place]
            ended = subprocess.run([*command, *chosen], capture_output=True, text=True, check=False)
            if ended.returncode:
                reason = (ended.stderr.strip().splitlines() or ["no reason given"])[-1]
                raise TrackingFailed(
                    "mlflow gc", f"failed ({reason})", "run `qd clean` again, or `mlflow gc`"
                )


def _ended(store: TrackingStore, before: int) -> Iterator[Run]:
    experiments, token = list(store.experiments()), None
    # The end time of a run that has not ended is missing, and compares with nothing.
    ended = f"attributes.end_time < {before} and attributes.status != 'RUNNING'"
    while experiments:
        page = store.client.search_runs(experiments, ended, page_token=token)
        yield from page
        token = page.token
        if not token:
            return


def _delete(client: MlflowClient, run: Run) -> list[str]:
    """Mark a run as deleted, and return the ids of its models, which are marked too."""
    for version in client.search_model_versions(f"run_id = '{run.info.run_id}'"):
        client.delete_model_version(version.name, version.version)
    models = model_ids_of(client, run)
    for model in models:
        client.delete_logged_model(model)
    client.delete_run(run.info.run_id)
    return models

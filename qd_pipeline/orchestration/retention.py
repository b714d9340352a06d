"""Retention: remove old Dagster runs that nothing up to date comes from, and compact databases."""

import sqlite3
from collections.abc import Iterable
from contextlib import closing, suppress
from datetime import datetime
from pathlib import Path
from typing import Final

import dagster as dg

from qd_pipeline.orchestration.run_statuses import ENDED

_EVENTS_AT_ONCE: Final = 1000


def superseded_runs(
    instance: dg.DagsterInstance, assets: Iterable[str], before: datetime
) -> list[str]:
    """Return the runs that began before a time, and have materialized nothing that is the newest.

    Args:
        instance: The Dagster instance.
        assets: Names of the assets.
        before: The time.
    """
    needed = {run for asset in assets for run in _runs_of_newest(instance, dg.AssetKey(asset))}
    found = instance.get_runs(dg.RunsFilter(statuses=list(ENDED), created_before=before))
    return [run.run_id for run in found if run.run_id not in needed]


def delete_runs(instance: dg.DagsterInstance, runs: Iterable[str], home: Path) -> None:
    """Delete runs with their events and logs.

    Args:
        instance: The Dagster instance.
        runs: Their ids.
        home: The data directory, in which a run has a database of its own, unless Dagster was given
            another storage.
    """
    for run in runs:
        instance.delete_run(run)
        instance.compute_log_manager.delete_logs(prefix=[run])
        for suffix in (".db", ".db-wal", ".db-shm"):
            (home / "dagster" / "history" / "runs" / f"{run}{suffix}").unlink(missing_ok=True)


def compact(home: Path) -> None:
    """Give back the room that deleted rows took in the SQLite databases of a data directory."""
    for database in (*home.glob("*.db"), *home.glob("dagster/**/*.db")):
        # One that another process writes to is compacted the next time.
        with suppress(sqlite3.OperationalError), closing(sqlite3.connect(database)) as connection:
            connection.execute("VACUUM")
            connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")


def _runs_of_newest(instance: dg.DagsterInstance, asset: dg.AssetKey) -> set[str]:
    """Return the runs of the newest materialization of each partition."""
    runs: dict[str | None, str] = {}
    cursor = None
    while True:
        found = instance.fetch_materializations(asset, _EVENTS_AT_ONCE, cursor=cursor)
        for record in found.records:  # the newest first
            runs.setdefault(record.partition_key, record.run_id)
        if not found.has_more:
            return set(runs.values())
        cursor = found.cursor

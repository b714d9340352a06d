"""Relocation of an SQLite store whose data directory was moved or copied.

MLflow stores absolute URIs of artifacts. They are rewritten to the folder that holds the artifacts
now, before anything is read or written: what a run writes stays in the data directory in use.
"""

import contextlib
import sqlite3
from pathlib import Path
from typing import Final
from urllib.parse import unquote, urlsplit

from qd_pipeline.errors import TrackingFailed
from qd_pipeline.tracking.experiments import EXPERIMENTS
from qd_pipeline.tracking_uri import NAME, SQLITE

_LOCATIONS: Final = (
    ("experiments", "artifact_location"),
    ("runs", "artifact_uri"),
    ("logged_models", "artifact_location"),
    ("model_versions", "source"),
    ("model_versions", "storage_location"),
)
"""Where MLflow's database has artifact URIs: tables and columns."""

_SECONDS_TO_WAIT: Final = 60.0


def relocate(database: Path, artifacts: Path) -> None:
    """Rewrite the artifact URIs of a store to the artifacts of the data directory in use.

    A database inside the data directory was moved or copied together with the artifacts. One
    elsewhere is left as it is while the recorded folder of artifacts exists.

    Args:
        database: The SQLite file; nothing is done if it does not exist.
        artifacts: Folder of the artifacts.

    Raises:
        TrackingFailed: It is a folder, or was moved without the artifacts.
        sqlite3.Error: It cannot be read or written.
    """
    if database.is_dir():
        # MLflow would try for two minutes to open it.
        raise TrackingFailed(
            f"MLflow's store {database}",
            "is a folder",
            f"set {NAME} to {SQLITE}{database / 'mlflow.db'}",
        )
    if not database.is_file():
        return
    new = artifacts.absolute()
    inside = database.absolute().parent == new.parent
    for old in _recorded(database):
        if _is_same(old, new) or (old.is_dir() and not inside):
            continue
        if old.is_dir() and not new.is_dir():
            raise TrackingFailed(
                f"MLflow's store {database}",
                f"was moved without its artifacts, which lie in {old}",
                f"move or copy that folder to {new}",
            )
        with contextlib.closing(_connected(database)) as connection, connection:
            # Another process that does the same waits here, and then finds nothing left to do.
            connection.execute("BEGIN IMMEDIATE")
            _rewrite(connection, f"{old.as_uri()}/", f"{new.as_uri()}/")


def _recorded(database: Path) -> set[Path]:
    """Return the folders that the artifacts of our experiments were written to."""
    with contextlib.closing(_connected(database)) as connection:
        if not connection.execute("PRAGMA table_info(experiments)").fetchall():
            return set()
        rows = connection.execute("SELECT name, artifact_location FROM experiments").fetchall()
    locations = {
        urlsplit(location)
        for name, location in rows
        if name in EXPERIMENTS and location.endswith(f"/{name}")
    }
    return {Path(unquote(each.path)).parent for each in locations if each.scheme == "file"}


def _rewrite(connection: sqlite3.Connection, old: str, new: str) -> None:
    for table, column in _LOCATIONS:
        columns = {row[1] for row in connection.execute(f"PRAGMA table_info({table})")}
        if column in columns:
            connection.execute(
                f"UPDATE {table} SET {column} = ? || substr({column}, ?) "  # noqa: S608 (ours)
                f"WHERE substr({column}, 1, ?) = ?",
                (new, len(old) + 1, len(old), old),
            )


def _connected(database: Path) -> sqlite3.Connection:
    return sqlite3.connect(database, timeout=_SECONDS_TO_WAIT, isolation_level=None)


def _is_same(first: Path, second: Path) -> bool:
    """Return whether two paths lead to one folder, as by a link."""
    try:
        return first == second or first.samefile(second)
    except OSError:
        return False

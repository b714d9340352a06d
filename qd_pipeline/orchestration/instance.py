"""The Dagster instance of a data directory."""

import contextlib
import os
import secrets
import shutil
import sqlite3
import time
from collections.abc import Iterator
from contextlib import contextmanager
from importlib import resources
from pathlib import Path
from typing import Any, Final

import dagster as dg
from sqlalchemy import Engine, event
from sqlalchemy.exc import SQLAlchemyError

from qd_pipeline.errors import HomeFailed, disk_failure

_CONFIG: Final = "dagster.yaml"
_SECONDS_TO_WAIT: Final = 120
_SECONDS_TO_MAKE: Final = 3600


@event.listens_for(Engine, "connect")
def _wait_for_lock(connection: Any, _record: Any) -> None:
    """Have SQLite wait for its lock: by default it gives up after five seconds."""
    if isinstance(connection, sqlite3.Connection):
        connection.execute(f"PRAGMA busy_timeout = {_SECONDS_TO_WAIT * 1000}")
        if connection.execute("PRAGMA journal_mode").fetchone() == ("wal",):
            # Not a wait for the disk for each event: what a power cut loses is reported again.
            connection.execute("PRAGMA synchronous = NORMAL")


def prepare(home: Path) -> Path:
    """Make the instance's folder in a data directory, with our configuration unless it has one.

    Returns:
        The folder, which is also put into `DAGSTER_HOME` for this process and its children.

    Raises:
        HomeFailed: The data directory cannot be written.
    """
    folder = home / "dagster"
    try:
        _sweep(folder)
        if not (folder / _CONFIG).exists():
            _make(folder)
    except OSError as error:
        raise disk_failure(error, home) from error
    os.environ["DAGSTER_HOME"] = str(folder)
    return folder


def of(home: Path) -> dg.DagsterInstance:
    """Open the instance of a data directory, making it when it is new."""
    with translate_errors(home):
        prepare(home)
        return dg.DagsterInstance.get()


@contextmanager
def translate_errors(home: Path) -> Iterator[None]:
    """Translate errors of Dagster's databases into one sentence.

    Raises:
        HomeFailed: The data directory cannot be written or read.
    """
    try:
        yield
    except (SQLAlchemyError, sqlite3.Error) as error:
        reason = str(getattr(error, "orig", None) or error).splitlines()[0]
        raise HomeFailed(
            str(home / "dagster"),
            f"cannot be written or read ({reason})",
            "check that the disk has room and may be written, then run again",
        ) from error
    except OSError as error:
        raise disk_failure(error, home) from error


def _make(folder: Path) -> None:
    """Make the folder with its databases elsewhere, then rename it.

    Dagster makes them in several steps, and two processes must not do so at once.
    """
    folder.parent.mkdir(parents=True, exist_ok=True)
    own = folder.with_name(f"{folder.name}~{secrets.token_hex(8)}")
    try:
        own.mkdir()
        text = resources.files(__package__).joinpath(_CONFIG).read_text(encoding="utf-8")
        (own / _CONFIG).write_text(text, encoding="utf-8")
        with dg.DagsterInstance.from_config(str(own)):
            pass
        own.rename(folder)
    except OSError:
        if not (folder / _CONFIG).exists():  # else another process was faster
            raise
    finally:
        shutil.rmtree(own, ignore_errors=True)


def _sweep(folder: Path) -> None:
    """Remove what processes that were killed while they made the folder have left."""
    for entry in folder.parent.glob(f"{folder.name}~*"):
        with contextlib.suppress(FileNotFoundError):  # another process has renamed it
            if time.time() - entry.stat().st_mtime > _SECONDS_TO_MAKE:
                shutil.rmtree(entry, ignore_errors=True)

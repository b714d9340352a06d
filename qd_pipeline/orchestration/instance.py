"""The Dagster instance of a data directory."""

import contextlib
import os
import secrets
import shutil
import sqlite3
import time
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from pathlib import Path
from typing import Any, Final

import dagster as dg
from sqlalchemy import Engine, event
from sqlalchemy.exc import SQLAlchemyError

from qd_pipeline.errors import HomeFailed, StorageFailed, disk_failure
from qd_pipeline.orchestration.engine import own_config

_CONFIG: Final = "dagster.yaml"
_SECONDS_TO_WAIT: Final = 120
_SECONDS_TO_MAKE: Final = 3600

_held: ContextVar[dict[str, sqlite3.Connection] | None] = ContextVar("held", default=None)


@event.listens_for(Engine, "connect")
def _wait_for_lock(connection: Any, _record: Any) -> None:
    """Have SQLite wait for its lock: by default it gives up after five seconds."""
    if isinstance(connection, sqlite3.Connection):
        connection.execute(f"PRAGMA busy_timeout = {_SECONDS_TO_WAIT * 1000}")
        if connection.execute("PRAGMA journal_mode").fetchone() == ("wal",):
            # Not a wait for the disk for each event: what a power cut loses is reported again.
            connection.execute("PRAGMA synchronous = NORMAL")
            _, _, path = connection.execute("PRAGMA database_list").fetchone()
            if (held := _held.get()) is not None and path not in held:
                held[path] = sqlite3.connect(path, check_same_thread=False)
                held[path].execute("SELECT * FROM sqlite_master LIMIT 1").fetchall()  # opens it


@contextmanager
def held_open() -> Iterator[None]:
    """Hold open what the block opens of Dagster's databases.

    Dagster opens and closes them for each event, and SQLite writes its log back and waits for the
    disk whenever the last connection closes.
    """
    held: dict[str, sqlite3.Connection] = {}
    token = _held.set(held)
    try:
        yield
    finally:
        for connection in held.values():
            connection.close()
        # Another thread may end it, where it collects the generator that it is in.
        with contextlib.suppress(ValueError):
            _held.reset(token)


def prepare(home: Path, config: str | None = None) -> Path:
    """Make the instance's folder in a data directory.

    Args:
        home: The data directory.
        config: Configuration of the instance (YAML), written at each start; None is the embedded
            one's, which is written once and may be edited.

    Returns:
        The folder, which is also put into `DAGSTER_HOME` for this process and its children.

    Raises:
        HomeFailed: The data directory cannot be written.
    """
    folder = home / "dagster"
    try:
        _sweep(folder)
        written = folder / _CONFIG
        if not written.exists():
            _make(folder, config or own_config())
        elif config is not None and written.read_text(encoding="utf-8") != config:
            draft = written.with_name(f"{_CONFIG}~{secrets.token_hex(8)}")
            draft.write_text(config, encoding="utf-8")
            draft.replace(written)
    except OSError as error:
        raise disk_failure(error, home) from error
    os.environ["DAGSTER_HOME"] = str(folder)
    return folder


def of(home: Path, config: str | None = None) -> dg.DagsterInstance:
    """Open the instance of a data directory, making it when it is new.

    Args:
        home: The data directory.
        config: As in `prepare`.
    """
    with translate_errors(home):
        prepare(home, config)
        return dg.DagsterInstance.get()


@contextmanager
def translate_errors(home: Path) -> Iterator[None]:
    """Translate errors of Dagster's databases into one sentence.

    Raises:
        HomeFailed: The data directory cannot be written or read.
        StorageFailed: PostgreSQL cannot be reached.
    """
    try:
        yield
    except OSError as error:
        raise disk_failure(error, home) from error
    except Exception as error:
        # dagster-postgres raises an exception of its own from SQLAlchemy's.
        failed = error.__cause__ if isinstance(error.__cause__, SQLAlchemyError) else error
        if not isinstance(failed, SQLAlchemyError | sqlite3.Error):
            raise
        original = getattr(failed, "orig", None) or failed
        reason = str(original).splitlines()[0]
        if type(original).__module__.startswith("psycopg2"):
            raise StorageFailed(
                "Dagster's database",
                f"does not answer as it should ({reason})",
                "check QD_DAGSTER_STORAGE and the server, then run the same command again",
            ) from error
        raise HomeFailed(
            str(home / "dagster"),
            f"cannot be written or read ({reason})",
            "check that the disk has room and may be written, then run again",
        ) from error


def _make(folder: Path, config: str) -> None:
    """Make the folder with its databases elsewhere, then rename it.

    Dagster makes them in several steps, and two processes must not do so at once.
    """
    folder.parent.mkdir(parents=True, exist_ok=True)
    own = folder.with_name(f"{folder.name}~{secrets.token_hex(8)}")
    try:
        own.mkdir()
        (own / _CONFIG).write_text(config, encoding="utf-8")
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

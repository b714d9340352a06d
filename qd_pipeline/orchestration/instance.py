"""The Dagster instance of a home."""

import contextlib
import os
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

from qd_pipeline import owner
from qd_pipeline.errors import HomeFailed, disk_failure

_OWNER_TAG: Final = "qd/owner"

_CONFIG: Final = "dagster.yaml"
_SECONDS_TO_WAIT: Final = 120


@event.listens_for(Engine, "connect")
def _be_patient(connection: Any, _record: Any) -> None:
    """Let SQLite wait for its turn: by default it gives up after five seconds."""
    if isinstance(connection, sqlite3.Connection):
        connection.execute(f"PRAGMA busy_timeout = {_SECONDS_TO_WAIT * 1000}")


def prepare(home: Path) -> Path:
    """Make the instance's folder in a home, with our configuration unless it has one.

    Returns:
        The folder, which is also put into `DAGSTER_HOME` for this process and its children.

    Raises:
        HomeFailed: The home cannot be written.
    """
    folder = home / "dagster"
    try:
        if not (folder / _CONFIG).exists():
            _make(folder)
    except OSError as error:
        raise disk_failure(error, home) from error
    os.environ["DAGSTER_HOME"] = str(folder)
    return folder


def of(home: Path) -> dg.DagsterInstance:
    """Open the instance of a home, making it when it is new."""
    with explained(home):
        prepare(home)
        return dg.DagsterInstance.get()


@contextmanager
def explained(home: Path) -> Iterator[None]:
    """Say in one sentence what Dagster's databases fail at.

    Raises:
        HomeFailed: The home cannot be written or read.
    """
    try:
        yield
    except (SQLAlchemyError, sqlite3.Error) as error:
        reason = str(getattr(error, "orig", None) or error).splitlines()[0]
        raise HomeFailed(
            str(home / "dagster"),
            f"cannot be written or read ({reason})",
            "see that the disk has room and may be written, then run again",
        ) from error
    except OSError as error:
        raise disk_failure(error, home) from error


def owned(run_id: str) -> dict[str, str]:
    """Give the tag by which a run names the process that makes it, this one.

    It names the run too: Dagster hands the tags of a run on to that which makes it again.
    """
    return {_OWNER_TAG: f"{run_id} {owner.token()}"}


def close_abandoned(instance: dg.DagsterInstance) -> list[dg.DagsterRun]:
    """Close the runs that killed processes left open, as failed.

    Returns:
        Those runs.
    """
    closed = []
    open_ones = dg.RunsFilter(
        statuses=[
            dg.DagsterRunStatus.NOT_STARTED,
            dg.DagsterRunStatus.STARTING,
            dg.DagsterRunStatus.STARTED,
            dg.DagsterRunStatus.CANCELING,
        ]
    )
    for record in instance.get_run_records(open_ones):
        run, _, name = record.dagster_run.tags.get(_OWNER_TAG, "").partition(" ")
        silent = time.time() - record.update_timestamp.timestamp()
        if run == record.dagster_run.run_id and not owner.is_alive(name, silent):
            instance.report_run_failed(record.dagster_run, "The process that made it was killed.")
            closed.append(record.dagster_run)
    return closed


def _make(folder: Path) -> None:
    """Make the folder with its databases in one stroke.

    Dagster makes them in several steps, and two processes must not do so at once.
    """
    folder.parent.mkdir(parents=True, exist_ok=True)
    for entry in folder.parent.glob(f"{folder.name}~*"):
        with contextlib.suppress(FileNotFoundError):  # another process is done with it
            if not owner.is_claimed(entry):
                shutil.rmtree(entry, ignore_errors=True)
    own = owner.claim(folder)
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

"""Pending logs: what MLflow could not take while a run was open, kept on disk until it can.

    spool/<run>~<owner>~<random>/     in use: a run logs to it, or it is being sent
    spool/<run>-<random>/             waits to be sent
        entries.ndjson                what was logged, in order
        sent                          number of entries that have been sent
        0/, 1/, …                     the files among them

A sender claims by renaming, which only one of several processes can do.
"""

import contextlib
import json
import os
import secrets
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, replace
from pathlib import Path
from shutil import rmtree
from typing import Final

from mlflow import MlflowClient

from qd_pipeline.errors import TrackingFailed, disk_failure
from qd_pipeline.leases import Leases
from qd_pipeline.renewal import renewing
from qd_pipeline.tracking.drawing_models import DrawingModel
from qd_pipeline.tracking.entries import KINDS, Entry, File
from qd_pipeline.tracking.failures import TrackingUnreachable, translate_errors

_SCHEMA: Final = 1
"""Version of the format of `entries.ndjson`."""

_ENTRIES: Final = "entries.ndjson"
_SENT: Final = "sent"


class PendingLog:
    """What one run logs while MLflow does not answer.

    Args:
        folder: A new folder.

    Raises:
        HomeFailed: The disk cannot be written.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        with _on_disk(folder):
            folder.mkdir(parents=True)

    def add(self, entry: Entry) -> None:
        """Write one entry, with its files.

        Raises:
            HomeFailed: The disk cannot be written.
        """
        with _on_disk(self._folder):
            written = entry.copied_to(self._folder)
            fields = {"schema": _SCHEMA, "kind": type(written).__name__, **asdict(written)}
            with (self._folder / _ENTRIES).open("a", encoding="utf-8") as entries:
                entries.write(json.dumps(fields) + "\n")
                entries.flush()
                os.fsync(entries.fileno())

    def renew(self) -> None:
        """Renew the modification time that shows other processes that it is in use."""
        (self._folder / _ENTRIES).touch()

    def close(self) -> None:
        """Release it: from now on it waits to be sent."""
        _put_back(self._folder)


class Spool:
    """The pending logs under one folder.

    Args:
        folder: It need not exist.
        leases: They tell which pending logs a process still works on.
    """

    def __init__(self, folder: Path, leases: Leases) -> None:
        self._folder = folder
        self._leases = leases

    def open(self, run: str) -> PendingLog:
        """Begin the pending log of a run.

        Raises:
            HomeFailed: The disk cannot be written.
        """
        return PendingLog(self._claim(run))

    def waiting(self) -> list[Path]:
        """Return what waits to be sent, oldest first; what killed processes left, too."""
        found = []
        with contextlib.suppress(FileNotFoundError):
            for entry in self._folder.iterdir():
                # Another process may claim it meanwhile, and some folders are being begun.
                with contextlib.suppress(FileNotFoundError, NotADirectoryError):
                    written = (entry / _ENTRIES).stat().st_mtime
                    owner = entry.name.partition("~")[2].partition("~")[0]
                    if not owner or self._leases.has_expired(owner, written):
                        found.append((written, entry))
        return [entry for _, entry in sorted(found)]

    def holds(self, run: str) -> bool:
        """Return whether something of a run is not sent yet; another process may be sending it."""
        return any(self._folder.glob(f"{run}[~-]*"))

    def send(self, client: MlflowClient, run: str | None = None) -> int:
        """Send what waits; what cannot be sent stays, and the rest is sent all the same.

        Args:
            client: The store's client.
            run: The run whose entries are sent; None to send those of all runs.

        Returns:
            How many runs' entries were sent.

        Raises:
            HomeFailed: The disk cannot be written; what waits stays.
            TrackingUnreachable: MLflow does not answer; all stays as it is.
            TrackingFailed: It refused some, or some cannot be read; they stay.
        """
        sent, failures = 0, list[TrackingFailed]()
        for place in self.waiting():
            if run not in {None, _run_of(place)}:
                continue
            claim = self._claim(_run_of(place))
            try:
                place.rename(claim)
            except FileNotFoundError:
                continue  # another process sends it
            try:
                with _on_disk(claim), renewing((claim / _ENTRIES).touch):
                    _send(claim, client)
                    rmtree(claim)
                sent += 1
            except TrackingFailed as failed:
                if isinstance(failed, TrackingUnreachable):
                    raise
                failures.append(failed)
            finally:
                if claim.exists():
                    _put_back(claim)
        if failures:
            raise failures[0]
        return sent

    def _claim(self, run: str) -> Path:
        return self._folder / f"{run}~{self._leases.owner}~{secrets.token_hex(4)}"


def _send(folder: Path, client: MlflowClient) -> None:
    run = _run_of(folder)
    # A line without its end was being written when its process was killed.
    lines = (folder / _ENTRIES).read_text(encoding="utf-8", errors="replace").split("\n")[:-1]
    begun = 0
    # What a power cut left of it is not a number: MLflow takes the same entries again.
    with contextlib.suppress(FileNotFoundError, ValueError):
        begun = int((folder / _SENT).read_text())
    written = folder / f"{_SENT}~"
    for number, line in enumerate(lines[begun:], start=begun + 1):
        entry = _read(folder, number, line)
        with translate_errors(
            f"MLflow run {run}",
            "does not take what it logged while MLflow did not answer, which still waits",
            f"if that run is gone, remove its folder from {folder.parent}",
        ):
            try:
                entry.send(client, run)
            except (AttributeError, LookupError, TypeError, ValueError):
                raise _unreadable(folder, number, "it is damaged") from None
        written.write_text(str(number), encoding="ascii")
        written.replace(folder / _SENT)


def _read(folder: Path, number: int, line: str) -> Entry:
    """Read a line of a pending log.

    Raises:
        TrackingFailed: It is of another version, or damaged.
    """
    entry: Entry | None = None
    try:
        fields = json.loads(line)
        schema, kind = fields.pop("schema"), KINDS[fields.pop("kind")]
        cause = f"it is of schema {schema}, this version reads {_SCHEMA}"
        entry = kind(**fields) if schema == _SCHEMA else None
    except (ValueError, KeyError, TypeError, AttributeError):
        cause = "it is damaged"
    if isinstance(entry, File | DrawingModel):
        file = folder / entry.path
        cause = f"its file {file.name} is missing"
        entry = replace(entry, path=str(file)) if file.exists() else None
    if entry is None:
        raise _unreadable(folder, number, cause)
    return entry


def _unreadable(folder: Path, number: int, cause: str) -> TrackingFailed:
    return TrackingFailed(
        f"line {number} of what MLflow run {_run_of(folder)} logged",
        f"cannot be read ({cause}), and still waits",
        "run `qd send` with the version that wrote it, or remove the run's folder from "
        f"{folder.parent}",
    )


def _run_of(place: Path) -> str:
    return place.name.partition("~")[0].partition("-")[0]


def _put_back(claim: Path) -> None:
    claim.rename(claim.with_name(f"{_run_of(claim)}-{secrets.token_hex(4)}"))


@contextmanager
def _on_disk(folder: Path) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        raise disk_failure(error, folder.parent) from error

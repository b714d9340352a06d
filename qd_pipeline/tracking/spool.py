"""What MLflow could not take while a run was under way, kept in the home until it can.

    spool/<run>~<owner>~<random>/     a run that logs there now
    spool/<run>-<random>/             what waits to be sent
        entries.ndjson                what was logged, in its order
        sent                          how many of those have been sent
        0/, 1/, …                     the files among them

Whoever sends claims by renaming, which only one of several processes can do.
"""

import json
import os
import secrets
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, replace
from pathlib import Path
from shutil import rmtree
from typing import Final

from mlflow import MlflowClient

from qd_pipeline import owner
from qd_pipeline.errors import TrackingFailed, disk_failure
from qd_pipeline.tracking.drawing_models import DrawingModel
from qd_pipeline.tracking.entries import KINDS, Entry, File, Network
from qd_pipeline.tracking.failures import TrackingUnreachable, explained

_ENTRIES: Final = "entries.ndjson"
_SENT: Final = "sent"


class Kept:
    """What one run logs while MLflow does not answer.

    Args:
        folder: A new folder.

    Raises:
        HomeFailed: The home cannot be written.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        with _on_disk(folder):
            folder.mkdir(parents=True)

    def add(self, entry: Entry) -> None:
        """Keep one entry, with its files.

        Raises:
            HomeFailed: The home cannot be written.
        """
        with _on_disk(self._folder):
            kept = entry.kept(self._folder)
            line = json.dumps({"kind": type(kept).__name__, **asdict(kept)})
            with (self._folder / _ENTRIES).open("a", encoding="utf-8") as entries:
                entries.write(line + "\n")
                entries.flush()
                os.fsync(entries.fileno())

    def close(self) -> None:
        """Let it wait to be sent."""
        _put_back(self._folder)


class Spool:
    """All that waits to be sent, under one folder."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def open(self, run: str) -> Kept:
        """Begin to keep what a run logs.

        Raises:
            HomeFailed: The home cannot be written.
        """
        return Kept(self._claim(run))

    def waiting(self) -> list[Path]:
        """Give what waits, in the order of its beginning; that of killed processes too."""
        if not self._folder.is_dir():
            return []
        found = [entry for entry in self._folder.iterdir() if _waits(entry)]
        return sorted(found, key=lambda entry: (entry / _ENTRIES).stat().st_mtime)

    def send(self, client: MlflowClient) -> int:
        """Send what waits; what is refused stays, and does not keep the rest from being sent.

        Returns:
            How many runs' entries were sent.

        Raises:
            HomeFailed: The home cannot be written; what waits stays.
            TrackingUnreachable: MLflow does not answer; all stays as it is.
            TrackingFailed: It refused some; they stay.
        """
        sent, refused = 0, list[str]()
        for place in self.waiting():
            run = _run_of(place)
            claim = self._claim(run)
            try:
                place.rename(claim)
            except FileNotFoundError:
                continue  # another process sends it
            try:
                with _on_disk(claim):
                    _send(claim, client, run)
                    rmtree(claim)
                sent += 1
            except TrackingFailed as failed:
                if isinstance(failed, TrackingUnreachable):
                    raise
                refused.append(f"{run}: {failed.cause}")
            finally:
                if claim.exists():
                    _put_back(claim)
        if refused:
            raise TrackingFailed(
                f"MLflow run {refused[0]}",
                "so what it logged still waits",
                f"if that run is gone, remove its folder from {self._folder}",
            )
        return sent

    def _claim(self, run: str) -> Path:
        return owner.claim(self._folder / run)


def _send(folder: Path, client: MlflowClient, run: str) -> None:
    lines = (folder / _ENTRIES).read_text(encoding="utf-8").splitlines()
    begun = int((folder / _SENT).read_text()) if (folder / _SENT).exists() else 0
    written = folder / f"{_SENT}~"
    for number, line in enumerate(lines[begun:], start=begun + 1):
        try:
            entry = _read(line, folder)
        except (ValueError, KeyError, TypeError):
            # A process was killed in the middle of its last line.
            return
        with explained():
            entry.send(client, run)
        written.write_text(str(number), encoding="ascii")
        written.replace(folder / _SENT)


def _read(line: str, folder: Path) -> Entry:
    fields = json.loads(line)
    entry = KINDS[fields.pop("kind")](**fields)
    if isinstance(entry, File | Network | DrawingModel):
        return replace(entry, path=str(folder / entry.path))
    return entry


def _waits(entry: Path) -> bool:
    if not (entry / _ENTRIES).is_file():
        return False
    silent = time.time() - (entry / _ENTRIES).stat().st_mtime
    return not owner.is_claimed(entry, silent)


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

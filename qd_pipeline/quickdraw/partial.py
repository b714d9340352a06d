"""What has arrived of a file that is not complete yet, kept so that it can go on.

It is a folder, so that bytes and their provenance move together:

    <name>/body                  the bytes so far
    <name>/identity.json         of which state of which file they are
    <name>~<owner>~<random>/     the same, while a process is at work on it

To claim one is to rename it, which only one of several processes can do; nobody writes
to what another holds, and what a killed process held is taken over by the next.
"""

import json
import os
import shutil
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict
from pathlib import Path
from typing import BinaryIO, Final

from qd_pipeline import owner
from qd_pipeline.errors import disk_failure
from qd_pipeline.quickdraw.body import CHUNK_BYTES, Identity

_IDENTITY: Final = "identity.json"


class Partial:
    """A file on its way.

    Attributes:
        body: The bytes so far.
        size: Their number.
        newlines: Line feeds among them.
        address: What they are of.
        identity: The state of the file that they belong to.
    """

    def __init__(self, folder: Path, stream: BinaryIO, address: str) -> None:
        self.body = folder / "body"
        self.address = address
        self._folder = folder
        self._stream = stream
        self._reset()
        known = _identity_in(folder, address)
        if known is None:
            self.forget()
            return
        self.identity = known
        while chunk := stream.read(CHUNK_BYTES):
            self._count(chunk)

    @property
    def lines(self) -> int:
        """Lines so far; the last one counts although no line feed ends it."""
        return self.newlines + self._open_ended

    def begin(self, identity: Identity) -> None:
        """Start from the first byte of a file in this state."""
        self.forget()
        self.identity = identity
        if identity.validator:
            note = {"address": self.address, "boot": _boot(), **asdict(identity)}
            (self._folder / _IDENTITY).write_text(json.dumps(note), encoding="utf-8")

    def append(self, chunk: bytes) -> None:
        """Add the bytes that came next."""
        self._stream.write(chunk)
        self._count(chunk)

    def forget(self) -> None:
        """Drop all that has arrived."""
        (self._folder / _IDENTITY).unlink(missing_ok=True)
        self._stream.seek(0)
        self._stream.truncate()
        self._reset()

    def flush(self) -> None:
        """Hand all bytes to the disk."""
        self._stream.flush()
        os.fsync(self._stream.fileno())

    def promote(self, target: Path) -> None:
        """Let the bytes be the file `target`, in one stroke."""
        self.body.replace(target)
        handle = os.open(target.parent, os.O_RDONLY)
        try:
            os.fsync(handle)
        finally:
            os.close(handle)

    def _reset(self) -> None:
        self.size = self.newlines = 0
        self._open_ended = False
        self.identity = Identity()

    def _count(self, chunk: bytes) -> None:
        self.size += len(chunk)
        self.newlines += chunk.count(b"\n")
        self._open_ended = not chunk.endswith(b"\n")


@contextmanager
def claimed(place: Path, address: str) -> Iterator[Partial]:
    """Claim what is there of a file, or begin with nothing.

    When the block ends, what could be continued later stays at `place`, and all else is
    removed.

    Args:
        place: Folder to keep it in; the same for every attempt at the same file.
        address: What the bytes are of; those of another address are dropped.

    Raises:
        HomeFailed: The disk refuses; nothing stays.
    """
    own = owner.claim(place)
    try:
        _take(place, own)
        with (own / "body").open("a+b") as stream:
            stream.seek(0)
            yield Partial(own, stream, address)
    except OSError as error:
        shutil.rmtree(own, ignore_errors=True)
        raise disk_failure(error, place.parent) from error
    finally:
        _leave(own, place)


def sweep(folder: Path) -> None:
    """Put aside what killed processes held of the files on their way in a folder.

    What could be continued stays at its place, and all else is removed.
    """
    for orphan in _orphans(folder):
        _leave(orphan, folder / orphan.name.partition("~")[0])


def _orphans(folder: Path) -> list[Path]:
    return [
        entry
        for entry in (folder.iterdir() if folder.is_dir() else ())
        if "~" in entry.name and not owner.is_claimed(entry, _silent(entry))
    ]


def _silent(entry: Path) -> float:
    """Return the seconds since something was written there."""
    try:
        return time.time() - max(each.stat().st_mtime for each in (entry, *entry.iterdir()))
    except OSError:
        return 0.0


def _take(place: Path, own: Path) -> None:
    place.parent.mkdir(parents=True, exist_ok=True)
    orphans = [entry for entry in _orphans(place.parent) if entry.name.startswith(f"{place.name}~")]
    for entry in (place, *orphans):
        if own.exists():
            shutil.rmtree(entry, ignore_errors=True)
            continue
        try:
            entry.rename(own)
        except FileNotFoundError:
            continue
    own.mkdir(exist_ok=True)


def _leave(own: Path, place: Path) -> None:
    """Keep for later what can be continued."""
    if (own / _IDENTITY).exists() and (own / "body").exists():
        try:
            own.rename(place)
        except OSError:
            shutil.rmtree(own, ignore_errors=True)
    else:
        shutil.rmtree(own, ignore_errors=True)


def _identity_in(folder: Path, address: str) -> Identity | None:
    try:
        note = json.loads((folder / _IDENTITY).read_text(encoding="utf-8"))
        found = note.pop("address"), note.pop("boot")
        return Identity(**note) if found == (address, _boot()) else None
    except (FileNotFoundError, ValueError, KeyError, TypeError, AttributeError):
        return None


def _boot() -> str:
    """Name this run of the machine: after a crash of it, bytes may be there that are not right."""
    name = Path("/proc/sys/kernel/random/boot_id")
    return name.read_text(encoding="ascii").strip() if name.exists() else ""

"""Partial downloads: the bytes of an unfinished download, kept so that a later one resumes it.

Each is a folder, so that the bytes and their version move together:

    <name>/body                the bytes so far
    <name>/version.json        address and version of the file that they are of
    <name>~<random>/           the same, while a download writes to it

A download renames the folder, which only one of several can do, and renews its modification time
while it works. One whose time is long past belongs to a process that was killed. Nothing is written
into a folder in use by another download, but its bytes so far may be copied.
"""

import errno
import json
import os
import secrets
import shutil
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import asdict
from pathlib import Path
from typing import BinaryIO, Final

from qd_pipeline.errors import disk_failure, is_about_disk
from qd_pipeline.quickdraw.download.remote_file import CHUNK_BYTES, FileVersion
from qd_pipeline.renewal import renewing
from qd_pipeline.storage import lease

_VERSION: Final = "version.json"


class PartialDownload:
    """The bytes of a file so far, and the version of the file that they are of.

    Attributes:
        body: Path of the bytes so far.
        size: Their number.
        newlines: Line feeds among them.
        address: Address of the file.
        version: The version of the file that they belong to.
    """

    def __init__(self, folder: Path, stream: BinaryIO, address: str) -> None:
        self.body = folder / "body"
        self.address = address
        self._folder = folder
        self._stream = stream
        self._reset()
        known = _version_in(folder, address)
        if known is None:
            self.discard()
            return
        self.version = known
        while chunk := stream.read(CHUNK_BYTES):
            self._count(chunk)

    @property
    def lines(self) -> int:
        """Lines so far; the last one counts although no line feed ends it."""
        return self.newlines + self._open_ended

    def begin(self, version: FileVersion) -> None:
        """Start from the first byte of a version of the file."""
        self.discard()
        self.version = version
        if version.validator:
            note = {"address": self.address, "boot": _boot(), **asdict(version)}
            (self._folder / _VERSION).write_text(json.dumps(note), encoding="utf-8")

    def append(self, chunk: bytes) -> None:
        """Add the bytes that came next."""
        self._stream.write(chunk)
        self._count(chunk)

    def discard(self) -> None:
        """Drop all that has arrived."""
        (self._folder / _VERSION).unlink(missing_ok=True)
        self._stream.seek(0)
        self._stream.truncate()
        self._reset()

    def flush(self) -> None:
        """Write all bytes to the disk."""
        self._stream.flush()
        os.fsync(self._stream.fileno())

    def move_to(self, target: Path) -> None:
        """Move the bytes to their final path, in one step."""
        try:
            self.body.rename(target)
        except OSError as error:
            if error.errno != errno.EXDEV:
                raise
            # The store's staging folder is on another disk.
            staged = target.with_name(f".{target.name}.{secrets.token_hex(4)}")
            shutil.copyfile(self.body, staged)
            staged.rename(target)
            self.body.unlink()

    def _reset(self) -> None:
        self.size = self.newlines = 0
        self._open_ended = False
        self.version = FileVersion()

    def _count(self, chunk: bytes) -> None:
        self.size += len(chunk)
        self.newlines += chunk.count(b"\n")
        self._open_ended = not chunk.endswith(b"\n")


@contextmanager
def open_partial(place: Path, address: str) -> Iterator[PartialDownload]:
    """Open what has arrived of a file, or begin with nothing.

    When the block ends, what can be resumed later stays at `place`, and all else is removed.

    Args:
        place: Folder to keep it in; the same for every download of the same file.
        address: Address of the file; bytes of another address are dropped.

    Raises:
        HomeFailed: The disk refuses; nothing stays.
    """
    own = place.with_name(f"{place.name}~{secrets.token_hex(8)}")
    try:
        _acquire(place, own, address)
        with renewing(lambda: os.utime(own)), (own / "body").open("a+b") as stream:
            stream.seek(0)
            yield PartialDownload(own, stream, address)
    except OSError as error:
        if not is_about_disk(error, place.parent):
            raise
        shutil.rmtree(own, ignore_errors=True)
        raise disk_failure(error, place.parent) from error
    finally:
        _release(own, place)


def sweep(folder: Path) -> None:
    """Release the folders of killed downloads: keep what can be resumed, and remove the rest."""
    for entry in folder.iterdir() if folder.is_dir() else ():
        name, in_use, _ = entry.name.partition("~")
        if in_use and _is_expired(entry):
            _release(entry, folder / name)


def _acquire(place: Path, own: Path, address: str) -> None:
    place.parent.mkdir(parents=True, exist_ok=True)
    in_use = list(place.parent.glob(f"{place.name}~*"))
    for entry in (place, *filter(_is_expired, in_use)):
        with suppress(FileNotFoundError):  # another download was faster, or it is the first
            os.utime(entry)  # or another could take it for one of a killed process
            entry.rename(own)
            return
    own.mkdir()
    for entry in in_use:
        if _copy(entry, own, address):
            return


def _copy(entry: Path, own: Path, address: str) -> bool:
    """Copy the bytes so far of another download, which may be running or have been killed."""
    version = _version_in(entry, address)
    if version is None:
        return False
    with suppress(FileNotFoundError):  # it has just ended
        shutil.copyfile(entry / "body", own / "body")
        shutil.copyfile(entry / _VERSION, own / _VERSION)
        # The other may have begun again, with another version, in the meantime.
        if _version_in(own, address) == version:
            return True
    for name in ("body", _VERSION):
        (own / name).unlink(missing_ok=True)
    return False


def _release(own: Path, place: Path) -> None:
    """Stop working on a partial download: keep it if it can be resumed, else remove it."""
    if (own / _VERSION).exists() and (own / "body").exists():
        with suppress(OSError):  # another download has put its bytes there
            own.rename(place)
    shutil.rmtree(own, ignore_errors=True)


def _is_expired(entry: Path) -> bool:
    try:
        renewed = max(each.stat().st_mtime for each in (entry, *entry.iterdir()))
    except OSError:
        return False
    return time.time() - renewed > lease.EXPIRY.total_seconds()


def _version_in(folder: Path, address: str) -> FileVersion | None:
    try:
        note = json.loads((folder / _VERSION).read_text(encoding="utf-8"))
        found = note.pop("address"), note.pop("boot")
        return FileVersion(**note) if found == (address, _boot()) else None
    except (OSError, ValueError, KeyError, TypeError, AttributeError):
        return None


def _boot() -> str:
    """Return an id of this run of the machine: bytes from before a crash of it may be wrong."""
    name = Path("/proc/sys/kernel/random/boot_id")
    return name.read_text(encoding="ascii").strip() if name.exists() else ""

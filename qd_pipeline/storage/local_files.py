"""Published files as files of this machine, verified whenever they are opened."""

import os
import secrets
import shutil
import time
from abc import ABC, abstractmethod
from collections.abc import Iterator
from pathlib import Path
from typing import Final

from qd_pipeline.errors import disk_failure
from qd_pipeline.storage.local import LocalObjects
from qd_pipeline.storage.objects import Objects
from qd_pipeline.storage.partition import Partition, digest, sha256

IN_USE_SECONDS: Final = 3600.0
"""A cached partition that was opened so recently is not evicted: its paths may be in use."""

# ruff: noqa: D102 - `open` is documented in `LocalFiles`


class LocalFiles(ABC):
    """Published files as files of this machine."""

    @abstractmethod
    def open(self, partition: Partition, name: str) -> Path:
        """Return a verified file of a partition: see `PartitionStore.open_local`."""

    def open_all(self, partition: Partition) -> Path:
        """Return a folder with all files of a partition: see `PartitionStore.open_all`."""
        for name in partition.files:
            self.open(partition, name)
        return self._folder(partition)

    @abstractmethod
    def _folder(self, partition: Partition) -> Path:
        """Return the folder of a partition's files."""


class InPlace(LocalFiles):
    """The stored files themselves, where the store is a folder."""

    def __init__(self, objects: LocalObjects) -> None:
        self._objects = objects

    def open(self, partition: Partition, name: str) -> Path:
        wanted = partition.files[name]
        path = self._objects.place(partition.path_of(name))
        try:
            found = sha256(path)
        except OSError as error:
            raise partition.damaged(f"cannot read {name} ({error.strerror})") from error
        if found != wanted.sha256:
            raise partition.damaged(f"has a {name} that is not what was written")
        return path

    def _folder(self, partition: Partition) -> Path:
        return self._objects.place(partition.content_path)


class Cached(LocalFiles):
    """Copies of stored files, shared by the processes of a machine.

    The files of a partition lie under the SHA-256 of all of them.

    Args:
        objects: The store.
        folder: Folder of the copies.
        largest: Size of all copies, in bytes, above which the least recently used ones are
            removed; those opened in the last hour are kept even then.
    """

    def __init__(self, objects: Objects, folder: Path, largest: int) -> None:
        self._objects = objects
        self._root = folder
        self._largest = largest
        self._slack = largest // 10
        # Bytes downloaded since the copies were looked through; at first, other processes' count.
        self._unchecked = largest

    def open(self, partition: Partition, name: str) -> Path:
        wanted, folder = partition.files[name], self._folder(partition)
        try:
            folder.mkdir(parents=True, exist_ok=True)
            os.utime(folder)
            path = folder / name
            if not (path.is_file() and sha256(path) == wanted.sha256):
                self._download(partition, name, path)
                self._unchecked += path.stat().st_size
                if self._unchecked > self._slack:
                    self._evict()
        except OSError as error:
            raise disk_failure(error, self._root) from error
        return path

    def _folder(self, partition: Partition) -> Path:
        files = digest({name: file.sha256 for name, file in partition.files.items()})
        return self._root / files

    def _download(self, partition: Partition, name: str, path: Path) -> None:
        staged = path.with_name(f".{name}.{secrets.token_hex(4)}")
        try:
            with staged.open("wb") as stream:
                for chunk in self._chunks(partition, name):
                    stream.write(chunk)
            if sha256(staged) != partition.files[name].sha256:
                raise partition.damaged(f"has a {name} that is not what was written")
            staged.rename(path)
        finally:
            staged.unlink(missing_ok=True)

    def _chunks(self, partition: Partition, name: str) -> Iterator[bytes]:
        try:
            yield from self._objects.stream(partition.path_of(name))
        except FileNotFoundError as error:
            raise partition.damaged(f"cannot read {name} (it is not in the store)") from error

    def _evict(self) -> None:
        """Remove the copies that were not used for longest, until the others fit.

        A tenth of the room stays free, so that copies are not looked through for each download.
        """
        self._unchecked = 0
        folders = [entry for entry in os.scandir(self._root) if entry.is_dir()]
        used = sorted((entry.stat().st_mtime, entry.path) for entry in folders)
        sizes = {path: _size(Path(path)) for _, path in used}
        excess = sum(sizes.values()) - (self._largest - self._slack)
        for at, path in used:
            if excess <= 0 or time.time() - at < IN_USE_SECONDS:
                return
            shutil.rmtree(path, ignore_errors=True)
            excess -= sizes[path]


def _size(folder: Path) -> int:
    try:
        return sum(entry.stat().st_size for entry in os.scandir(folder))
    except OSError:  # another process is changing it
        return 0

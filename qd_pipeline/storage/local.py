"""A store in a folder: plain files, durable before they are named, and links never followed.

obstore's local store is not used here: it does not call fsync (0.12.1).
"""

import contextlib
import errno
import os
import secrets
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

from qd_pipeline.errors import DamagedPartition, disk_failure
from qd_pipeline.storage.objects import Objects, StoredObject

_NO_HARD_LINKS: Final = {errno.EPERM, errno.ENOTSUP, errno.EOPNOTSUPP, errno.ENOSYS}
_CHUNK_BYTES: Final = 1 << 20

# ruff: noqa: D102 - the methods are documented in `Objects`


class LocalObjects(Objects):
    """Objects as files below a folder.

    Args:
        root: The folder; made when first written to.
    """

    def __init__(self, root: Path) -> None:
        self.name = str(root)
        self.local_root: Path = root

    def check_writable(self) -> None:
        pass  # the file system creates a name once, or not at all

    def create(self, path: str, content: bytes) -> bool:
        # First under another name, then under its own by a hard link.
        target = self.place(path)
        staged = self.local_root / "scratch" / f"{secrets.token_hex(8)}.new"
        with self._failures("written"):
            # Where the power fails now, a new folder may be gone with the manifest in it: the
            # partition is missing then, not damaged, and needs no sync of the folders above.
            target.parent.mkdir(parents=True, exist_ok=True)
            staged.parent.mkdir(exist_ok=True)
            try:
                with staged.open("wb") as stream:
                    stream.write(content)
                    stream.flush()
                    os.fsync(stream.fileno())
                created = _link(staged, target)
            finally:
                staged.unlink(missing_ok=True)
            if created:
                _sync_folders(target.parent)
            return created

    def put(self, path: str, content: bytes) -> None:
        # In place: used for leases, of which only the modification time counts.
        target = self.place(path)
        with self._failures("written"):
            target.parent.mkdir(parents=True, exist_ok=True)
            target.write_bytes(content)

    def get(self, path: str) -> bytes | None:
        with self._failures("read"):
            try:
                return self.place(path).read_bytes()
            except FileNotFoundError:
                return None

    def list(self, prefix: str) -> Iterator[StoredObject]:
        """Yield the files below a folder; links are files here, and are not followed."""
        yield from self._walk(self.place(prefix), prefix.rstrip("/"))

    def top_level(self) -> set[str]:
        with self._failures("read"):
            folder = self.local_root
            return {entry.name for entry in folder.iterdir()} if folder.is_dir() else set()

    def delete(self, paths: Iterable[str]) -> None:
        for path in paths:
            target = self.place(path)
            with self._failures("written"):
                target.unlink(missing_ok=True)
            if path.startswith("content/"):
                with contextlib.suppress(OSError):  # the folder is not empty yet
                    target.parent.rmdir()

    def store_files(self, folder: Path, names: Iterable[str], target: str) -> None:
        place = self.place(target)
        with self._failures("written"):
            grown = _make_folder(place.parent)
            # Moved before all is synced: one transaction of the file system, not several.
            folder.rename(place)
            for name in names:
                _sync(place / name, os.O_RDONLY)
            _sync_folders(place, place.parent, *grown)

    def stream(self, path: str) -> Iterator[bytes]:
        with self.place(path).open("rb") as stream:
            while chunk := stream.read(_CHUNK_BYTES):
                yield chunk

    def place(self, path: str) -> Path:
        """Return the place of an object.

        Raises:
            DamagedPartition: A link on the way leads elsewhere.
        """
        place = self.local_root
        for name in path.rstrip("/").split("/"):
            place /= name
            if place.is_symlink():
                raise DamagedPartition(str(place), "leads elsewhere, by a link", "remove the link")
        return place

    def _walk(self, folder: Path, prefix: str) -> Iterator[StoredObject]:
        with self._failures("read"):
            try:
                entries = list(os.scandir(folder))
            except FileNotFoundError:
                return
        for entry in entries:
            path = f"{prefix}/{entry.name}"
            with self._failures("read"):
                try:
                    is_folder = entry.is_dir(follow_symlinks=False)
                    found = entry.stat(follow_symlinks=False)
                except FileNotFoundError:
                    continue  # removed in the meantime
            if is_folder:
                yield from self._walk(folder / entry.name, path)
            else:
                tag = f"{found.st_mtime_ns}-{found.st_size}-{found.st_ino}"
                yield StoredObject(path, found.st_size, found.st_mtime, tag)

    @contextmanager
    def _failures(self, doing: str) -> Iterator[None]:
        try:
            yield
        except OSError as error:
            raise disk_failure(error, self.local_root, doing) from error


def _make_folder(folder: Path) -> list[Path]:
    """Make a folder and its parents; return the folders to sync for the new names to last."""
    if folder.is_dir():
        return []
    grown = _make_folder(folder.parent)
    folder.mkdir(exist_ok=True)
    return [folder.parent, *grown]


def _sync_folders(*folders: Path) -> None:
    """Wait until the names in folders have reached the disk."""
    for folder in folders:
        _sync(folder, os.O_RDONLY | os.O_DIRECTORY)


def _sync(path: Path, flags: int) -> None:
    handle = os.open(path, flags)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def _link(staged: Path, target: Path) -> bool:
    """Name a complete file, unless the name is taken."""
    try:
        os.link(staged, target)
    except FileExistsError:
        return False
    except OSError as error:
        if error.errno not in _NO_HARD_LINKS:
            raise
        # A file system without hard links: the first to create the claim may use the name.
        claim = target.with_suffix(".claim")
        try:
            os.close(os.open(claim, os.O_CREAT | os.O_EXCL | os.O_WRONLY))
        except FileExistsError:
            return False
        if target.exists():
            return False
        staged.rename(target)
    return True

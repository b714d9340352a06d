"""The store of partitions: complete and verified, or not there.

A partition is a folder of files that a manifest names and vouches for:

    store/<stage>/<key>/manifest.json     names the folder; replaced in one stroke
    store/<stage>/<key>/<random>/…        the files, never changed once published

Writers write into a folder of their own and publish by replacing the manifest, which is
atomic without any lock: two writers of one partition end with one of the two complete
results. A folder that no manifest names and whose owner has died is litter, and the next
writer sweeps it.
"""

import contextlib
import json
import os
import secrets
import shutil
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from qd_pipeline import owner
from qd_pipeline.errors import BadSetting, DamagedPartition, MissingPartition, disk_failure
from qd_pipeline.partition import (
    MANIFEST,
    SAFE_NAME,
    Json,
    Partition,
    digest,
    opened,
    partition_of,
    published_folder,
    sealed,
    sha256,
)

__all__ = ["MANIFEST", "Draft", "Json", "Partition", "Store"]

_OWNER: Final = ".owner"
_SECONDS_TO_SIGN: Final = 60.0


@dataclass(frozen=True)
class Draft:
    """A partition being written; nobody reads it until it is published."""

    stage: str
    key: str
    folder: Path

    def path(self, name: str) -> Path:
        """Give the place of a file to write."""
        return self.folder / name

    def publish(self, *, recipe: Json, facts: Json, version: str | None = None) -> Partition:
        """Make every file durable, then let the manifest name this folder.

        Args:
            recipe: What it was made from (JSON); a partition is fresh while it equals this.
            facts: What was measured (JSON).
            version: Hash of the content, by default of all files.
        """
        names = sorted(entry.name for entry in self.folder.iterdir() if entry.name != _OWNER)
        files = {name: sha256(self.path(name), durable=True) for name in names}
        _sync_folder(self.folder)
        body = {
            "stage": self.stage,
            "key": self.key,
            "folder": self.folder.name,
            "version": version or digest(files),
            "recipe": recipe,
            "facts": facts,
            "files": files,
        }
        manifest = self.folder.parent / MANIFEST
        superseded = published_folder(self.folder.parent)
        staged = self.folder / MANIFEST
        with staged.open("w", encoding="utf-8") as stream:
            stream.write(sealed(body))
            stream.flush()
            os.fsync(stream.fileno())
        staged.replace(manifest)
        _sync_folder(manifest.parent)
        if superseded:
            _remove(manifest.parent / superseded)
        return partition_of(self.folder.parent, body)


class Store:
    """All partitions under one folder.

    Args:
        root: The folder; made when first written to.
    """

    def __init__(self, root: Path) -> None:
        self.root = root

    def find(self, stage: str, key: str) -> Partition | None:
        """Give the published partition, or None where there is none.

        Raises:
            DamagedPartition: The manifest is not what was written.
        """
        home = self._home_of(stage, key)
        return opened(home, stage, key)

    def read(self, stage: str, key: str) -> Partition:
        """Give the published partition.

        Raises:
            MissingPartition: There is none.
            DamagedPartition: The manifest is not what was written.
        """
        partition = self.find(stage, key)
        if partition is None:
            raise MissingPartition(
                f"{stage} {key}", "is not in the store", f"make it with `qd make {stage} {key}`"
            )
        return partition

    def is_fresh(self, stage: str, key: str, recipe: Json) -> bool:
        """Tell whether the partition is there, undamaged to the eye, and made by this recipe."""
        try:
            partition = self.find(stage, key)
        except DamagedPartition:
            return False
        # Through JSON, so that tuples and lists compare as they were stored.
        return (
            partition is not None
            and partition.recipe == json.loads(json.dumps(recipe))
            and all((partition.folder / name).is_file() for name in partition.files)
        )

    @contextmanager
    def draft(self, stage: str, key: str) -> Iterator[Draft]:
        """Open a draft; what is not published when the block ends is removed.

        Raises:
            HomeFailed: The home cannot be written; the published partition is untouched.
        """
        home = self._home_of(stage, key)
        folder = home / secrets.token_hex(4)
        try:
            folder.mkdir(parents=True)
            (folder / _OWNER).write_text(owner.token(), encoding="utf-8")
            _sweep(home)
            yield Draft(stage, key, folder)
        except OSError as error:
            raise disk_failure(error, self.root) from error
        finally:
            # Where the disk does not say what is published, a later sweep removes the rest.
            with contextlib.suppress(OSError):
                if published_folder(home) != folder.name:
                    _remove(folder)

    def sweep(self) -> None:
        """Remove what killed processes have left, of all partitions."""
        for home in self.root.glob("*/*"):
            if home.is_dir() and not home.is_symlink():
                _sweep(home)

    def _home_of(self, stage: str, key: str) -> Path:
        for name in (stage, key):
            if not SAFE_NAME.fullmatch(name):
                raise BadSetting(
                    f"partition {name[:80]!r}", "cannot be a name in the store", "see `qd status`"
                )
        home = self.root / stage / key
        for place in (home.parent, home):
            if place.is_symlink():
                raise DamagedPartition(
                    f"{stage} {key}", "would lie elsewhere, by a link", f"remove the link {place}"
                )
        return home


def _sweep(home: Path) -> None:
    """Remove litter: what no manifest names and nobody alive is writing."""
    for entry in home.iterdir():
        if entry.name == MANIFEST or _is_being_written(entry):
            continue
        # Asked last: its writer may have published it, and ended, this very moment.
        if entry.name != published_folder(home):
            _remove(entry)


def _is_being_written(folder: Path) -> bool:
    silent = time.time() - _modified(folder)
    try:
        return owner.is_alive((folder / _OWNER).read_text(encoding="utf-8"), silent)
    except (OSError, UnicodeDecodeError):
        # Its owner may have made it this very moment, and not yet signed it.
        return silent < _SECONDS_TO_SIGN


def _modified(folder: Path) -> float:
    """Give the last moment that something was written there."""
    try:
        return max(entry.stat().st_mtime for entry in (folder, *folder.iterdir()))
    except OSError:
        return 0.0


def _sync_folder(folder: Path) -> None:
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def _remove(entry: Path) -> None:
    if entry.is_dir() and not entry.is_symlink():
        shutil.rmtree(entry, ignore_errors=True)
    else:
        with contextlib.suppress(OSError):
            entry.unlink()

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
import hashlib
import json
import os
import re
import secrets
import shutil
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from qd_pipeline import owner
from qd_pipeline.errors import BadSetting, DamagedPartition, MissingPartition, disk_failure

MANIFEST: Final = "manifest.json"
Json = Mapping[str, Any]

_OWNER: Final = ".owner"
_SECONDS_TO_SIGN: Final = 60.0

_SAFE_NAME: Final = re.compile(r"[A-Za-z0-9][A-Za-z0-9_-]{0,63}", re.ASCII)
_FILE_NAME: Final = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,127}", re.ASCII)


@dataclass(frozen=True)
class Partition:
    """A published partition.

    Attributes:
        stage: The asset, `strokes` for one.
        key: The partition key, `cow` or `8` for one.
        folder: Where its files are.
        version: Hash of its content (64 hexadecimal digits): Dagster's data version.
        recipe: What it was made from: code, settings, and the versions of its inputs.
        facts: What the stage measured while it wrote.
        files: SHA-256 of each file.
    """

    stage: str
    key: str
    folder: Path
    version: str
    recipe: Json
    facts: Json
    files: Mapping[str, str]

    def path(self, name: str) -> Path:
        """Give one of its files, after checking that it is what was written.

        Raises:
            DamagedPartition: The file is missing, truncated or altered.
        """
        path = self.folder / name
        try:
            found = _sha256(path)
        except OSError as error:
            raise _damaged(
                self.stage, self.key, f"cannot read {name} ({error.strerror})"
            ) from error
        if found != self.files.get(name):
            raise _damaged(self.stage, self.key, f"has a {name} that is not what was written")
        return path

    def verified(self) -> Path:
        """Give its folder, after checking every file in it.

        Raises:
            DamagedPartition: A file is missing, truncated or altered.
        """
        for name in self.files:
            self.path(name)
        return self.folder


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
        files = {name: _sha256(self.path(name), durable=True) for name in names}
        _sync_folder(self.folder)
        body = {
            "stage": self.stage,
            "key": self.key,
            "folder": self.folder.name,
            "version": version or _digest(files),
            "recipe": recipe,
            "facts": facts,
            "files": files,
        }
        manifest = self.folder.parent / MANIFEST
        superseded = _published_folder(self.folder.parent)
        staged = self.folder / MANIFEST
        with staged.open("w", encoding="utf-8") as stream:
            stream.write(_sealed(body))
            stream.flush()
            os.fsync(stream.fileno())
        staged.replace(manifest)
        _sync_folder(manifest.parent)
        if superseded:
            _remove(manifest.parent / superseded)
        return _partition(self.folder.parent, body)


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
        try:
            text = (home / MANIFEST).read_text(encoding="utf-8")
        except FileNotFoundError:
            return None
        except (OSError, UnicodeDecodeError) as error:
            raise _damaged(stage, key, f"cannot read its {MANIFEST} ({error})") from error
        try:
            body = json.loads(text)
            body.pop("seal")
        except (ValueError, KeyError, AttributeError) as error:
            raise _damaged(stage, key, f"has a {MANIFEST} that is not complete") from error
        # To the letter: two spellings of a number may mean the same.
        if text != _sealed(body):
            raise _damaged(stage, key, f"has a {MANIFEST} that is not what was written")
        if (body["stage"], body["key"]) != (stage, key) or not _stays_inside(home, body):
            raise _damaged(stage, key, f"has a {MANIFEST} that leads elsewhere")
        return _partition(home, body)

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
            if _published_folder(home) != folder.name:
                _remove(folder)

    def sweep(self) -> None:
        """Remove what killed processes have left, of all partitions."""
        for home in self.root.glob("*/*"):
            if home.is_dir() and not home.is_symlink():
                _sweep(home)

    def _home_of(self, stage: str, key: str) -> Path:
        for name in (stage, key):
            if not _SAFE_NAME.fullmatch(name):
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
    published = _published_folder(home)
    for entry in home.iterdir():
        if entry.name not in {published, MANIFEST} and not _is_being_written(entry):
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


def _published_folder(home: Path) -> str | None:
    try:
        name = str(json.loads((home / MANIFEST).read_bytes())["folder"])
    except (OSError, ValueError, KeyError, TypeError):
        return None
    return name if _SAFE_NAME.fullmatch(name) else None


def _stays_inside(home: Path, body: Json) -> bool:
    """Tell whether the manifest names plain files in a plain folder of this very place.

    The seal is no signature: whoever can write here can seal what leads to other files.
    """
    folder = home / str(body["folder"])
    places = [folder, *(folder / name for name in body["files"])]
    return (
        bool(_SAFE_NAME.fullmatch(str(body["folder"])))
        and all(_FILE_NAME.fullmatch(name) for name in body["files"])
        and not any(place.is_symlink() for place in places)
    )


def _partition(home: Path, body: Json) -> Partition:
    return Partition(
        stage=body["stage"],
        key=body["key"],
        folder=home / body["folder"],
        version=body["version"],
        recipe=body["recipe"],
        facts=body["facts"],
        files=body["files"],
    )


def _sha256(path: Path, *, durable: bool = False) -> str:
    with path.open("rb") as stream:
        if durable:
            os.fsync(stream.fileno())
        return hashlib.file_digest(stream, "sha256").hexdigest()


def _digest(body: Json) -> str:
    return hashlib.sha256(json.dumps(body, sort_keys=True).encode()).hexdigest()


def _sealed(body: Json) -> str:
    """Write a manifest, with a hash of all that it says."""
    return json.dumps({**body, "seal": _digest(body)}, indent=1)


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


def _damaged(stage: str, key: str, cause: str) -> DamagedPartition:
    return DamagedPartition(
        f"{stage} {key}", f"is damaged: it {cause}", f"rebuild it with `qd make {stage} {key}`"
    )

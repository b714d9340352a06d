"""A published partition, and the manifest that names its folder and vouches for its files."""

import hashlib
import json
import os
import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from qd_pipeline.errors import DamagedPartition

MANIFEST: Final = "manifest.json"
Json = Mapping[str, Any]

SAFE_NAME: Final = re.compile(r"[A-Za-z0-9][A-Za-z0-9_-]{0,63}", re.ASCII)
"""What stages, partition keys and folders of the store may be called."""

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
            found = sha256(path)
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


def opened(home: Path, stage: str, key: str) -> Partition | None:
    """Read the manifest of a partition's place; None where there is none.

    Raises:
        DamagedPartition: The manifest is not what was written.
    """
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
    if text != sealed(body):
        raise _damaged(stage, key, f"has a {MANIFEST} that is not what was written")
    if (body["stage"], body["key"]) != (stage, key) or not _stays_inside(home, body):
        raise _damaged(stage, key, f"has a {MANIFEST} that leads elsewhere")
    return partition_of(home, body)


def published_folder(home: Path) -> str | None:
    """Give the name of the folder that the manifest of a place names, if it names one.

    Raises:
        OSError: There is a manifest, and it cannot be read: whoever removes what it does not
            name must know.
    """
    try:
        name = str(json.loads((home / MANIFEST).read_bytes())["folder"])
    except (FileNotFoundError, ValueError, KeyError, TypeError):
        return None
    return name if SAFE_NAME.fullmatch(name) else None


def sealed(body: Json) -> str:
    """Write a manifest, with a hash of all that it says."""
    return json.dumps({**body, "seal": digest(body)}, indent=1)


def digest(body: Json) -> str:
    """Give the SHA-256 of JSON, as 64 hexadecimal digits."""
    return hashlib.sha256(json.dumps(body, sort_keys=True).encode()).hexdigest()


def sha256(path: Path, *, durable: bool = False) -> str:
    """Give the SHA-256 of a file; `durable` sees first that it has reached the disk."""
    with path.open("rb") as stream:
        if durable:
            os.fsync(stream.fileno())
        return hashlib.file_digest(stream, "sha256").hexdigest()


def partition_of(home: Path, body: Json) -> Partition:
    """Give the partition that a manifest's body describes."""
    return Partition(
        stage=body["stage"],
        key=body["key"],
        folder=home / body["folder"],
        version=body["version"],
        recipe=body["recipe"],
        facts=body["facts"],
        files=body["files"],
    )


def _stays_inside(home: Path, body: Json) -> bool:
    """Tell whether the manifest names plain files in a plain folder of this very place.

    The seal is no signature: whoever can write here can seal what leads to other files.
    """
    folder = home / str(body["folder"])
    places = [folder, *(folder / name for name in body["files"])]
    return (
        bool(SAFE_NAME.fullmatch(str(body["folder"])))
        and all(_FILE_NAME.fullmatch(name) for name in body["files"])
        and not any(place.is_symlink() for place in places)
    )


def _damaged(stage: str, key: str, cause: str) -> DamagedPartition:
    return DamagedPartition(
        f"{stage} {key}", f"is damaged: it {cause}", f"rebuild it with `qd make {stage} {key}`"
    )

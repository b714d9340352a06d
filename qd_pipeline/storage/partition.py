"""A published partition, and the names that it and its files may have."""

import hashlib
import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from qd_pipeline.errors import BadSetting, DamagedPartition

Json = Mapping[str, Any]

SAFE_NAME: Final = re.compile(r"[A-Za-z0-9][A-Za-z0-9_-]{0,63}", re.ASCII)
"""Names of stages and partition keys."""

FILE_NAME: Final = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,127}", re.ASCII)
"""Names of a partition's files."""


@dataclass(frozen=True)
class StoredFile:
    """A file of a partition.

    Attributes:
        sha256: Of its content, 64 hexadecimal digits.
        size: In bytes.
    """

    sha256: str
    size: int


@dataclass(frozen=True)
class Partition:
    """A published partition. Its files are opened by the store: `PartitionStore.open_local`.

    Attributes:
        stage: The asset, `strokes` for example.
        key: The partition key, `cow` or `8` for example.
        version: Hash of its content (64 hexadecimal digits): Dagster's data version.
        fingerprint: What it was made from: code, settings, and the versions of its inputs.
        metadata: What the stage measured while it wrote.
        files: The files by their names.
        sequence: How many times this partition has been published, this time included.
        content: Name of the folder of its files in the store.
    """

    stage: str
    key: str
    version: str
    fingerprint: Json
    metadata: Json
    files: Mapping[str, StoredFile]
    sequence: int
    content: str

    def path_of(self, name: str) -> str:
        """Return the path of one of its files in the store, with forward slashes."""
        return f"{self.content_path}/{name}"

    @property
    def content_path(self) -> str:
        """Path of the folder of its files in the store, with forward slashes."""
        return f"content/{self.stage}/{self.content}"

    def damaged(self, cause: str) -> DamagedPartition:
        """Return the error for damage of this partition."""
        return damaged(self.stage, self.key, cause)


def damaged(stage: str, key: str, cause: str) -> DamagedPartition:
    """Return the error for a damaged partition, with the command that rebuilds it."""
    return DamagedPartition(
        f"{stage} {key}", f"is damaged: it {cause}", f"rebuild it with `qd make {stage} {key}`"
    )


def check_names(stage: str, key: str) -> None:
    """Check that a stage and a partition key are plain names, which lead nowhere else.

    Raises:
        BadSetting: One is not.
    """
    for name in (stage, key):
        if not SAFE_NAME.fullmatch(name):
            raise BadSetting(
                f"partition {name[:80]!r}", "cannot be a name in the store", "see `qd status`"
            )


def digest(body: Any) -> str:
    """Return the SHA-256 of JSON, independent of the order of its keys."""
    return hashlib.sha256(json.dumps(body, sort_keys=True).encode()).hexdigest()


def sha256(path: Path) -> str:
    """Return the SHA-256 of a file."""
    with path.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()

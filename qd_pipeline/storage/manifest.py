"""Manifests: what a partition consists of, sealed by a hash of all that they say.

A manifest is `manifests/<stage>/<key>/<sequence>.json`. It is created once and never changed;
the one with the highest number is the published partition.
"""

import json
import re
from dataclasses import asdict, fields
from typing import Any, Final

from qd_pipeline.errors import DamagedPartition
from qd_pipeline.storage.partition import FILE_NAME, Partition, StoredFile, damaged, digest

SCHEMA: Final = 1
"""Version of the manifests that this code writes and reads."""

_PATH: Final = re.compile(r"manifests/([^/]+)/([^/]+)/(\d{1,12})\.json", re.ASCII)
_CONTENT: Final = re.compile(r"-[0-9a-f]{16}-([0-9a-f]{16})", re.ASCII)


def path_of(stage: str, key: str, sequence: int) -> str:
    """Return the path of a manifest in the store.

    >>> path_of("strokes", "cow", 3)
    'manifests/strokes/cow/00000003.json'
    """
    return f"manifests/{stage}/{key}/{sequence:08}.json"


def parse_path(path: str) -> tuple[str, str, int] | None:
    """Return the stage, key and sequence number of a manifest's path, None for other paths.

    >>> parse_path("manifests/strokes/cow/00000003.json")
    ('strokes', 'cow', 3)
    """
    found = _PATH.fullmatch(path)
    return (found[1], found[2], int(found[3])) if found else None


def content_name(key: str, files_digest: str, lease: str) -> str:
    """Return the name of a folder of content: key, hash of the files, id of the writer's lease.

    The lease makes it unique: content that a new manifest is about to name is never content
    that garbage collection is about to remove.
    """
    return f"{key}-{files_digest[:16]}-{lease}"


def parse_content_name(name: str) -> tuple[str, str] | None:
    """Return the partition key and the lease in the name of a folder of content."""
    found = _CONTENT.search(name)
    return (name[: found.start()], found[1]) if found and found.end() == len(name) else None


def to_text(partition: Partition) -> str:
    """Return the manifest of a partition."""
    body = {"schema": SCHEMA, **asdict(partition)}
    return json.dumps({**body, "seal": digest(body)}, indent=1)


def from_text(text: bytes, stage: str, key: str, sequence: int) -> Partition:
    """Return the partition that a manifest describes.

    Args:
        text: What was read.
        stage: The stage whose manifest it should be.
        key: The key whose manifest it should be.
        sequence: The sequence number that it should have.

    Raises:
        DamagedPartition: It is not what was written, or of another version.
    """
    try:
        body = json.loads(text)
        body.pop("seal")
    except (ValueError, KeyError, AttributeError, TypeError) as error:
        raise damaged(stage, key, "has a manifest that is not complete") from error
    # Byte by byte: two spellings of a number may mean the same.
    if text != json.dumps({**body, "seal": digest(body)}, indent=1).encode():
        raise damaged(stage, key, "has a manifest that is not what was written")
    if body.get("schema") != SCHEMA:
        raise DamagedPartition(
            f"{stage} {key}",
            f"has a manifest of version {body.get('schema')!r}, and this qd_pipeline reads "
            f"version {SCHEMA}",
            f"use the qd_pipeline that wrote it, or rebuild it with `qd make {stage} {key}`",
        )
    return _partition(body, stage, key, sequence)


def _partition(body: dict[str, Any], stage: str, key: str, sequence: int) -> Partition:
    try:
        files = {name: StoredFile(**file) for name, file in body["files"].items()}
        names = [field.name for field in fields(Partition)]
        partition = Partition(**{name: body[name] for name in names} | {"files": files})
        content = parse_content_name(partition.content)
    except (KeyError, TypeError, AttributeError) as error:
        raise damaged(stage, key, "has a manifest that is not complete") from error
    if not (isinstance(partition.fingerprint, dict) and isinstance(partition.metadata, dict)):
        raise damaged(stage, key, "has a manifest that is not complete")
    # The seal is no signature: anyone who can write here can seal what leads to other files.
    if (
        (partition.stage, partition.key, partition.sequence) != (stage, key, sequence)
        or content is None
        or content[0] != key
        or not all(FILE_NAME.fullmatch(name) for name in files)
    ):
        raise damaged(stage, key, "has a manifest that leads elsewhere")
    return partition

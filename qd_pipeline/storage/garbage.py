"""Garbage collection: what was superseded, and what killed writers have left.

Age and leases decide, by the clock of the store itself. The processes that wrote are not looked
up: they may have run on another machine.
"""

import logging
import shutil
import time
from collections import defaultdict
from contextlib import suppress
from datetime import timedelta
from itertools import pairwise
from pathlib import Path

from qd_pipeline.errors import DamagedPartition
from qd_pipeline.storage import lease, manifest
from qd_pipeline.storage.objects import Objects, StoredObject
from qd_pipeline.storage.reading import Manifests

_LOG = logging.getLogger(__name__)
_Folder = tuple[str, str]


def collect(
    objects: Objects, manifests: Manifests, scratch: Path | None, older_than: timedelta
) -> int:
    """Remove what can no longer be in use.

    Args:
        objects: The store.
        manifests: Reads its manifests.
        scratch: This machine's folder of staged partitions, if it is there.
        older_than: What was superseded, or left by a killed writer, more recently is kept.

    Returns:
        Number of manifests and folders removed.
    """
    # Content is listed before the manifests: what a manifest comes to name in between is kept.
    now, live = lease.live(objects)
    limit = now - older_than.total_seconds()
    content = _content(objects)
    removed, kept = _superseded(objects, limit)
    referenced = _referenced(manifests, kept, content)
    for folder, found in content.items():
        name = manifest.parse_content_name(folder[1])
        if name is None or name[1] in live or folder in referenced:
            continue
        if max(each.modified for each in found) < limit:
            objects.delete(each.path for each in found)
            removed += 1
    expired = min(limit, now - lease.EXPIRY.total_seconds())
    times = lease.renewed_at(objects)
    objects.delete(f"leases/{name}" for name, at in times.items() if at < expired)
    removed += _sweep(scratch, live, older_than)
    _LOG.debug("Garbage collection removed %d manifests and folders.", removed)
    return removed


def _content(objects: Objects) -> dict[_Folder, list[StoredObject]]:
    """Return the stored files by stage and folder."""
    content = defaultdict(list)
    for found in objects.list("content"):
        _, *folder, _ = found.path.split("/")
        if len(folder) == 2:  # noqa: PLR2004 (stage and folder)
            content[folder[0], folder[1]].append(found)
    return content


def _superseded(objects: Objects, limit: float) -> tuple[int, dict[_Folder, list[StoredObject]]]:
    """Remove manifests that were superseded before a time.

    Returns:
        How many, and those that stay, by stage and key.
    """
    found = defaultdict(list)
    for each in objects.list("manifests"):
        if parsed := manifest.parse_path(each.path):
            found[parsed[:2]].append((parsed[2], each))
    gone, kept = [], {}
    for name, numbered in found.items():
        ordered = [each for _, each in sorted(numbered, key=lambda pair: pair[0])]
        old = [each for each, next_one in pairwise(ordered) if next_one.modified < limit]
        gone += old
        kept[name] = ordered[len(old) :]
    objects.delete(each.path for each in gone)
    return len(gone), kept


def _referenced(
    manifests: Manifests,
    kept: dict[_Folder, list[StoredObject]],
    content: dict[_Folder, list[StoredObject]],
) -> set[_Folder]:
    """Return the folders of content that a manifest names, or may name."""
    of_partition = defaultdict(list)
    for stage, folder in content:
        if name := manifest.parse_content_name(folder):
            of_partition[stage, name[0]].append((stage, folder))
    referenced = set()
    for partition, folders in of_partition.items():
        found = kept.get(partition, [])
        if len(folders) == 1 and found:
            referenced.update(folders)  # nothing to choose from
            continue
        try:
            made = [manifests.read(each) for each in found]
        except DamagedPartition:
            referenced.update(folders)  # what it names is not known
        else:
            referenced.update((each.stage, each.content) for each in made)
    return referenced


def _sweep(scratch: Path | None, live: frozenset[str], older_than: timedelta) -> int:
    """Remove staged partitions of this machine whose writers have been killed."""
    removed, age = 0, max(older_than, lease.EXPIRY).total_seconds()
    for entry in scratch.iterdir() if scratch and scratch.is_dir() else ():
        with suppress(FileNotFoundError):
            if entry.name in live or time.time() - _written(entry) < age:
                continue
            if entry.is_dir() and not entry.is_symlink():
                shutil.rmtree(entry, ignore_errors=True)
            else:
                entry.unlink()
            removed += 1
    return removed


def _written(entry: Path) -> float:
    inside = entry.iterdir() if entry.is_dir() and not entry.is_symlink() else ()
    times: list[float] = [each.lstat().st_mtime for each in (entry, *inside)]
    return max(times)

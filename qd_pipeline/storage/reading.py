"""Find published partitions: by a query for each, or in one listing of the whole store."""

import json
from abc import ABC, abstractmethod
from collections.abc import Iterable, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from typing import Final

from qd_pipeline.errors import DamagedPartition, MissingPartition
from qd_pipeline.storage import manifest
from qd_pipeline.storage.objects import Objects, StoredObject
from qd_pipeline.storage.partition import Json, Partition, check_names, damaged

_READERS: Final = 16
"""Manifests read at once from an object store, where each takes a request."""


class Manifests:
    """Reads manifests, each one once: they never change."""

    def __init__(self, objects: Objects) -> None:
        self._objects = objects
        self._known: dict[str, tuple[str, Partition]] = {}

    def read(self, found: StoredObject) -> Partition:
        """Return the partition that a listed manifest describes.

        Raises:
            DamagedPartition: It is not what was written.
        """
        tag, partition = self._known.get(found.path, ("", None))
        if partition is not None and tag == found.tag:
            return partition
        parsed = manifest.parse_path(found.path)
        assert parsed is not None  # noqa: S101 (only manifests are handed in)
        text = self._objects.get(found.path)
        if text is None:
            raise damaged(*parsed[:2], "has a manifest that was removed while it was read")
        partition = manifest.from_text(text, *parsed)
        self._known[found.path] = found.tag, partition
        return partition

    def read_all(self, found: Iterable[StoredObject]) -> None:
        """Read many manifests in parallel into the cache; `read` reports the damaged ones."""

        def read(each: StoredObject) -> None:
            with suppress(DamagedPartition):
                self.read(each)

        if self._objects.local_root is not None:
            return  # threads do not make local files faster
        with ThreadPoolExecutor(_READERS) as pool:
            list(pool.map(read, found))


def newest(found: Iterable[StoredObject]) -> dict[tuple[str, str], StoredObject]:
    """Return the newest manifest of every partition in a listing, by stage and key."""
    newest: dict[tuple[str, str], tuple[int, StoredObject]] = {}
    for each in found:
        if parsed := manifest.parse_path(each.path):
            stage, key, sequence = parsed
            if sequence > newest.get((stage, key), (-1,))[0]:
                newest[stage, key] = sequence, each
    return {name: each for name, (_, each) in newest.items()}


class PartitionReader(ABC):
    """Finds published partitions."""

    def __init__(self, manifests: Manifests) -> None:
        self._manifests = manifests

    @abstractmethod
    def _newest(self, stage: str, key: str) -> StoredObject | None:
        """Return the newest manifest of a partition."""

    @abstractmethod
    def _sizes(self, partition: Partition) -> Mapping[str, int]:
        """Return the sizes of the files that are stored of a partition, by their paths."""

    def find(self, stage: str, key: str) -> Partition | None:
        """Return the published partition, None where there is none.

        Raises:
            DamagedPartition: Its manifest is not what was written.
        """
        check_names(stage, key)
        found = self._newest(stage, key)
        return self._manifests.read(found) if found else None

    def read(self, stage: str, key: str) -> Partition:
        """Return the published partition.

        Raises:
            MissingPartition: There is none.
            DamagedPartition: Its manifest is not what was written.
        """
        partition = self.find(stage, key)
        if partition is None:
            raise MissingPartition(
                f"{stage} {key}", "is not in the store", f"make it with `qd make {stage} {key}`"
            )
        return partition

    def has_files(self, partition: Partition) -> bool:
        """Return whether a partition's files are stored; their sizes are looked at, no hashes."""
        sizes, files = self._sizes(partition), partition.files.items()
        return all(sizes.get(partition.path_of(name)) == file.size for name, file in files)


class Snapshot(PartitionReader):
    """All partitions as two listings of the store showed them."""

    def __init__(self, objects: Objects, manifests: Manifests) -> None:
        super().__init__(manifests)
        self._found = newest(objects.list("manifests"))
        self._stored = {found.path: found.size for found in objects.list("content")}
        manifests.read_all(self._found.values())

    def keys(self, stage: str) -> list[str]:
        """Return the keys of a stage's partitions, sorted."""
        return sorted(key for each, key in self._found if each == stage)

    def _newest(self, stage: str, key: str) -> StoredObject | None:
        return self._found.get((stage, key))

    def _sizes(self, partition: Partition) -> Mapping[str, int]:
        del partition
        return self._stored


def as_stored(body: Json) -> Json:
    """Return JSON as it reads back: tuples become lists, and keys become text."""
    stored: Json = json.loads(json.dumps(body))
    return stored

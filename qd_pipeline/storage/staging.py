"""Publishing a partition: its files first, then the manifest that names them."""

from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field, replace
from pathlib import Path

from qd_pipeline.errors import DamagedPartition, HomeFailed, QdError
from qd_pipeline.storage import manifest
from qd_pipeline.storage.objects import Objects
from qd_pipeline.storage.partition import FILE_NAME, Json, Partition, StoredFile, digest, sha256
from qd_pipeline.storage.reading import as_stored


@dataclass(frozen=True)
class StagedPartition:
    """A partition being written, in a folder of this machine; unseen until it is published.

    Attributes:
        stage: The asset.
        key: The partition key.
        folder: Where its files are written. It may be gone after publishing: published files
            are opened by the store.
    """

    stage: str
    key: str
    folder: Path
    _lease: str = field(repr=False)
    _objects: Objects = field(repr=False)
    _find: Callable[[str, str], Partition | None] = field(repr=False)

    def path(self, name: str) -> Path:
        """Return the path of a file to write.

        Raises:
            ValueError: No file of a partition can have this name.
        """
        if not FILE_NAME.fullmatch(name):
            raise ValueError(f"no file of a partition can be named {name!r}")
        return self.folder / name

    def publish(
        self, *, fingerprint: Json, metadata: Json, version: str | None = None
    ) -> Partition:
        """Store every file, then create the manifest that names them.

        Another writer may publish the same partition at the same moment. If it was made from the
        same, its partition is returned; otherwise ours takes its place.

        Args:
            fingerprint: What it was made from (JSON); it is up to date while it equals this.
            metadata: What was measured (JSON).
            version: Hash of the content, by default of all files.

        Raises:
            HomeFailed: The disk refuses.
            StoreFailed: The object store does not answer, or refuses.
        """
        files = {path.name: _measured(path) for path in sorted(self.folder.iterdir())}
        of_files = digest({name: file.sha256 for name, file in files.items()})
        partition = Partition(
            stage=self.stage,
            key=self.key,
            version=version or of_files,
            fingerprint=as_stored(fingerprint),
            metadata=as_stored(metadata),
            files=files,
            sequence=0,
            content=manifest.content_name(self.key, of_files, self._lease),
        )
        self._objects.store_files(self.folder, files, partition.content_path)
        try:
            return self._create_manifest(partition)
        except HomeFailed:
            self._withdraw(partition)
            raise

    def _create_manifest(self, partition: Partition) -> Partition:
        """Create the manifest, with the next number that is free."""
        sequence = self._last_sequence()
        while True:
            sequence += 1
            numbered = replace(partition, sequence=sequence)
            path = manifest.path_of(self.stage, self.key, sequence)
            if self._objects.create(path, manifest.to_text(numbered).encode()):
                return numbered
            winner = None
            with suppress(DamagedPartition):
                winner = self._find(self.stage, self.key)
            if winner is not None and winner.fingerprint == partition.fingerprint:
                # It is our own where a request was tried again whose first answer got lost.
                if winner.content != partition.content:
                    self._delete_files(partition)
                return winner

    def _withdraw(self, partition: Partition) -> None:
        """Remove content that a disk refused to name."""
        with suppress(QdError):
            published = self._find(self.stage, self.key)
            if published is None or published.content != partition.content:
                self._delete_files(partition)

    def _delete_files(self, partition: Partition) -> None:
        self._objects.delete(partition.path_of(name) for name in partition.files)

    def _last_sequence(self) -> int:
        listed = self._objects.list(f"manifests/{self.stage}/{self.key}")
        parsed = (manifest.parse_path(found.path) for found in listed)
        return max((sequence for _, _, sequence in filter(None, parsed)), default=0)


def _measured(path: Path) -> StoredFile:
    if not FILE_NAME.fullmatch(path.name) or path.is_symlink() or not path.is_file():
        raise ValueError(f"a partition holds plain files, and {path} cannot be one of them")
    return StoredFile(sha256(path), path.stat().st_size)

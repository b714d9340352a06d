"""The store of partitions.

    format.json                                   version of this layout
    content/<stage>/<key>-<hash>-<lease>/<file>   files, never changed once they are named
    manifests/<stage>/<key>/<sequence>.json       created once; the highest is the partition
    leases/<id>                                   renewed while something is written
    scratch/<id>/<file>                           being written (a store in a folder only)

A reader sees the old or the new partition, whole: files are stored before the manifest that names
them, and a manifest is created only where there is none of its number. What was superseded stays
for a grace period, so that its readers are not disturbed.
"""

import atexit
import json
import shutil
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from datetime import timedelta
from functools import cached_property
from pathlib import Path
from typing import Final

from qd_pipeline.errors import DamagedPartition, StoreFailed, disk_failure, is_about_disk
from qd_pipeline.renewal import RENEWED_EVERY
from qd_pipeline.storage import address, garbage
from qd_pipeline.storage import lease as leases
from qd_pipeline.storage.cloud import CloudObjects
from qd_pipeline.storage.local import LocalObjects
from qd_pipeline.storage.local_files import Cached, InPlace, LocalFiles
from qd_pipeline.storage.objects import Objects, StoredObject
from qd_pipeline.storage.partition import Partition, check_names
from qd_pipeline.storage.probe import probe
from qd_pipeline.storage.reading import Manifests, PartitionReader, Snapshot, newest
from qd_pipeline.storage.staging import StagedPartition

FORMAT: Final = 2
"""Version of the store's layout. 1 had a manifest that was replaced, and its files beside it."""

GRACE: Final = timedelta(days=1)
"""How long superseded content stays for its readers, and what killed writers have left."""

CACHE_BYTES: Final = 20 * 2**30
"""Size above which local copies of an object store's files are removed, by default."""

_FORMAT_FILE: Final = "format.json"
_OWN: Final = frozenset({_FORMAT_FILE, "content", "manifests", "leases", "scratch"})


class PartitionStore(PartitionReader):
    """All partitions, in a folder, in memory or in an object store.

    Args:
        url: `file:///folder`, `memory://name` (one per name in a process), `s3://bucket/prefix`,
            `gs://bucket/prefix` or `az://account/container/prefix`. Credentials and endpoints
            come from the environment, as obstore names them.
        cache: Folder for local copies and staged partitions where the store is not a folder
            itself; by default one of this process, removed when it ends.
        cache_bytes: Size above which the least recently used copies are removed, in bytes.

    Raises:
        BadSetting: It is not the address of a store.
        StoreFailed: There are no credentials for it in the environment.
    """

    def __init__(
        self,
        url: str,
        *,
        cache: Path | None = None,
        cache_bytes: int = CACHE_BYTES,
    ) -> None:
        scheme = address.check_url(url)
        self.url = url
        self._cache = cache
        self._cache_bytes = cache_bytes
        self._objects: Objects = (
            LocalObjects(address.folder_of(url)) if scheme == "file" else CloudObjects.open(url)
        )
        self._format_checked = self._prepared = False
        super().__init__(Manifests(self._objects))

    @contextmanager
    def stage(self, stage: str, key: str) -> Iterator[StagedPartition]:
        """Open a staged partition; what is not published when the block ends is removed.

        A lease is held meanwhile, however long it takes.

        Raises:
            HomeFailed: The disk refuses; the published partition is untouched.
            StoreFailed: The store does not answer, refuses, or has another format.
        """
        check_names(stage, key)
        self._prepare_to_write()
        with leases.lease(self._objects, {"stage": stage, "key": key}) as lease:
            folder = self._scratch / lease
            try:
                folder.mkdir(parents=True)
                yield StagedPartition(stage, key, folder, lease, self._objects, self.find)
            except OSError as error:
                if not is_about_disk(error, self._scratch):
                    raise
                raise disk_failure(error, self._objects.local_root or self._scratch) from error
            finally:
                shutil.rmtree(folder, ignore_errors=True)

    def open_local(self, partition: Partition, name: str) -> Path:
        """Return a file of a partition as a file of this machine, with the published content.

        In a store that is a folder it is the stored file itself, else a copy in the cache. Either
        may be memory-mapped; neither may be changed.

        Raises:
            DamagedPartition: The stored file is missing, truncated or altered.
            KeyError: The partition has no such file.
        """
        return self._files.open(partition, name)

    def open_all(self, partition: Partition) -> Path:
        """Return a folder of this machine with all files of a partition under their names.

        Raises:
            DamagedPartition: A stored file is missing, truncated or altered.
        """
        return self._files.open_all(partition)

    def location(self, partition: Partition) -> str:
        """Return where a partition's files are stored, for people and links.

        A path where the store is a folder, else a URL. Nothing is checked.
        """
        path, root = partition.content_path, self._objects.local_root
        return str(root / path) if root else f"{self.url.rstrip('/')}/{path}"

    def keys(self, stage: str) -> list[str]:
        """Return the keys of a stage's partitions, sorted. One listing, however many they are."""
        self._check_format()
        return sorted(key for _, key in newest(self._objects.list(f"manifests/{stage}")))

    def snapshot(self) -> Snapshot:
        """Return all partitions as they are now: two listings, however many they are."""
        self._check_format()
        return Snapshot(self._objects, self._manifests)

    def collect_garbage(self, older_than: timedelta = GRACE) -> int:
        """Remove superseded content, and what killed writers have left.

        What a live lease covers stays in any case.

        Args:
            older_than: What was superseded or left more recently stays. Readers of superseded
                content fail if it is shorter than they take.

        Returns:
            Number of manifests and folders removed.
        """
        self._check_format()
        return garbage.collect(self._objects, self._manifests, self._scratch, older_than)

    @contextmanager
    def lease(
        self,
        name: str,
        about: Mapping[str, str] | None = None,
        *,
        every: timedelta = RENEWED_EVERY,
    ) -> Iterator[None]:
        """Hold a lease of the name while the block runs, renewed regularly.

        For whatever else must not be taken for abandoned while its process works, a run for
        example. `live_leases` shows it to every machine.

        Args:
            name: Letters, digits, `-` and `_`.
            about: What it is for, for people who look.
            every: How often to renew it.
        """
        check_names("leases", name)
        self._prepare_to_write()
        with leases.lease(self._objects, about or {}, name=name, every=every):
            yield

    def live_leases(self, within: timedelta = leases.EXPIRY) -> frozenset[str]:
        """Return the names of the leases that were renewed since a while ago.

        Args:
            within: How long ago at most; the store's clock is asked, not this machine's.
        """
        self._prepare_to_write()
        return leases.live(self._objects, within)[1]

    def probe(self) -> float:
        """Check that the store does all that is needed of it: put, refuse, read, list, delete.

        Returns:
            How far the store's clock is ahead of this machine's, in seconds.

        Raises:
            HomeFailed: The folder cannot be written.
            StoreFailed: The store does not answer, refuses, or ignores a condition.
        """
        self._prepare_to_write()
        return probe(self._objects)

    def find_earlier(self, stage: str, key: str) -> Partition | None:
        """Return the newest published partition whose manifest can be read, None without one."""
        check_names(stage, key)
        found = self._objects.list(f"manifests/{stage}/{key}")
        for each in sorted(found, key=lambda each: each.path, reverse=True):
            with suppress(DamagedPartition):
                return self._manifests.read(each)
        return None

    def _newest(self, stage: str, key: str) -> StoredObject | None:
        self._check_format()
        listed = self._objects.list(f"manifests/{stage}/{key}")
        return newest(listed).get((stage, key))

    def _sizes(self, partition: Partition) -> Mapping[str, int]:
        return {found.path: found.size for found in self._objects.list(partition.content_path)}

    @cached_property
    def _cache_folder(self) -> Path:
        if self._cache is not None:
            return self._cache
        folder = Path(tempfile.mkdtemp(prefix="qd_pipeline-"))
        atexit.register(shutil.rmtree, folder, ignore_errors=True)
        return folder

    @cached_property
    def _files(self) -> LocalFiles:
        if isinstance(self._objects, LocalObjects):
            return InPlace(self._objects)
        return Cached(self._objects, self._cache_folder / "files", self._cache_bytes)

    @cached_property
    def _scratch(self) -> Path:
        return (self._objects.local_root or self._cache_folder) / "scratch"

    def _prepare_to_write(self) -> None:
        """Check what writing needs, and write the format into a new store; once."""
        if not self._prepared:
            if not self._check_format():
                self._objects.create(_FORMAT_FILE, json.dumps({"format": FORMAT}).encode())
            self._objects.check_writable()
            self._prepared = True

    def _check_format(self) -> bool:
        """Check that the store has our format; return whether it has one yet.

        Raises:
            StoreFailed: It has another, or holds something else.
        """
        if self._format_checked:
            return True
        text = self._objects.get(_FORMAT_FILE)
        if text is None:
            others = self._objects.top_level() - _OWN
            if not any(name[0] not in ".~" for name in others - {"lost+found"}):
                return False
            found = "something else than a store, or a store of format 1"
        else:
            try:
                number = json.loads(text)["format"]
            except (ValueError, KeyError, TypeError):
                number = None
            if number == FORMAT:
                self._format_checked = True
                return True
            found = f"a store of format {number!r}"
        raise StoreFailed(
            self.url,
            f"holds {found}, and this qd_pipeline reads and writes format {FORMAT}",
            "name an empty place (QD_STORE, or QD_HOME), or move away what is there, and make the "
            "partitions again with `qd run`",
        )

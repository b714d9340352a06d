"""A store in an object store (S3, Google, Azure) or in memory, through obstore."""

from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Final

import obstore
from obstore.exceptions import (
    AlreadyExistsError,
    BaseError,
    NotSupportedError,
    PermissionDeniedError,
    UnauthenticatedError,
)
from obstore.store import MemoryStore

from qd_pipeline.errors import StoreFailed
from qd_pipeline.storage import bucket
from qd_pipeline.storage.objects import Objects, StoredObject

if TYPE_CHECKING:
    from obstore.store import ClientConfig, ObjectStore, RetryConfig

_CLIENT: Final["ClientConfig"] = {
    "connect_timeout": timedelta(seconds=10),
    "read_timeout": timedelta(seconds=30),
    "timeout": timedelta(hours=1),  # of a whole request: a file of some hundred megabytes
}
_RETRY: Final["RetryConfig"] = {  # a server that is away for half a minute is waited for
    "max_retries": 12,
    "retry_timeout": timedelta(minutes=2),
    "backoff": {"init_backoff": timedelta(seconds=1), "max_backoff": timedelta(seconds=15)},
}
_CHUNK_BYTES: Final = 1 << 20
_PART_BYTES: Final = 8 << 20
"""Larger files are sent in parts of this size, in at least four requests; each has 30 seconds."""
_PARTS_AT_ONCE: Final = 4
_IN_MEMORY: dict[str, MemoryStore] = {}

# ruff: noqa: D102 - the methods are documented in `Objects`


class CloudObjects(Objects):
    """Objects in a bucket.

    Args:
        name: The store's address, without secrets.
        client: obstore's client.
    """

    def __init__(self, name: str, client: "ObjectStore") -> None:
        self.name = name
        self._bucket = client

    @classmethod
    def open(cls, url: str) -> "CloudObjects":
        """Open a bucket, or the store in this process' memory that has a name.

        Raises:
            StoreFailed: The environment holds no credentials.
        """
        if url.startswith("memory:"):
            return cls(url, _IN_MEMORY.setdefault(url, MemoryStore()))
        bucket.check_credentials(url)
        return cls(url, bucket.open_bucket(url, client=_CLIENT, retry=_RETRY))

    def check_writable(self) -> None:
        """Check that the server refuses to create what exists: some ignore the condition.

        Raises:
            StoreFailed: It does not.
        """
        probe = "format.json"
        content = self.get(probe)
        if content is not None and self.create(probe, content):
            raise StoreFailed(
                self.name,
                "ignores that an object shall be created only if there is none (If-None-Match)",
                "use a server that honours conditional puts: two writers could mix their results",
            )

    def create(self, path: str, content: bytes) -> bool:
        with self._failures():
            try:
                obstore.put(self._bucket, path, content, mode="create")
            except AlreadyExistsError:
                return False
            return True

    def put(self, path: str, content: bytes) -> None:
        with self._failures():
            obstore.put(self._bucket, path, content)

    def get(self, path: str) -> bytes | None:
        with self._failures():
            try:
                return obstore.get(self._bucket, path).bytes().to_bytes()
            except FileNotFoundError as error:
                if "NoSuchBucket" in str(error):
                    raise self._missing_bucket() from error
                return None

    def list(self, prefix: str) -> Iterator[StoredObject]:
        with self._failures():
            for page in obstore.list(self._bucket, prefix.rstrip("/"), chunk_size=1000):
                for found in page:
                    modified = found["last_modified"].timestamp()
                    tag = found["e_tag"] or f"{modified}-{found['size']}"
                    yield StoredObject(found["path"], found["size"], modified, tag)

    def top_level(self) -> set[str]:
        with self._failures():
            found = obstore.list_with_delimiter(self._bucket)
        paths = [*found["common_prefixes"], *(each["path"] for each in found["objects"])]
        return {path.rstrip("/").rpartition("/")[2] for path in paths}

    def delete(self, paths: Iterable[str]) -> None:
        if gone := list(paths):
            with self._failures():
                obstore.delete(self._bucket, gone)

    def store_files(self, folder: Path, names: Iterable[str], target: str) -> None:
        for name in names:
            with self._failures():
                obstore.put(
                    self._bucket,
                    f"{target}/{name}",
                    folder / name,
                    chunk_size=_PART_BYTES,
                    max_concurrency=_PARTS_AT_ONCE,
                )

    def stream(self, path: str) -> Iterator[bytes]:
        with self._failures():
            yield from obstore.get(self._bucket, path).stream(min_chunk_size=_CHUNK_BYTES)

    def read_range(self, path: str, start: int, end: int) -> bytes:
        with self._failures():
            return obstore.get_range(self._bucket, path, start=start, end=end).to_bytes()

    @contextmanager
    def _failures(self) -> Iterator[None]:
        """Translate obstore's errors."""
        try:
            yield
        except (PermissionDeniedError, UnauthenticatedError) as error:
            raise StoreFailed(
                self.name,
                f"refuses our credentials ({bucket.reason(error)})",
                "check them, and that they may list, read, write and delete there",
            ) from error
        except BaseError as error:
            if "NoSuchBucket" in str(error):
                raise self._missing_bucket() from error
            # S3's own code, where a server knows the request and not the condition.
            if isinstance(error, NotSupportedError) or "NotImplemented" in str(error):
                raise StoreFailed(
                    self.name,
                    f"cannot do what is needed ({bucket.reason(error)})",
                    "use a server with conditional puts, lists and deletes",
                ) from error
            raise StoreFailed(
                self.name,
                f"does not answer as it should ({bucket.reason(error)})",
                "check the address (for S3 also AWS_ENDPOINT_URL and AWS_REGION) and the server, "
                "then run the same command again",
            ) from error

    def _missing_bucket(self) -> StoreFailed:
        return StoreFailed(self.name, "is in a bucket that does not exist", "create the bucket")

"""What the partition store needs of the place that holds it: a disk or an object store."""

from abc import ABC, abstractmethod
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True)
class StoredObject:
    """An object as a listing shows it.

    Attributes:
        path: Below the store's root, with forward slashes.
        size: In bytes.
        modified: Seconds since 1970 by the clock of whatever stores it.
        tag: Changes when the content changes.
    """

    path: str
    size: int
    modified: float
    tag: str


class Objects(ABC):
    """Bytes under paths. Every write is atomic: readers see all of an object or none of it.

    Attributes:
        name: The store's address, without secrets, for messages.
        local_root: The folder that holds the objects as files, None where none does.

    Every method raises `StoreFailed` or `HomeFailed` where the place does not answer or refuses.
    """

    name: str
    local_root: Path | None = None

    @abstractmethod
    def create(self, path: str, content: bytes) -> bool:
        """Write an object that must not exist yet; return whether this call created it."""

    @abstractmethod
    def put(self, path: str, content: bytes) -> None:
        """Write an object, also over one that exists. Need not survive a power failure."""

    @abstractmethod
    def get(self, path: str) -> bytes | None:
        """Return an object's content, None where there is none."""

    @abstractmethod
    def list(self, prefix: str) -> Iterable[StoredObject]:
        """Return all objects below a path, at any depth, in no order."""

    @abstractmethod
    def top_level(self) -> set[str]:
        """Return the names directly below the root."""

    @abstractmethod
    def delete(self, paths: Iterable[str]) -> None:
        """Remove objects; those that do not exist count as removed."""

    @abstractmethod
    def store_files(self, folder: Path, names: Iterable[str], target: str) -> None:
        """Store files of a local folder below a path; they are durable when this returns.

        The files may be moved away from the folder.
        """

    @abstractmethod
    def stream(self, path: str) -> Iterator[bytes]:
        """Yield an object's content in chunks.

        Raises:
            FileNotFoundError: There is none.
        """

    def read_range(self, path: str, start: int, end: int) -> bytes:
        """Return the bytes of an object from `start` to before `end`."""
        return (self.get(path) or b"")[start:end]

    @abstractmethod
    def check_writable(self) -> None:
        """Check what writing needs; called once before the first write."""

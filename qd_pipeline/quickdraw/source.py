"""Where drawings come from: the public bucket, a mirror of it, or the embedded sample.

Whatever the source, a category is a file of the bucket's layout
(`full/simplified/<category>.ndjson`), opened as a stream of bytes.
"""

import stat
from abc import ABC, abstractmethod
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import ClassVar, Final
from urllib.parse import unquote, urlsplit, urlunsplit

from qd_pipeline.errors import SourceFailed
from qd_pipeline.quickdraw import http, sample
from qd_pipeline.quickdraw.address import FOLDER, checked, checked_mirror, masked, path_of
from qd_pipeline.quickdraw.body import CHUNK_BYTES, Body, Identity
from qd_pipeline.quickdraw.limits import Changed, Limits

OFFICIAL_URL: Final = "https://storage.googleapis.com/quickdraw_dataset"
SAMPLE_DRAWINGS: Final = 600
"""Drawings of each category in the embedded sample, unless told otherwise."""

# ruff: noqa: D102 - what the methods of the sources do is said once, in `Source`


class Source(ABC):
    """One place that holds the bucket's files.

    Attributes:
        is_synthetic: Whether the drawings are made up: figures from them must say
            "synthetic sample".
        is_official: Whether this is the public bucket, whose figures the catalogue holds.
    """

    is_synthetic: ClassVar[bool] = False
    is_official: ClassVar[bool] = False

    @staticmethod
    def parse(text: str, *, seed: int = 0, sample_drawings: int = SAMPLE_DRAWINGS) -> "Source":
        """Read the one setting that names a source.

        Args:
            text: `sample`, `quickdraw`, or the URL of a mirror.
            seed: What the sample is made from; other sources do not heed it.
            sample_drawings: Drawings of each category in the sample, from 1.

        Raises:
            BadSetting: It is none of these.

        >>> Source.parse("https://me:secret@example.org/mirror").describe()
        'mirror https://***@example.org/mirror'
        >>> Source.parse("quickdraw").url_of("The Eiffel Tower").partition("simplified")[2]
        '/The%20Eiffel%20Tower.ndjson'
        """
        text = text.strip()
        if text == "sample":
            return SampleSource(seed, sample_drawings)
        if text == "quickdraw" or text.rstrip("/") == OFFICIAL_URL:
            return Bucket()
        checked_mirror(text)
        parts = urlsplit(text)
        return FileSource(Path(unquote(parts.path))) if parts.scheme == "file" else HttpSource(text)

    @property
    @abstractmethod
    def name(self) -> str:
        """What the setting said, without secrets: for tags."""

    @abstractmethod
    def describe(self) -> str:
        """Say in a few words what this is, without secrets: for people."""

    @abstractmethod
    def url_of(self, category: str) -> str:
        """Return the address of a category's file. It may hold secrets: see `address_of`.

        Raises:
            BadSetting: No category can have this name.
        """

    def address_of(self, category: str) -> str:
        """Return the address of a category's file as messages and logs may show it."""
        return masked(self.url_of(category))

    @abstractmethod
    def open(
        self, category: str, *, start: int = 0, since: Identity | None = None, limits: Limits
    ) -> AbstractContextManager[Body]:
        """Open a category's file.

        Args:
            category: The official spelling.
            start: Offset in bytes to go on from, where the source can.
            since: The file's state when the bytes before that offset came.
            limits: Timeouts of the request.

        Raises:
            SourceFailed: The source does not have it, or not as it should be.
            Interrupted: Another attempt may help; also raised while the chunks are read.
        """

    @abstractmethod
    def is_unchanged(self, category: str, since: Identity, limits: Limits) -> bool:
        """Ask whether a category's file is still as it was.

        Raises:
            SourceFailed: The source does not have it any more.
            Interrupted: Another attempt may help.
        """


@dataclass(frozen=True)
class HttpSource(Source):
    """A mirror on a web server."""

    url: str = field(repr=False)

    @property
    def name(self) -> str:
        return masked(self.url)

    def describe(self) -> str:
        return f"mirror {self.name}"

    def __repr__(self) -> str:
        return f"{type(self).__name__}({self.name})"

    def url_of(self, category: str) -> str:
        parts = urlsplit(self.url)
        return urlunsplit(parts._replace(path=f"{parts.path.rstrip('/')}/{path_of(category)}"))

    def open(
        self, category: str, *, start: int = 0, since: Identity | None = None, limits: Limits
    ) -> AbstractContextManager[Body]:
        return http.open_url(self.url_of(category), start, since, limits)

    def is_unchanged(self, category: str, since: Identity, limits: Limits) -> bool:
        return http.is_unchanged(self.url_of(category), since, limits)


@dataclass(frozen=True, repr=False)
class Bucket(HttpSource):
    """The public bucket of the dataset's makers.

    Args:
        url: Where it is; another address must hold the very same files.
    """

    is_official: ClassVar[bool] = True
    url: str = OFFICIAL_URL

    @property
    def name(self) -> str:
        return "quickdraw"

    def describe(self) -> str:
        return f"official bucket {masked(self.url)}"


@dataclass(frozen=True)
class FileSource(Source):
    """A mirror in a folder."""

    folder: Path

    @property
    def name(self) -> str:
        return self.folder.as_uri()

    def describe(self) -> str:
        return f"mirror {self.name}"

    def url_of(self, category: str) -> str:
        return f"{self.name.rstrip('/')}/{path_of(category)}"

    @contextmanager
    def open(
        self, category: str, *, start: int = 0, since: Identity | None = None, limits: Limits
    ) -> Iterator[Body]:
        del start, since, limits  # a local copy is soon begun again
        identity = self._identity(category)
        yield Body(identity, 0, self._chunks(category, identity))

    def is_unchanged(self, category: str, since: Identity, limits: Limits) -> bool:
        del limits
        return self._identity(category).etag == since.etag

    def _chunks(self, category: str, identity: Identity) -> Iterator[bytes]:
        try:
            with self._path(category).open("rb") as stream:
                while chunk := stream.read(CHUNK_BYTES):
                    if self._identity(category) != identity:
                        raise Changed("changed while it was read")
                    yield chunk
        except OSError as error:
            raise self._unreadable(category, error) from error

    def _path(self, category: str) -> Path:
        return self.folder / FOLDER / f"{checked(category)}.ndjson"

    def _identity(self, category: str) -> Identity:
        try:
            found = self._path(category).stat()
        except OSError as error:
            raise self._unreadable(category, error) from error
        if not stat.S_ISREG(found.st_mode):
            raise self._unreadable(category, IsADirectoryError(0, "it is not a regular file"))
        etag = f'"{found.st_size}-{found.st_mtime_ns}-{found.st_ino}"'
        return Identity(etag=etag, size=found.st_size)

    def _unreadable(self, category: str, error: OSError) -> SourceFailed:
        return SourceFailed(
            str(self._path(category)),
            f"cannot be read ({error.strerror})",
            f"the mirror lacks {category!r}, or {self.folder} is not the folder that holds "
            f"{FOLDER}/",
        )


@dataclass(frozen=True)
class SampleSource(Source):
    """Drawings that our own generator makes, the same ones from the same seed."""

    is_synthetic: ClassVar[bool] = True

    seed: int = 0
    drawings: int = SAMPLE_DRAWINGS

    @property
    def name(self) -> str:
        return "sample"

    def describe(self) -> str:
        return f"synthetic sample (seed {self.seed})"

    def url_of(self, category: str) -> str:
        return f"sample:{path_of(category)}"

    @contextmanager
    def open(
        self, category: str, *, start: int = 0, since: Identity | None = None, limits: Limits
    ) -> Iterator[Body]:
        del start, since, limits  # nothing is lost that would have to be made again
        lines = sample.ndjson_lines(category, self.drawings, self.seed)
        yield Body(self._identity(), 0, lines)

    def is_unchanged(self, category: str, since: Identity, limits: Limits) -> bool:
        del category, limits
        return self._identity().etag == since.etag

    def _identity(self) -> Identity:
        return Identity(etag=f'"{sample.VERSION}-{self.seed}-{self.drawings}"')

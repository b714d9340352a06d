"""A source of drawings: one place that holds the bucket's files."""

from abc import ABC, abstractmethod
from contextlib import AbstractContextManager
from typing import ClassVar

from qd_pipeline.quickdraw.download.address import masked
from qd_pipeline.quickdraw.download.limits import Limits
from qd_pipeline.quickdraw.download.remote_file import FileVersion, RemoteFile


class Source(ABC):
    """One place that holds the bucket's files (`full/simplified/<category>.ndjson`).

    Attributes:
        is_synthetic: Whether the drawings are generated: figures from them must say
            "synthetic sample".
        is_network: Whether the files come over a network: only then do the limits of speed and
            size apply.
    """

    is_synthetic: ClassVar[bool] = False
    is_network: ClassVar[bool] = False

    @property
    def is_official(self) -> bool:
        """Whether this is the public bucket, whose figures the catalog holds."""
        return False

    @property
    @abstractmethod
    def name(self) -> str:
        """The setting's text, without secrets: for tags."""

    def describe(self) -> str:
        """Describe the source in a few words, without secrets: for people."""
        return f"{'official bucket' if self.is_official else 'mirror'} {self.name}"

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
        self, category: str, *, start: int = 0, previous: FileVersion | None = None, limits: Limits
    ) -> AbstractContextManager[RemoteFile]:
        """Open a category's file.

        Args:
            category: The official spelling.
            start: Offset in bytes to resume from, where the source can.
            previous: The version of the file that the bytes before that offset are of.
            limits: Timeouts of the request.

        Raises:
            SourceFailed: The source does not have it, or its response is not valid.
            TransientError: Another attempt may help; also raised while the chunks are read.
        """

    @abstractmethod
    def version_of(self, category: str, limits: Limits) -> FileVersion:
        """Return the version of a category's file, without downloading it.

        Raises:
            SourceFailed: The source does not have it.
            TransientError: Another attempt may help.
        """

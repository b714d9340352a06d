"""A source in a folder."""

import stat
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from qd_pipeline.errors import SourceFailed
from qd_pipeline.quickdraw.download.address import FOLDER, name_of, path_of
from qd_pipeline.quickdraw.download.limits import Limits
from qd_pipeline.quickdraw.download.remote_file import CHUNK_BYTES, FileVersion, RemoteFile
from qd_pipeline.quickdraw.download.retry import FileChanged
from qd_pipeline.quickdraw.download.source import Source

# ruff: noqa: D102 - the methods are documented in `Source`


@dataclass(frozen=True)
class FileSource(Source):
    """A mirror in a folder."""

    folder: Path

    @property
    def name(self) -> str:
        return self.folder.as_uri()

    def url_of(self, category: str) -> str:
        return f"{self.name.rstrip('/')}/{path_of(category)}"

    @contextmanager
    def open(
        self, category: str, *, start: int = 0, previous: FileVersion | None = None, limits: Limits
    ) -> Iterator[RemoteFile]:
        del start, previous, limits  # reading a local file again costs little
        version = self._version(category)
        yield RemoteFile(version, 0, self._chunks(category, version))

    def version_of(self, category: str, limits: Limits) -> FileVersion:
        del limits
        return self._version(category)

    def _chunks(self, category: str, version: FileVersion) -> Iterator[bytes]:
        try:
            with self._path(category).open("rb") as stream:
                while chunk := stream.read(CHUNK_BYTES):
                    if self._version(category) != version:
                        raise FileChanged("changed while it was read")
                    yield chunk
        except OSError as error:
            raise self._unreadable(category, error) from error

    def _path(self, category: str) -> Path:
        return self.folder / name_of(category)

    def _version(self, category: str) -> FileVersion:
        try:
            found = self._path(category).stat()
        except OSError as error:
            raise self._unreadable(category, error) from error
        if not stat.S_ISREG(found.st_mode):
            raise self._unreadable(category, IsADirectoryError(0, "it is not a regular file"))
        etag = f'"{found.st_size}-{found.st_mtime_ns}-{found.st_ino}"'
        return FileVersion(etag=etag, size=found.st_size)

    def _unreadable(self, category: str, error: OSError) -> SourceFailed:
        return SourceFailed(
            str(self._path(category)),
            f"cannot be read ({error.strerror})",
            f"the mirror lacks {category!r}, or {self.folder} is not the folder that holds "
            f"{FOLDER}/",
        )

"""Sources on web servers: the public bucket and mirrors of it."""

from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from typing import ClassVar, Final
from urllib.parse import urlsplit, urlunsplit

from qd_pipeline.quickdraw.download import http
from qd_pipeline.quickdraw.download.address import masked, path_of
from qd_pipeline.quickdraw.download.limits import Limits
from qd_pipeline.quickdraw.download.remote_file import FileVersion, RemoteFile
from qd_pipeline.quickdraw.download.source import Source

OFFICIAL_URL: Final = "https://storage.googleapis.com/quickdraw_dataset"

# ruff: noqa: D102 - the methods are documented in `Source`


@dataclass(frozen=True)
class HttpSource(Source):
    """A mirror on a web server."""

    is_network: ClassVar[bool] = True

    url: str = field(repr=False)

    @property
    def name(self) -> str:
        return masked(self.url)

    def __repr__(self) -> str:
        return f"{type(self).__name__}({self.name})"

    def url_of(self, category: str) -> str:
        parts = urlsplit(self.url)
        return urlunsplit(parts._replace(path=f"{parts.path.rstrip('/')}/{path_of(category)}"))

    def open(
        self, category: str, *, start: int = 0, previous: FileVersion | None = None, limits: Limits
    ) -> AbstractContextManager[RemoteFile]:
        return http.open_url(self.url_of(category), start, previous, limits)

    def version_of(self, category: str, limits: Limits) -> FileVersion:
        return http.version_of(self.url_of(category), limits)


@dataclass(frozen=True, repr=False)
class OfficialBucket(HttpSource):
    """The public bucket of the dataset's makers.

    Args:
        url: Where it is; another address must hold the very same files.
    """

    url: str = OFFICIAL_URL

    @property
    def is_official(self) -> bool:
        return True

    @property
    def name(self) -> str:
        return "quickdraw"

    def describe(self) -> str:
        return f"official bucket {masked(self.url)}"

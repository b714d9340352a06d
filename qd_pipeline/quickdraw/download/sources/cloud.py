"""Sources in object stores: mirrors on S3 or Google Cloud Storage, the public bucket too."""

import email.utils
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING, ClassVar, Final
from urllib.parse import urlsplit

import obstore
from obstore.exceptions import (
    BaseError,
    PermissionDeniedError,
    PreconditionError,
    UnauthenticatedError,
)

from qd_pipeline.errors import SourceFailed
from qd_pipeline.quickdraw.download.address import FOLDER, name_of
from qd_pipeline.quickdraw.download.limits import Limits
from qd_pipeline.quickdraw.download.remote_file import FileVersion, RemoteFile
from qd_pipeline.quickdraw.download.retry import FileChanged, TransientError
from qd_pipeline.quickdraw.download.source import Source
from qd_pipeline.storage import bucket

if TYPE_CHECKING:
    from obstore import GetOptions, GetResult, ObjectMeta
    from obstore.store import ObjectStore

_OFFICIAL_URL: Final = "gs://quickdraw_dataset"

# ruff: noqa: D102 - the methods are documented in `Source`


@dataclass(frozen=True)
class CloudSource(Source):
    """A mirror in a bucket.

    Credentials come from the environment; without any, requests are not signed, as public
    buckets allow.

    Args:
        url: `s3://bucket/prefix` or `gs://bucket/prefix`.
    """

    is_network: ClassVar[bool] = True

    url: str

    @property
    def is_official(self) -> bool:
        return self.name == _OFFICIAL_URL

    @property
    def name(self) -> str:
        return self.url.rstrip("/")

    def url_of(self, category: str) -> str:
        return f"{self.name}/{name_of(category)}"

    @contextmanager
    def open(
        self, category: str, *, start: int = 0, previous: FileVersion | None = None, limits: Limits
    ) -> Iterator[RemoteFile]:
        options: GetOptions = {}
        if previous and previous.validator and 0 < start < (previous.size or 0):
            options = {"range": {"offset": start}, "if_match": previous.validator}
        with self._failures(category):
            found = obstore.get(self._bucket(limits), name_of(category), options=options)
        version = _version(found.meta)
        if options and version != previous:
            raise FileChanged("changed while it was downloaded")
        yield RemoteFile(version, found.range[0], self._chunks(category, found))

    def version_of(self, category: str, limits: Limits) -> FileVersion:
        with self._failures(category):
            return _version(obstore.head(self._bucket(limits), name_of(category)))

    def _chunks(self, category: str, found: "GetResult") -> Iterator[bytes]:
        with self._failures(category):
            # As they arrive, so that `MinimumThroughput` sees slow responses.
            yield from map(bytes, found.stream(min_chunk_size=1))

    def _bucket(self, limits: Limits) -> "ObjectStore":
        return bucket.open_bucket(
            self.name,
            anonymous=not bucket.has_credentials(urlsplit(self.url).scheme),
            client={
                "connect_timeout": timedelta(seconds=limits.connect_timeout),
                "read_timeout": timedelta(seconds=limits.read_timeout),
                "timeout": timedelta(seconds=limits.deadline),
            },
            retry={"max_retries": 0},  # `retry` counts the attempts
        )

    @contextmanager
    def _failures(self, category: str) -> Iterator[None]:
        """Translate obstore's errors."""
        try:
            yield
        except PreconditionError as error:
            raise FileChanged("changed while it was downloaded") from error
        except FileNotFoundError as error:
            raise SourceFailed(
                self.address_of(category),
                "is not there",
                f"the mirror lacks this file, or its address is wrong: it should end where "
                f"{FOLDER}/ begins",
            ) from error
        except (PermissionDeniedError, UnauthenticatedError) as error:
            raise SourceFailed(
                self.address_of(category),
                f"was refused ({bucket.reason(error)})",
                "check that you may read it, and the credentials in the environment",
            ) from error
        except BaseError as error:
            raise TransientError(f"failed ({bucket.reason(error)})") from error


def _version(meta: "ObjectMeta") -> FileVersion:
    etag, modified = meta["e_tag"], meta["last_modified"]
    return FileVersion(
        etag=etag,
        last_modified=email.utils.format_datetime(modified, usegmt=True),
        size=meta["size"],
        validator=etag if etag and not etag.startswith("W/") else None,
    )

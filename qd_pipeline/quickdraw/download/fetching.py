"""One category's NDJSON from a source: complete and verified, or not there."""

import hashlib
import secrets
import time
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Final

import google_crc32c

from qd_pipeline import catalog
from qd_pipeline.errors import BadSetting, SourceFailed
from qd_pipeline.quickdraw.download.limits import Limits
from qd_pipeline.quickdraw.download.partial_download import PartialDownload, open_partial
from qd_pipeline.quickdraw.download.remote_file import CHUNK_BYTES, RemoteFile
from qd_pipeline.quickdraw.download.retry import (
    FileChanged,
    MinimumThroughput,
    TransientError,
    retry,
)
from qd_pipeline.quickdraw.download.source import Source

DEFAULT_LIMITS: Final = Limits()
_DAMAGED: Final = (
    "run the same command again; if it stays so, the source's file is damaged or not the "
    "official one"
)
Progress = Callable[[int, int], None]


@dataclass(frozen=True)
class Fetched:
    """A downloaded file: where it came from, and what was measured.

    Attributes:
        source: Name of the source (no secrets).
        url: Address of the file (no secrets).
        etag: The source's entity tag of the whole file; None where it has none.
        last_modified: The source's date of the file, as it was sent.
        requested: Drawings requested; None for all.
        drawings: Lines in the file, valid or not; fewer than requested where the source has
            no more.
        bytes: Size of the file.
        complete: Whether this is the source's whole file.
        sha256: Of the content, 64 hexadecimal digits.
        seconds: Time that it took.
        resumed_from: Bytes that were here from an interrupted download.
    """

    source: str
    url: str
    etag: str | None
    last_modified: str | None
    requested: int | None
    drawings: int
    bytes: int
    complete: bool
    sha256: str
    seconds: float
    resumed_from: int

    def to_json(self) -> dict[str, Any]:
        """Return the attributes as JSON can hold them."""
        return asdict(self)

    @classmethod
    def from_json(cls, attributes: Mapping[str, Any]) -> "Fetched":
        """Read what `to_json` returned."""
        return cls(**attributes)


def fetch(
    source: Source,
    category: str,
    target: Path,
    partial: Path,
    *,
    drawings: int | None,
    limits: Limits = DEFAULT_LIMITS,
    on_progress: Progress | None = None,
) -> Fetched:
    """Download a category's drawings, all or the first ones, and nothing beyond them.

    Args:
        source: Where from.
        category: The official spelling.
        target: The file to make, in a folder that exists.
        partial: Folder that keeps what arrived of an interrupted download, so that the next
            call resumes it; the same for every call for this file.
        drawings: Lines wanted, from 1, in the source's order; None for all.
        limits: Timeouts, attempts and sizes, for sources on a network.
        on_progress: Called with (drawings here, drawings wanted), or for all drawings with
            (bytes here, bytes in all; 0 where the source does not say).

    Raises:
        BadSetting: The category or the number is not valid.
        SourceFailed: The source does not send the file, or not as it should be; `target` is
            as it was.
        HomeFailed: The disk refuses; nothing is left behind.
    """
    if drawings is not None and drawings < 1:
        raise BadSetting("drawings", f"is {drawings}", "give a whole number from 1, or 'all'")
    if source.is_official:
        catalog.category(category)
    began = time.monotonic()
    with open_partial(partial, source.address_of(category)) as kept:
        if drawings is not None and kept.newlines >= drawings:
            kept.discard()
        download = _Download(source, category, kept, drawings, limits, on_progress, began)
        resumed_from, complete, sha256 = retry(download.attempt, kept.address, limits)
        kept.move_to(target)
    return Fetched(
        source=source.name,
        url=kept.address,
        etag=kept.version.etag,
        last_modified=kept.version.last_modified,
        requested=drawings,
        drawings=kept.lines,
        bytes=kept.size,
        complete=complete,
        sha256=sha256,
        seconds=time.monotonic() - began,
        resumed_from=resumed_from,
    )


def source_version(source: Source, category: str, limits: Limits = DEFAULT_LIMITS) -> str:
    """Return the version of a category's file at the source, without downloading it.

    It changes when the file does. Where the source says nothing about its files, each call
    returns another one: such a file is never known to be unchanged.

    Args:
        source: Where from.
        category: The official spelling.
        limits: Timeouts, attempts.

    Raises:
        BadSetting: No category can have this name.
        SourceFailed: The source does not answer, or does not have the file.
    """
    address = source.address_of(category)
    found = retry(lambda: source.version_of(category, limits), address, limits)
    if found.etag:
        return found.etag
    if found.last_modified:
        return f"{found.last_modified}, {found.size} bytes"
    return f"unknown, {secrets.token_hex(8)}"


@dataclass(frozen=True)
class _Download:
    """A download that may take several attempts."""

    source: Source
    category: str
    kept: PartialDownload
    wanted: int | None
    limits: Limits
    on_progress: Progress | None
    began: float

    def attempt(self) -> tuple[int, bool, str]:
        """Receive what is still missing; return where it began, whether all came, its SHA-256."""
        kept = self.kept
        try:
            with self.source.open(
                self.category, start=kept.size, since=kept.version, limits=self.limits
            ) as file:
                complete = self._receive(file)
            sha256 = self._verify(complete=complete, resumed=file.start > 0)
        except FileChanged:
            kept.discard()
            raise
        return file.start, complete, sha256

    def _receive(self, file: RemoteFile) -> bool:
        """Receive the lines that are wanted; return whether they are the whole file."""
        kept, wanted = self.kept, self.wanted
        guard = MinimumThroughput(self.limits, self.began + self.limits.deadline)
        if file.start == 0:
            kept.begin(file.version)
        size = kept.version.size
        if wanted is None and size is not None:
            self._check_size(size)
        for chunk in file.chunks:
            if self.source.is_network:
                guard.count(len(chunk))
            if kept.size == 0:
                self._check_beginning(chunk)
            kept.append(chunk if wanted is None else _first_lines(chunk, wanted - kept.newlines))
            self._check_size(kept.size)
            self._report(size)
            if kept.newlines == wanted:
                return kept.size == size
        if size is not None and kept.size < size:
            raise TransientError(f"ended after {kept.size} of {size} bytes")
        if size is not None and kept.size > size:
            raise FileChanged(f"sent {kept.size} bytes of a file of {size}")
        return True

    def _report(self, size: int | None) -> None:
        if self.on_progress is None:
            return
        if self.wanted is None:
            self.on_progress(self.kept.size, size or 0)
        else:
            self.on_progress(self.kept.newlines, self.wanted)

    def _check_size(self, size: int) -> None:
        if self.source.is_network and size > self.limits.max_bytes:
            raise self._refused(
                f"has more than {self.limits.max_bytes} bytes",
                "check that it is a mirror of the bucket; QD_HTTP_MAX_BYTES sets the limit",
            )

    def _check_beginning(self, chunk: bytes) -> None:
        if chunk.lstrip(b"\xef\xbb\xbf \t\r\n").startswith(b"<"):
            kind = "a web page or XML"
        elif chunk.startswith(b"\x1f\x8b"):
            kind = "gzip"
        else:
            return
        raise self._refused(
            f"sent {kind} instead of drawings",
            "check that it is a mirror of the bucket, with its files uncompressed",
        )

    def _verify(self, *, complete: bool, resumed: bool) -> str:
        """Compare what is on the disk with what is known about it; return its SHA-256."""
        kept = self.kept
        kept.flush()
        if kept.size == 0:
            raise self._refused("is empty", "check that the mirror's copy is complete")
        sha256, md5 = hashlib.sha256(), hashlib.md5(usedforsecurity=False)
        crc32c = google_crc32c.Checksum()
        with kept.body.open("rb") as stream:
            while chunk := stream.read(CHUNK_BYTES):
                for digest in (sha256, md5, crc32c):
                    digest.update(chunk)
        found = {
            "size": str(kept.size),
            "MD5": md5.hexdigest(),
            "CRC32C": crc32c.hexdigest().decode(),
        }
        for name, expected in self._expected() if complete else ():
            if expected not in {None, found[name]}:
                cause = f"came with {name} {found[name]} instead of {expected}"
                if resumed:
                    raise FileChanged(cause)
                raise self._refused(cause, _DAMAGED)
        return sha256.hexdigest()

    def _expected(self) -> list[tuple[str, str | None]]:
        """Return what the source, and for the official bucket the catalog, say of the file."""
        version = self.kept.version
        expected = [("MD5", version.md5), ("CRC32C", version.crc32c)]
        if self.source.is_official:
            official = catalog.category(self.category)
            expected.append(("size", str(official.simplified_bytes)))
            expected.append(("MD5", official.simplified_md5))
        return expected

    def _refused(self, cause: str, remedy: str) -> SourceFailed:
        """Keep nothing of it."""
        self.kept.discard()
        return SourceFailed(self.kept.address, cause, remedy)


def _first_lines(chunk: bytes, count: int) -> bytes:
    if chunk.count(b"\n") < count:
        return chunk
    end = 0
    for _ in range(count):
        end = chunk.index(b"\n", end) + 1
    return chunk[:end]

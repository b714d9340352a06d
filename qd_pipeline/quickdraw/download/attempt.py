"""One attempt at a download: receive the lines that are wanted, check them, verify the file."""

import hashlib
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

import google_crc32c

from qd_pipeline import catalog
from qd_pipeline.errors import SourceFailed
from qd_pipeline.quickdraw.download.limits import Limits
from qd_pipeline.quickdraw.download.partial_download import PartialDownload
from qd_pipeline.quickdraw.download.remote_file import CHUNK_BYTES, RemoteFile
from qd_pipeline.quickdraw.download.retry import FileChanged, MinimumThroughput, TransientError
from qd_pipeline.quickdraw.download.source import Source

_DAMAGED: Final = (
    "run the same command again; if it stays so, the source's file is damaged or not the "
    "official one"
)

Progress = Callable[[int, int], None]


@dataclass(frozen=True)
class Download:
    """The download of a file, which may take several attempts.

    Attributes:
        source: Where from.
        category: The official spelling.
        received: What has arrived so far.
        wanted: Number of lines to receive; None for all.
        limits: Timeouts and sizes, for sources on a network.
        on_progress: Called with (drawings here, drawings wanted), or for all drawings with
            (bytes here, bytes in all; 0 where the source does not say).
        began: Moment of `time.monotonic` when the first attempt began.
    """

    source: Source
    category: str
    received: PartialDownload
    wanted: int | None
    limits: Limits
    on_progress: Progress | None
    began: float

    def attempt(self) -> tuple[int, bool, str]:
        """Receive what is still missing, and verify the file.

        Returns:
            Where in the file this attempt began, whether it is the whole file, its SHA-256.

        Raises:
            SourceFailed: What the source sent is not valid; it is discarded.
            TransientError: Another attempt may help.
        """
        received = self.received
        try:
            with self.source.open(
                self.category, start=received.size, previous=received.version, limits=self.limits
            ) as file:
                complete = self._receive(file)
            sha256 = self._verify(complete=complete, resumed=file.start > 0)
        except FileChanged:
            received.discard()
            raise
        return file.start, complete, sha256

    def _receive(self, file: RemoteFile) -> bool:
        """Receive the lines that are wanted; return whether they are the whole file."""
        received, wanted = self.received, self.wanted
        guard = MinimumThroughput(self.limits, self.began + self.limits.deadline)
        if file.start == 0:
            received.begin(file.version)
        size = received.version.size
        if wanted is None and size is not None:
            self._check_size(size)
        for chunk in file.chunks:
            if self.source.is_network:
                guard.count(len(chunk))
            if received.size == 0:
                self._check_beginning(chunk)
            received.append(
                chunk if wanted is None else _first_lines(chunk, wanted - received.newlines)
            )
            self._check_size(received.size)
            self._report(size)
            if received.newlines == wanted:
                return received.size == size
        if size is not None and received.size < size:
            raise TransientError(f"ended after {received.size} of {size} bytes")
        if size is not None and received.size > size:
            raise FileChanged(f"sent {received.size} bytes of a file of {size}")
        return True

    def _report(self, size: int | None) -> None:
        if self.on_progress is None:
            return
        if self.wanted is None:
            self.on_progress(self.received.size, size or 0)
        else:
            self.on_progress(self.received.newlines, self.wanted)

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
        """Compare the file on disk with its expected size and hashes; return its SHA-256."""
        received = self.received
        received.flush()
        if received.size == 0:
            raise self._refused("is empty", "check that the mirror's copy is complete")
        sha256, md5 = hashlib.sha256(), hashlib.md5(usedforsecurity=False)
        crc32c = google_crc32c.Checksum()
        with received.body.open("rb") as stream:
            while chunk := stream.read(CHUNK_BYTES):
                for digest in (sha256, md5, crc32c):
                    digest.update(chunk)
        found = {
            "size": str(received.size),
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
        """Return the size and hashes from the source and, for the official bucket, the catalog."""
        version = self.received.version
        expected = [("MD5", version.md5), ("CRC32C", version.crc32c)]
        if self.source.is_official:
            official = catalog.category(self.category)
            expected.append(("size", str(official.simplified_bytes)))
            expected.append(("MD5", official.simplified_md5))
        return expected

    def _refused(self, cause: str, remedy: str) -> SourceFailed:
        """Discard what has arrived, and return the error."""
        self.received.discard()
        return SourceFailed(self.received.address, cause, remedy)


def _first_lines(chunk: bytes, count: int) -> bytes:
    if chunk.count(b"\n") < count:
        return chunk
    end = 0
    for _ in range(count):
        end = chunk.index(b"\n", end) + 1
    return chunk[:end]

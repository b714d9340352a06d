"""One category's NDJSON from a source: complete and verified, or not there."""

import hashlib
import time
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Final

import google_crc32c

from qd_pipeline import catalog
from qd_pipeline.errors import BadSetting, SourceFailed
from qd_pipeline.quickdraw.body import CHUNK_BYTES, Body, Identity
from qd_pipeline.quickdraw.limits import Changed, Interrupted, Limits, Pace, persist
from qd_pipeline.quickdraw.partial import Partial, claimed
from qd_pipeline.quickdraw.source import Source

DEFAULT_LIMITS: Final = Limits()
_DAMAGED: Final = (
    "run the same command again; if it stays so, the source's file is damaged or not the "
    "official one"
)
Progress = Callable[[int, int], None]


@dataclass(frozen=True)
class Fetched:
    """Facts about a downloaded file.

    Attributes:
        source: Name of the source (no secrets).
        url: Address of the file (no secrets).
        etag: The source's entity tag of the whole file; None where it gave none.
        last_modified: The source's date of the file, as it was sent.
        asked: Drawings asked for; None for all.
        drawings: Lines in the file, valid or not; fewer than asked where the source has
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
    asked: int | None
    drawings: int
    bytes: int
    complete: bool
    sha256: str
    seconds: float
    resumed_from: int

    def to_json(self) -> dict[str, Any]:
        """Return the facts as JSON can hold them."""
        return asdict(self)

    @classmethod
    def from_json(cls, facts: Mapping[str, Any]) -> "Fetched":
        """Read what `to_json` gave."""
        return cls(**facts)

    def holds(self, drawings: int | None) -> bool:
        """Return whether asking for so many drawings (None: all) would give this very file."""
        if drawings is None or drawings > self.drawings:
            return self.complete
        return drawings == self.drawings


def check_wanted(drawings: int | None) -> None:
    """Check that a number of drawings can be asked for; None stands for all.

    Raises:
        BadSetting: It is below 1.
    """
    if drawings is not None and drawings < 1:
        raise BadSetting("drawings", f"is {drawings}", "give a whole number from 1, or 'all'")


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
        target: The file to make. Its folder must be there, on the same file system as
            `partial`.
        partial: Folder that keeps what arrived of an interrupted download, so that the next
            call goes on with it; the same for every call for this file.
        drawings: Lines wanted, from 1, in the source's order; None for all.
        limits: Timeouts, attempts, sizes.
        on_progress: Told (drawings here, drawings wanted), or for all drawings (bytes here,
            bytes in all; 0 where the source does not say).

    Raises:
        BadSetting: The category or the number makes no sense.
        SourceFailed: The source does not give it, or what it gives is not right; nothing is
            at `target` that was not there before.
        HomeFailed: The disk refuses; nothing is left behind.
    """
    check_wanted(drawings)
    address = source.address_of(category)
    official = catalog.category(category) if source.is_official else None
    tell = on_progress or (lambda _done, _total: None)
    began = time.monotonic()
    with claimed(partial, address) as kept:
        if drawings is not None and kept.newlines >= drawings:
            kept.forget()

        def attempt() -> tuple[int, bool, str]:
            start = kept.size
            pace = Pace(limits, began + limits.deadline)
            try:
                with source.open(category, start=start, since=kept.identity, limits=limits) as body:
                    complete = _receive(body, kept, drawings, limits=limits, pace=pace, tell=tell)
                sha256 = _verify(kept, official, complete=complete, resumed=body.start > 0)
            except Changed:
                kept.forget()
                raise
            return body.start, complete, sha256

        resumed_from, complete, sha256 = persist(attempt, address, limits)
        kept.promote(target)
    return Fetched(
        source=source.name,
        url=address,
        etag=kept.identity.etag,
        last_modified=kept.identity.last_modified,
        asked=drawings,
        drawings=kept.lines,
        bytes=kept.size,
        complete=complete,
        sha256=sha256,
        seconds=time.monotonic() - began,
        resumed_from=resumed_from,
    )


def is_current(
    source: Source,
    category: str,
    previous: Fetched,
    *,
    drawings: int | None,
    limits: Limits = DEFAULT_LIMITS,
) -> bool:
    """Ask the source whether a file downloaded before is what a download would give now.

    Args:
        source: Where from.
        category: The official spelling.
        previous: What the earlier download said.
        drawings: Lines wanted; None for all.
        limits: Timeouts, attempts.

    Raises:
        SourceFailed: The source does not answer, or has the file no more.
    """
    address = source.address_of(category)
    if (previous.source, previous.url) != (source.name, address) or not previous.holds(drawings):
        return False
    size = previous.bytes if previous.complete else None
    since = Identity(etag=previous.etag, last_modified=previous.last_modified, size=size)
    return persist(lambda: source.is_unchanged(category, since, limits), address, limits)


def _receive(
    body: Body, kept: Partial, wanted: int | None, *, limits: Limits, pace: Pace, tell: Progress
) -> bool:
    """Take in the lines that are wanted; tell whether they are the whole file."""
    if body.start == 0:
        kept.begin(body.identity)
    size = kept.identity.size
    if wanted is None and size is not None:
        _check_size(size, kept, limits)
    for chunk in body.chunks:
        pace.note(len(chunk))
        if kept.size == 0:
            _check_beginning(chunk, kept)
        kept.append(chunk if wanted is None else _first_lines(chunk, wanted - kept.newlines))
        _check_size(kept.size, kept, limits)
        if wanted is None:
            tell(kept.size, size or 0)
        else:
            tell(kept.newlines, wanted)
        if kept.newlines == wanted:
            return kept.size == size
    if size is not None and kept.size < size:
        raise Interrupted(f"ended after {kept.size} of {size} bytes")
    if size is not None and kept.size > size:
        raise Changed(f"sent {kept.size} bytes of a file of {size}")
    return True


def _check_size(size: int, kept: Partial, limits: Limits) -> None:
    if size > limits.max_bytes:
        raise _refused(
            kept,
            f"has more than {limits.max_bytes} bytes",
            "see that it is a mirror of the bucket; QD_HTTP_MAX_BYTES sets the bound",
        )


def _first_lines(chunk: bytes, count: int) -> bytes:
    if chunk.count(b"\n") < count:
        return chunk
    end = 0
    for _ in range(count):
        end = chunk.index(b"\n", end) + 1
    return chunk[:end]


def _check_beginning(chunk: bytes, kept: Partial) -> None:
    if chunk.lstrip(b"\xef\xbb\xbf \t\r\n").startswith(b"<"):
        kind = "a web page or XML"
    elif chunk.startswith(b"\x1f\x8b"):
        kind = "gzip"
    else:
        return
    raise _refused(
        kept,
        f"gave {kind} instead of drawings",
        "see that it is a mirror of the bucket, with files as they are, not compressed",
    )


def _verify(
    kept: Partial, official: catalog.Category | None, *, complete: bool, resumed: bool
) -> str:
    """Compare what is on the disk with all that is said about it; give its SHA-256."""
    kept.flush()
    if kept.size == 0:
        raise _refused(kept, "is empty", "see that the mirror's copy is complete")
    sha256, md5 = hashlib.sha256(), hashlib.md5(usedforsecurity=False)
    crc32c = google_crc32c.Checksum()
    with kept.body.open("rb") as stream:
        while chunk := stream.read(CHUNK_BYTES):
            for digest in (sha256, md5, crc32c):
                digest.update(chunk)
    if complete:
        said = kept.identity
        found = {"MD5": md5.hexdigest(), "CRC32C": crc32c.hexdigest().decode()}
        promises = [("MD5", said.md5), ("CRC32C", said.crc32c)]
        if official:
            found["size"] = str(kept.size)
            promises.append(("size", str(official.simplified_bytes)))
            promises.append(("MD5", official.simplified_md5))
        for name, promised in promises:
            if promised not in {None, found[name]}:
                cause = f"came with {name} {found[name]} instead of {promised}"
                if resumed:
                    raise Changed(cause)
                raise _refused(kept, cause, _DAMAGED)
    return sha256.hexdigest()


def _refused(kept: Partial, cause: str, remedy: str) -> SourceFailed:
    """Keep nothing of it."""
    kept.forget()
    return SourceFailed(kept.address, cause, remedy)

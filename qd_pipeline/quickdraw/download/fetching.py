"""Download of one category's NDJSON from a source: complete and verified, or not there."""

import secrets
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from qd_pipeline import catalog
from qd_pipeline.errors import BadSetting
from qd_pipeline.quickdraw.download.attempt import Download, Progress
from qd_pipeline.quickdraw.download.limits import Limits
from qd_pipeline.quickdraw.download.partial_download import open_partial
from qd_pipeline.quickdraw.download.retry import retry
from qd_pipeline.quickdraw.download.source import Source

DEFAULT_LIMITS: Final = Limits()


@dataclass(frozen=True)
class Fetched:
    """A downloaded file: where it came from, and what was measured, as JSON can hold it.

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
        SourceFailed: The source does not send the file, or not a valid one; `target` is
            unchanged.
        HomeFailed: The disk refuses; nothing is left behind.
    """
    if drawings is not None and drawings < 1:
        raise BadSetting("drawings", f"is {drawings}", "give a whole number from 1, or 'all'")
    if source.is_official:
        catalog.category(category)
    began = time.monotonic()
    with open_partial(partial, source.address_of(category)) as received:
        if drawings is not None and received.newlines >= drawings:
            received.discard()
        download = Download(source, category, received, drawings, limits, on_progress, began)
        resumed_from, complete, sha256 = retry(download.attempt, received.address, limits)
        received.move_to(target)
    return Fetched(
        source=source.name,
        url=received.address,
        etag=received.version.etag,
        last_modified=received.version.last_modified,
        requested=drawings,
        drawings=received.lines,
        bytes=received.size,
        complete=complete,
        sha256=sha256,
        seconds=time.monotonic() - began,
        resumed_from=resumed_from,
    )


def source_version(source: Source, category: str, limits: Limits = DEFAULT_LIMITS) -> str:
    """Return the version of a category's file at the source, without downloading it.

    It changes when the file does. Where the source gives neither entity tag nor date, each call
    returns another version: such a file is never known to be unchanged.

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

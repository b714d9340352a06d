"""Files over HTTP and HTTPS: validation of a server's responses.

Bodies are accepted uncompressed only, and only of the version of the file that was requested.

obstore's HTTP store does not replace this: of the 95 cases of its tests 42 failed with it (0.12.1).
It follows redirects to other hosts, does not show `Retry-After` and `x-goog-hash`, refuses bodies
without a length, and resumes from no server that wants `If-Range`.
"""

import email.utils
import re
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from http import HTTPStatus
from typing import Final

import urllib3

from qd_pipeline.errors import SourceFailed
from qd_pipeline.quickdraw.download.address import masked
from qd_pipeline.quickdraw.download.connection import reply_to
from qd_pipeline.quickdraw.download.limits import Limits
from qd_pipeline.quickdraw.download.remote_file import (
    CHUNK_BYTES,
    FileVersion,
    RemoteFile,
    google_hashes,
)
from qd_pipeline.quickdraw.download.retry import FileChanged, TransientError

_TRANSIENT: Final = {408, 425, 429, 500, 502, 503, 504}
_MISSING: Final = {HTTPStatus.NOT_FOUND, HTTPStatus.GONE}
_FORBIDDEN: Final = {HTTPStatus.UNAUTHORIZED, HTTPStatus.FORBIDDEN}

# Last-Modified counts whole seconds: it is a strong validator only well before the response.
_STRONG_AFTER_SECONDS: Final = 60


@contextmanager
def open_url(
    url: str, start: int, previous: FileVersion | None, limits: Limits
) -> Iterator[RemoteFile]:
    """Open a file, from an offset where the server can and the file is still the same.

    Args:
        url: http:// or https://, with user and password where the server requires them.
        start: Offset in bytes to resume from.
        previous: The version of the file that the bytes before that offset are of.
        limits: Timeouts and the number of redirects.

    Raises:
        SourceFailed: The server does not have the file, or its response is not valid.
        TransientError: Another attempt may help; also raised while the chunks are read.
    """
    headers = {}
    if start and previous and previous.validator:
        headers = {"Range": f"bytes={start}-", "If-Range": previous.validator}
    with reply_to(url, headers, limits) as response:
        if response.status == HTTPStatus.REQUESTED_RANGE_NOT_SATISFIABLE and headers:
            raise FileChanged("has no more bytes than were here")
        _check_status(response, url)
        _check_body(response, url)
        begin, size = _offset_and_size(response)
        version = _version(response, size)
        if begin and (
            begin != start or previous is None or not _is_same_version(version, previous)
        ):
            raise FileChanged("changed while it was downloaded")
        yield RemoteFile(version, begin, _chunks(response))


def version_of(url: str, limits: Limits) -> FileVersion:
    """Return the version of a file, without downloading it.

    The request is a GET of one byte: signed URLs allow no HEAD.

    Raises:
        SourceFailed: The server does not have the file, or its response is not valid.
        TransientError: Another attempt may help.
    """
    with reply_to(url, {"Range": "bytes=0-0"}, limits) as response:
        if response.status == HTTPStatus.REQUESTED_RANGE_NOT_SATISFIABLE:
            return _version(response, 0)
        _check_status(response, url)
        _check_body(response, url)
        return _version(response, _offset_and_size(response)[1])


def _check_status(response: urllib3.BaseHTTPResponse, url: str) -> None:
    status = response.status
    if status in {HTTPStatus.OK, HTTPStatus.PARTIAL_CONTENT}:
        return
    if status in _TRANSIENT:
        raise TransientError(f"answered {_status_text(status)}", _retry_after(response))
    if status in _MISSING:
        raise SourceFailed(
            masked(url),
            f"is not there (the server answered {_status_text(status)})",
            "the mirror lacks this file, or its address is wrong: it should end where "
            "full/simplified/ begins",
        )
    if status in _FORBIDDEN:
        remedy = "check that you may read it, and that user and password are right"
        raise SourceFailed(masked(url), f"was refused with {_status_text(status)}", remedy)
    raise SourceFailed(
        masked(url), f"answered {_status_text(status)}", "check that it is a mirror of the bucket"
    )


def _check_body(response: urllib3.BaseHTTPResponse, url: str) -> None:
    encoding = response.headers.get("Content-Encoding", "identity").strip().lower()
    if encoding not in {"", "identity"}:
        raise SourceFailed(
            masked(url),
            f"came compressed ({encoding[:40]}), though it was requested uncompressed",
            "let the server send its files uncompressed",
        )
    kind = response.headers.get("Content-Type", "").partition(";")[0].strip().lower()
    if kind in {"text/html", "application/xhtml+xml"}:
        raise SourceFailed(
            masked(url),
            "gave a web page instead of drawings",
            "open it in a browser: a login page or an error page stands in the way",
        )


def _offset_and_size(response: urllib3.BaseHTTPResponse) -> tuple[int, int | None]:
    """Return where in the file the body begins, and the file's size."""
    if response.status == HTTPStatus.PARTIAL_CONTENT:
        span = re.fullmatch(
            r"bytes (\d{1,18})-\d+/(\d{1,18}|\*)",
            response.headers.get("Content-Range", ""),
            re.ASCII,
        )
        if not span:
            raise FileChanged("sent a part without saying which")
        return int(span[1]), None if span[2] == "*" else int(span[2])
    length = response.headers.get("Content-Length", "")
    return 0, int(length) if re.fullmatch(r"[0-9]{1,18}", length) else None


def _version(response: urllib3.BaseHTTPResponse, size: int | None) -> FileVersion:
    headers = response.headers
    etag, modified = headers.get("ETag"), headers.get("Last-Modified")
    md5, crc32c = google_hashes(headers.get("x-goog-hash", ""))
    validator = None
    if etag and not etag.startswith("W/"):
        validator = etag
    elif modified and not etag and _is_strong(modified, headers.get("Date")):
        validator = modified
    return FileVersion(etag, modified, size, md5, crc32c, validator)


def _is_strong(modified: str, answered: str | None) -> bool:
    changed, now = _parse_date(modified), _parse_date(answered or "")
    return bool(changed and now and (now - changed).total_seconds() >= _STRONG_AFTER_SECONDS)


def _is_same_version(now: FileVersion, previous: FileVersion) -> bool:
    pairs = ((now.etag, previous.etag), (now.size, previous.size), (now.md5, previous.md5))
    return all(new == old for new, old in pairs if new is not None and old is not None)


def _chunks(response: urllib3.BaseHTTPResponse) -> Iterator[bytes]:
    # read1 returns what has arrived, so that `MinimumThroughput` sees slow bodies.
    while chunk := response.read1(CHUNK_BYTES):
        yield chunk


def _retry_after(response: urllib3.BaseHTTPResponse) -> float | None:
    text = response.headers.get("Retry-After", "").strip()
    if text.isascii() and text.isdecimal():
        return float(text)
    moment = _parse_date(text)
    return max(0.0, (moment - datetime.now(UTC)).total_seconds()) if moment else None


def _parse_date(text: str) -> datetime | None:
    try:
        moment = email.utils.parsedate_to_datetime(text)
    except ValueError:
        return None
    return moment if moment.tzinfo else moment.replace(tzinfo=UTC)


def _status_text(status: int) -> str:
    try:
        return f"{status} {HTTPStatus(status).phrase}"
    except ValueError:
        return str(status)

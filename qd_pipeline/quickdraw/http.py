"""Files over HTTP and HTTPS: what a server's replies mean, and which of them are taken.

Bodies come as they are, never compressed, and only from the state of the file that was
asked for.
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
from qd_pipeline.quickdraw.address import masked
from qd_pipeline.quickdraw.body import CHUNK_BYTES, Body, Identity, google_hashes
from qd_pipeline.quickdraw.connection import reply_to
from qd_pipeline.quickdraw.limits import Changed, Interrupted, Limits

_TRANSIENT: Final = {408, 425, 429, 500, 502, 503, 504}
_MISSING: Final = {HTTPStatus.NOT_FOUND, HTTPStatus.GONE}
_FORBIDDEN: Final = {HTTPStatus.UNAUTHORIZED, HTTPStatus.FORBIDDEN}

# Last-Modified counts whole seconds: only one well before the response proves anything.
_SETTLED_SECONDS: Final = 60


@contextmanager
def open_url(url: str, start: int, since: Identity | None, limits: Limits) -> Iterator[Body]:
    """Open a file, from an offset where the server can and the file is still the same.

    Args:
        url: http:// or https://, with user and password where the server wants them.
        start: Offset in bytes to go on from.
        since: The file's state when the bytes before that offset came.
        limits: Timeouts and the number of redirects.

    Raises:
        SourceFailed: The file is not to be had there.
        Interrupted: Another attempt may help; also raised while the chunks are read.
    """
    headers = {}
    if start and since and since.validator:
        headers = {"Range": f"bytes={start}-", "If-Range": since.validator}
    with reply_to(url, headers, limits) as response:
        if response.status == HTTPStatus.REQUESTED_RANGE_NOT_SATISFIABLE and headers:
            raise Changed("has no more bytes than were here")
        _check_status(response, url)
        _check_body(response, url)
        begin, size = _extent(response)
        identity = _identity(response, size)
        if begin and (begin != start or since is None or not _continues(identity, since)):
            raise Changed("changed while it was downloaded")
        yield Body(identity, begin, _chunks(response))


def is_unchanged(url: str, since: Identity, limits: Limits) -> bool:
    """Ask the server whether a file is still as it was; no body is read.

    Raises:
        SourceFailed: The file is not to be had there.
        Interrupted: Another attempt may help.
    """
    if since.etag:
        headers = {"If-None-Match": since.etag}
    elif since.last_modified:
        headers = {"If-Modified-Since": since.last_modified}
    else:
        return False
    with reply_to(url, headers, limits) as response:
        if response.status == HTTPStatus.NOT_MODIFIED:
            return True
        _check_status(response, url)
        now = _identity(response, _extent(response)[1])
        if now.etag or since.etag:
            return now.etag == since.etag
        return (now.last_modified, now.size) == (since.last_modified, since.size)


def _check_status(response: urllib3.BaseHTTPResponse, url: str) -> None:
    status = response.status
    if status in {HTTPStatus.OK, HTTPStatus.PARTIAL_CONTENT}:
        return
    if status in _TRANSIENT:
        raise Interrupted(f"answered {_named(status)}", _retry_after(response))
    if status in _MISSING:
        raise SourceFailed(
            masked(url),
            f"is not there (the server answered {_named(status)})",
            "the mirror lacks this file, or its address is wrong: it should end where "
            "full/simplified/ begins",
        )
    if status in _FORBIDDEN:
        remedy = "see that you may read it, and that user and password are right"
        raise SourceFailed(masked(url), f"was refused with {_named(status)}", remedy)
    raise SourceFailed(
        masked(url), f"answered {_named(status)}", "see that it is a mirror of the bucket"
    )


def _check_body(response: urllib3.BaseHTTPResponse, url: str) -> None:
    encoding = response.headers.get("Content-Encoding", "identity").strip().lower()
    if encoding not in {"", "identity"}:
        raise SourceFailed(
            masked(url),
            f"came compressed ({encoding[:40]}), though it was asked for as it is",
            "let the server send its files uncompressed",
        )
    kind = response.headers.get("Content-Type", "").partition(";")[0].strip().lower()
    if kind in {"text/html", "application/xhtml+xml"}:
        raise SourceFailed(
            masked(url),
            "gave a web page instead of drawings",
            "open it in a browser: a login page or an error page stands in the way",
        )


def _extent(response: urllib3.BaseHTTPResponse) -> tuple[int, int | None]:
    """Where in the file the body begins, and the file's size."""
    if response.status == HTTPStatus.PARTIAL_CONTENT:
        span = re.fullmatch(
            r"bytes (\d{1,18})-\d+/(\d{1,18}|\*)",
            response.headers.get("Content-Range", ""),
            re.ASCII,
        )
        if not span:
            raise Changed("sent a part without saying which")
        return int(span[1]), None if span[2] == "*" else int(span[2])
    length = response.headers.get("Content-Length", "")
    return 0, int(length) if re.fullmatch(r"[0-9]{1,18}", length) else None


def _identity(response: urllib3.BaseHTTPResponse, size: int | None) -> Identity:
    headers = response.headers
    etag, modified = headers.get("ETag"), headers.get("Last-Modified")
    md5, crc32c = google_hashes(headers.get("x-goog-hash", ""))
    validator = None
    if etag and not etag.startswith("W/"):
        validator = etag
    elif modified and not etag and _is_settled(modified, headers.get("Date")):
        validator = modified
    return Identity(etag, modified, size, md5, crc32c, validator)


def _is_settled(modified: str, answered: str | None) -> bool:
    changed, now = _moment(modified), _moment(answered or "")
    return bool(changed and now and (now - changed).total_seconds() >= _SETTLED_SECONDS)


def _continues(now: Identity, since: Identity) -> bool:
    pairs = ((now.etag, since.etag), (now.size, since.size), (now.md5, since.md5))
    return all(new == old for new, old in pairs if new is not None and old is not None)


def _chunks(response: urllib3.BaseHTTPResponse) -> Iterator[bytes]:
    # read1 gives what has come, so that slow bodies are seen to be slow.
    while chunk := response.read1(CHUNK_BYTES):
        yield chunk


def _retry_after(response: urllib3.BaseHTTPResponse) -> float | None:
    text = response.headers.get("Retry-After", "").strip()
    if text.isascii() and text.isdecimal():
        return float(text)
    moment = _moment(text)
    return max(0.0, (moment - datetime.now(UTC)).total_seconds()) if moment else None


def _moment(text: str) -> datetime | None:
    try:
        moment = email.utils.parsedate_to_datetime(text)
    except ValueError:
        return None
    return moment if moment.tzinfo else moment.replace(tzinfo=UTC)


def _named(status: int) -> str:
    try:
        return f"{status} {HTTPStatus(status).phrase}"
    except ValueError:
        return str(status)

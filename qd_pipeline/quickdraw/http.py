"""Files over HTTP and HTTPS: one request at a time, and only from where they were asked.

Redirects stay on the same host and never fall from https to http; certificates are
verified; bodies come as they are, never compressed; nothing in messages or logs shows
what stands for a password.
"""

import base64
import email.utils
import logging
import re
import ssl
import urllib.request
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from datetime import UTC, datetime
from http import HTTPStatus
from typing import Final
from urllib.parse import SplitResult, unquote, urljoin, urlsplit

import urllib3
from urllib3.exceptions import (
    ConnectTimeoutError,
    HTTPError,
    NameResolutionError,
    NewConnectionError,
    ReadTimeoutError,
    SSLError,
)

from qd_pipeline.errors import SourceFailed
from qd_pipeline.quickdraw.address import masked
from qd_pipeline.quickdraw.body import CHUNK_BYTES, Body, Identity, google_hashes
from qd_pipeline.quickdraw.limits import Changed, Interrupted, Limits

_TRANSIENT: Final = {408, 425, 429, 500, 502, 503, 504}
_REDIRECTS: Final = {301, 302, 303, 307, 308}
_MISSING: Final = {HTTPStatus.NOT_FOUND, HTTPStatus.GONE}
_FORBIDDEN: Final = {HTTPStatus.UNAUTHORIZED, HTTPStatus.FORBIDDEN}
_PORTS: Final = {"http": 80, "https": 443}

# Last-Modified counts whole seconds: only one well before the response proves anything.
_SETTLED_SECONDS: Final = 60


class _MaskUrls(logging.Filter):
    """urllib3 logs the path and query of each request at its debug level."""

    def filter(self, record: logging.LogRecord) -> bool:
        if isinstance(record.args, tuple):
            record.args = tuple(masked(a) if isinstance(a, str) else a for a in record.args)
        return True


logging.getLogger("urllib3.connectionpool").addFilter(_MaskUrls())


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
    with _response(url, headers, limits) as response:
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
    with _response(url, headers, limits) as response:
        if response.status == HTTPStatus.NOT_MODIFIED:
            return True
        _check_status(response, url)
        now = _identity(response, _extent(response)[1])
        if now.etag or since.etag:
            return now.etag == since.etag
        return (now.last_modified, now.size) == (since.last_modified, since.size)


@contextmanager
def _response(
    url: str, headers: Mapping[str, str], limits: Limits
) -> Iterator[urllib3.BaseHTTPResponse]:
    try:
        with _pool(url, limits) as pool:
            response = _follow(pool, url, headers, limits)
            try:
                yield response
            finally:
                response.close()
    except SSLError as error:
        if isinstance(error.args[0], ssl.SSLCertVerificationError):
            raise SourceFailed(
                masked(url),
                f"has a certificate that cannot be trusted ({error.args[0].verify_message})",
                "mend the certificate, or name its authority's file in SSL_CERT_FILE",
            ) from error
        raise Interrupted("broke the encrypted connection") from error
    except HTTPError as error:
        raise Interrupted(_spoken(error, limits)) from error


def _pool(url: str, limits: Limits) -> urllib3.PoolManager:
    timeout = urllib3.Timeout(connect=limits.connect_timeout, read=limits.read_timeout)
    parts = urlsplit(url)
    proxy = urllib.request.getproxies().get(parts.scheme)
    # No proxy can reach what is on this very machine.
    local = parts.hostname in {"localhost", "127.0.0.1", "::1"}
    if not proxy or local or urllib.request.proxy_bypass(parts.hostname or ""):
        return urllib3.PoolManager(timeout=timeout, retries=False)
    auth = urllib3.util.parse_url(proxy).auth
    proxy_headers = urllib3.make_headers(proxy_basic_auth=unquote(auth)) if auth else None
    return urllib3.ProxyManager(proxy, proxy_headers=proxy_headers, timeout=timeout, retries=False)


def _follow(
    pool: urllib3.PoolManager, url: str, headers: Mapping[str, str], limits: Limits
) -> urllib3.BaseHTTPResponse:
    parts = urlsplit(url)
    userinfo, _, host = parts.netloc.rpartition("@")
    parts = parts._replace(netloc=host)
    sent = {"User-Agent": "qd_pipeline", "Accept-Encoding": "identity", **headers}
    if userinfo:
        sent["Authorization"] = "Basic " + base64.b64encode(unquote(userinfo).encode()).decode()
    for _ in range(limits.max_redirects + 1):
        response = pool.request(
            "GET",
            parts.geturl(),
            headers=sent,
            redirect=False,
            preload_content=False,
            decode_content=False,
        )
        if response.status not in _REDIRECTS:
            return response
        response.close()
        parts = _redirected(parts, response.headers.get("Location", ""), url)
    raise SourceFailed(
        masked(url),
        f"redirects more than {limits.max_redirects} times",
        "give the address that it leads to",
    )


def _redirected(parts: SplitResult, location: str, url: str) -> SplitResult:
    try:
        target = urlsplit(urljoin(parts.geturl(), location))
        old, new = _origin(parts), _origin(target)
    except ValueError:
        pass
    else:
        made_safe = old == ("http", new[1], 80) and new == ("https", old[1], 443)
        if location and (new == old or made_safe):
            return target._replace(netloc=target.netloc.rpartition("@")[2], fragment="")
    raise SourceFailed(
        masked(url),
        f"redirects to {masked(location)[:200] or 'nowhere'}, which is another host or a less "
        "safe protocol",
        "give that address yourself if you trust it",
    )


def _origin(parts: SplitResult) -> tuple[str, str, int]:
    return parts.scheme, parts.hostname or "", parts.port or _PORTS.get(parts.scheme, 0)


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


def _spoken(error: HTTPError, limits: Limits) -> str:
    match error:
        case NameResolutionError():
            return "has a host name that nobody knows (no network?)"
        case ConnectTimeoutError():
            return f"could not be reached within {limits.connect_timeout:g} s"
        case ReadTimeoutError():
            return f"sent nothing for {limits.read_timeout:g} s"
        case NewConnectionError():
            return "refused the connection"
        case _:
            return "broke the connection off"

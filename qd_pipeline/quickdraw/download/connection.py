"""Connections to web servers: only to the requested host, and never without a time limit.

Redirects stay on the same host and never fall from https to http; certificates are
verified; passwords are in no message and no log.
"""

import base64
import logging
import socket
import ssl
import threading
import urllib.request
from collections.abc import Callable, Iterator, Mapping
from contextlib import closing, contextmanager, suppress
from typing import Final
from urllib.parse import SplitResult, unquote, urljoin, urlsplit

import urllib3
from urllib3.connection import HTTPConnection, HTTPSConnection
from urllib3.exceptions import (
    ConnectTimeoutError,
    HTTPError,
    LocationValueError,
    NameResolutionError,
    NewConnectionError,
    ProxyError,
    ProxySchemeUnknown,
    ReadTimeoutError,
    SSLError,
)

from qd_pipeline.errors import BadSetting, SourceFailed
from qd_pipeline.quickdraw.download.address import masked
from qd_pipeline.quickdraw.download.limits import Limits
from qd_pipeline.quickdraw.download.retry import TransientError, Unreachable

_REDIRECTS: Final = {301, 302, 303, 307, 308}
_PORTS: Final = {"http": 80, "https": 443}


class _MaskUrls(logging.Filter):
    """urllib3 logs the path and query of each request at its debug level."""

    def filter(self, record: logging.LogRecord) -> bool:
        if isinstance(record.args, tuple):
            record.args = tuple(masked(a) if isinstance(a, str) else a for a in record.args)
        return True


logging.getLogger("urllib3.connectionpool").addFilter(_MaskUrls())


class _TimedHeaders(HTTPConnection):
    """Applies the read timeout to all headers together: urllib3 applies it to each byte."""

    def getresponse(self) -> urllib3.HTTPResponse:  # type: ignore[override] # as urllib3's own
        with _watchdog(float(self.timeout or 0), self._hang_up):
            return super().getresponse()

    def _hang_up(self) -> None:
        # The plain socket's own method: that of TLS would wait for the other side.
        socket.socket.shutdown(self.sock, socket.SHUT_RDWR)


class _TimedHeadersHttps(_TimedHeaders, HTTPSConnection):
    pass


class _HttpPool(urllib3.HTTPConnectionPool):
    ConnectionCls = _TimedHeaders


class _HttpsPool(urllib3.HTTPSConnectionPool):
    ConnectionCls = _TimedHeadersHttps


@contextmanager
def reply_to(
    url: str, headers: Mapping[str, str], limits: Limits
) -> Iterator[urllib3.BaseHTTPResponse]:
    """Send a GET request and yield the reply, its body unread.

    Failures while the body is read in the block are translated too.

    Args:
        url: http:// or https://, with user and password where the server wants them.
        headers: Headers beyond the usual ones.
        limits: Timeouts and the number of redirects.

    Raises:
        BadSetting: The environment names a proxy by an address that is not valid.
        SourceFailed: A certificate or a redirect cannot be trusted.
        TransientError: The connection failed.
    """
    hops = [url]
    try:
        with _pool(url, limits) as pool:
            response = _follow(pool, hops, headers, limits)
            with closing(response), _watchdog(limits.deadline, response.shutdown):
                yield response
    except SSLError as error:
        if isinstance(error.args[0], ssl.SSLCertVerificationError):
            raise SourceFailed(
                masked(hops[-1]),
                f"has a certificate that cannot be trusted ({error.args[0].verify_message})",
                "correct the certificate, or name its authority's file in SSL_CERT_FILE",
            ) from error
        raise TransientError("broke the encrypted connection") from error
    except HTTPError as error:
        connects = isinstance(error, ProxyError | NewConnectionError | ConnectTimeoutError)
        kind = Unreachable if connects else TransientError
        to = f"redirects to {masked(hops[-1])[:200]}, which " if len(hops) > 1 else ""
        raise kind(to + _cause_of(error, limits)) from error
    except TimeoutError as error:
        raise TransientError(f"was not done within {limits.deadline:g} s") from error


@contextmanager
def _watchdog(seconds: float, act: Callable[[], None]) -> Iterator[None]:
    """Call a function if the block takes longer: read timeouts restart with each byte.

    Raises:
        TimeoutError: It did.
    """
    late = threading.Event()

    def expire() -> None:
        late.set()
        with suppress(OSError):  # the connection ended at that very moment
            act()

    timer = threading.Timer(seconds, expire)
    timer.daemon = True
    timer.start()
    try:
        yield
    except Exception as error:
        if late.is_set():  # then the watchdog broke off what the block did
            raise TimeoutError from error
        raise
    finally:
        timer.cancel()
    if late.is_set():
        raise TimeoutError


def _pool(url: str, limits: Limits) -> urllib3.PoolManager:
    timeout = urllib3.Timeout(connect=limits.connect_timeout, read=limits.read_timeout)
    parts = urlsplit(url)
    proxy = urllib.request.getproxies().get(parts.scheme)
    # No proxy can reach what is on this very machine.
    local = parts.hostname in {"localhost", "127.0.0.1", "::1"}
    if not proxy or local or urllib.request.proxy_bypass(parts.hostname or ""):
        pool = urllib3.PoolManager(timeout=timeout, retries=False)
    else:
        try:
            auth = urllib3.util.parse_url(proxy).auth
            known = urllib3.make_headers(proxy_basic_auth=unquote(auth)) if auth else None
            pool = urllib3.ProxyManager(proxy, proxy_headers=known, timeout=timeout, retries=False)
        except (LocationValueError, ProxySchemeUnknown) as error:
            remedy = "give the proxy's URL, http://host:port, or unset it"
            raise BadSetting(
                f"{parts.scheme}_proxy", "is not the address of a proxy", remedy
            ) from error
    pool.pool_classes_by_scheme = {"http": _HttpPool, "https": _HttpsPool}
    return pool


def _follow(
    pool: urllib3.PoolManager, hops: list[str], headers: Mapping[str, str], limits: Limits
) -> urllib3.BaseHTTPResponse:
    """Request an address and where it redirects to, which is appended to `hops`."""
    (url,) = hops
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
        hops.append(parts.geturl())
    raise SourceFailed(
        masked(url),
        f"redirects more than {limits.max_redirects} times",
        "set the address that it leads to",
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
        "set that address yourself if you trust it",
    )


def _origin(parts: SplitResult) -> tuple[str, str, int]:
    return parts.scheme, parts.hostname or "", parts.port or _PORTS.get(parts.scheme, 0)


def _cause_of(error: HTTPError, limits: Limits) -> str:
    match error:
        case ProxyError():
            return "could not be reached through the proxy that the environment names"
        case NameResolutionError():
            return "has a host name that cannot be resolved (no network?)"
        case NewConnectionError():
            reason = error.__cause__.strerror if isinstance(error.__cause__, OSError) else None
            return f"could not be connected to ({reason or 'no reason given'})"
        case ConnectTimeoutError():
            return f"could not be connected to within {limits.connect_timeout:g} s"
        case ReadTimeoutError():
            return f"sent nothing for {limits.read_timeout:g} s"
        case _:
            return "broke the connection off"

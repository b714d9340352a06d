"""A real web server with the bucket's layout, which misbehaves when it is told to.

with Mirror(folder) as mirror:
    mirror.write("cow", lines)
    mirror.script("cow", status(503), reset(after=1000))  # then it behaves again
    ...
    assert len(mirror.asked("cow")) == 3
"""

import email.utils
import gzip
import hashlib
import os
import re
import socket
import ssl
import struct
import threading
import time
from base64 import b64encode
from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from types import TracebackType
from typing import Self
from urllib.parse import quote, unquote, urlsplit

import google_crc32c

FOLDER = "full/simplified"


@dataclass(frozen=True)
class Asked:
    """One request that came in."""

    path: str
    headers: Mapping[str, str]
    at: float


@dataclass(frozen=True)
class Reply:
    status: int
    headers: dict[str, str] = field(default_factory=dict)
    body: bytes = b""


Fault = Callable[["Exchange"], None]


class Mirror:
    """Serves a folder on a free port of 127.0.0.1 until the block ends.

    Args:
        folder: Holds `full/simplified/<category>.ndjson`.
        etags: "strong", "weak" or None.
        dates: Whether replies carry Last-Modified.
        ranges: Whether parts can be asked for.
        hashes: Whether replies carry x-goog-hash, as Google's do.
        tls: Serve https with this context.
    """

    def __init__(
        self,
        folder: Path,
        *,
        etags: str | None = "strong",
        dates: bool = True,
        ranges: bool = True,
        hashes: bool = True,
        tls: ssl.SSLContext | None = None,
    ) -> None:
        self.folder = folder
        self.etags = etags
        self.dates = dates
        self.ranges = ranges
        self.hashes = hashes
        self.requests: list[Asked] = []
        self.closing = threading.Event()
        self._scripts: defaultdict[str, list[Fault]] = defaultdict(list)
        self._always: dict[str, Fault] = {}
        self._lock = threading.Lock()
        self._server = _Server(self)
        if tls:
            self._server.socket = tls.wrap_socket(self._server.socket, server_side=True)
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.01,))
        self.port = self._server.server_address[1]
        self.url = f"{'https' if tls else 'http'}://127.0.0.1:{self.port}"

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.closing.set()
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()

    def write(self, category: str, content: bytes) -> Path:
        """Put a file into the mirror's folder."""
        path = self.folder / FOLDER / f"{category}.ndjson"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content)
        return path

    def script(self, category: str, *faults: Fault) -> None:
        """Answer the next requests for a category with these, one each, then behave."""
        self._scripts[_path_of(category)].extend(faults)

    def always(self, category: str, fault: Fault) -> None:
        """Answer every request for a category with this, once its script is over."""
        self._always[_path_of(category)] = fault

    def asked(self, category: str) -> list[Asked]:
        """All requests for a category so far."""
        return [asked for asked in self.requests if asked.path == _path_of(category)]

    def fault_for(self, asked: Asked) -> Fault:
        """Note a request and tell how to answer it."""
        with self._lock:
            self.requests.append(asked)
            script = self._scripts[asked.path]
            return script.pop(0) if script else self._always.get(asked.path, healthy())


class _Server(ThreadingHTTPServer):
    # Handlers end with `closing`, and are waited for.
    daemon_threads = False
    block_on_close = True

    def __init__(self, mirror: Mirror) -> None:
        self.mirror = mirror
        super().__init__(("127.0.0.1", 0), Exchange)

    def handle_error(self, request: object, client_address: object) -> None:
        """A client that goes away is no error here."""


class Exchange(BaseHTTPRequestHandler):
    """One request, and the means to answer it well or badly."""

    protocol_version = "HTTP/1.1"
    server: _Server

    def do_GET(self) -> None:
        asked = Asked(urlsplit(self.path).path, dict(self.headers.items()), time.monotonic())
        self.close_connection = True
        try:
            self.server.mirror.fault_for(asked)(self)
        except (BrokenPipeError, ConnectionResetError):
            return

    @property
    def mirror(self) -> Mirror:
        return self.server.mirror

    @property
    def file(self) -> Path:
        return self.mirror.folder / unquote(urlsplit(self.path).path).lstrip("/")

    def reply(self) -> Reply:
        """What a good server would answer."""
        if not self.file.is_file():
            return Reply(404, {"Content-Length": "0"})
        content = self.file.read_bytes()
        facts = self._facts(content)
        if self._is_known(facts):
            return Reply(304, facts)
        span = re.fullmatch(r"bytes=(\d+)-", self.headers.get("Range", ""))
        wanted = self.headers.get("If-Range") in {facts.get("ETag"), facts.get("Last-Modified")}
        if not (span and wanted and self.mirror.ranges):
            return Reply(200, facts | {"Content-Length": str(len(content))}, content)
        start = int(span[1])
        if start >= len(content):
            return Reply(416, {"Content-Range": f"bytes */{len(content)}", "Content-Length": "0"})
        part = content[start:]
        extent = f"bytes {start}-{len(content) - 1}/{len(content)}"
        facts |= {"Content-Range": extent, "Content-Length": str(len(part))}
        return Reply(206, facts, part)

    def _facts(self, content: bytes) -> dict[str, str]:
        facts = {"Content-Type": "application/octet-stream"}
        if self.mirror.etags:
            weak = "W/" if self.mirror.etags == "weak" else ""
            facts["ETag"] = f'{weak}"{hashlib.md5(content).hexdigest()}"'  # noqa: S324
        if self.mirror.dates:
            changed = self.file.stat().st_mtime
            facts["Last-Modified"] = email.utils.formatdate(changed, usegmt=True)
        if self.mirror.hashes:
            facts["x-goog-hash"] = google_hash(content)
        return facts

    def _is_known(self, facts: Mapping[str, str]) -> bool:
        if "If-None-Match" in self.headers:
            return self.headers["If-None-Match"] == facts.get("ETag")
        since = self.headers.get("If-Modified-Since")
        return since is not None and since == facts.get("Last-Modified")

    def start(self, reply: Reply) -> None:
        """Send everything before the body."""
        self.send_response(reply.status)
        for name, text in {"Connection": "close", **reply.headers}.items():
            self.send_header(name, text)
        self.end_headers()

    def send(self, reply: Reply) -> None:
        self.start(reply)
        self.wfile.write(reply.body)

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002
        """Requests are kept in `Mirror.requests` instead."""


def google_hash(content: bytes) -> str:
    """The header `x-goog-hash` of these bytes."""
    md5 = b64encode(hashlib.md5(content).digest()).decode()  # noqa: S324
    crc32c = b64encode(google_crc32c.Checksum(content).digest()).decode()
    return f"crc32c={crc32c},md5={md5}"


def healthy(**headers: str | None) -> Fault:
    """Answer well, but for these headers (None: left out; `_` for `-`)."""

    def fault(exchange: Exchange) -> None:
        reply = exchange.reply()
        altered = {**reply.headers, **{k.replace("_", "-"): v for k, v in headers.items()}}
        kept = {name: text for name, text in altered.items() if text is not None}
        exchange.send(replace(reply, headers=kept))

    return fault


def status(code: int, retry_after: str | None = None) -> Fault:
    """Answer with a status and no body."""
    headers = {"Content-Length": "0"} | ({"Retry-After": retry_after} if retry_after else {})
    return lambda exchange: exchange.send(Reply(code, headers))


def redirect(to: str, code: int = 302) -> Fault:
    """Send elsewhere."""
    headers = {"Content-Length": "0", "Location": to}
    return lambda exchange: exchange.send(Reply(code, headers))


def answer(body: bytes, **headers: str) -> Fault:
    """Answer 200 with this body, whatever the file holds."""
    named = {name.replace("_", "-"): text for name, text in headers.items()}
    return lambda exchange: exchange.send(
        Reply(200, {"Content-Length": str(len(body)), **named}, body)
    )


def web_page(kind: str = "text/html; charset=utf-8") -> Fault:
    """Answer 200 with an error page."""
    return answer(b"<!DOCTYPE html><title>Sorry</title>", Content_Type=kind)


def compressed(*, labelled: bool = True) -> Fault:
    """Answer with the file in gzip, unasked."""

    def fault(exchange: Exchange) -> None:
        headers = {"Content_Encoding": "gzip"} if labelled else {}
        answer(gzip.compress(exchange.reply().body), **headers)(exchange)

    return fault


def hang_up() -> Fault:
    """Close the connection without an answer."""
    return lambda _: None


def short(by: int = 1) -> Fault:
    """End the body in time, but before it is complete."""

    def fault(exchange: Exchange) -> None:
        reply = exchange.reply()
        exchange.send(replace(reply, body=reply.body[:-by]))

    return fault


def reset(after: int = 0) -> Fault:
    """Reset the connection (RST) after so many bytes of the body."""

    def fault(exchange: Exchange) -> None:
        reply = exchange.reply()
        exchange.send(replace(reply, body=reply.body[:after]))
        time.sleep(0.02)  # or the reset may overtake the bytes
        abort = struct.pack("ii", 1, 0)
        exchange.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, abort)
        os.close(exchange.connection.detach())

    return fault


def stall(after: int = 0, seconds: float = 30) -> Fault:
    """Send so many bytes of the body, then nothing; the connection stays open."""

    def fault(exchange: Exchange) -> None:
        reply = exchange.reply()
        exchange.send(replace(reply, body=reply.body[:after]))
        exchange.mirror.closing.wait(seconds)

    return fault


def drip(piece: int = 1, pause: float = 0.01) -> Fault:
    """Send the body in small pieces, with pauses."""

    def fault(exchange: Exchange) -> None:
        reply = exchange.reply()
        exchange.start(reply)
        for begin in range(0, len(reply.body), piece):
            exchange.wfile.write(reply.body[begin : begin + piece])
            if exchange.mirror.closing.wait(pause):
                return

    return fault


def drip_headers(pause: float = 0.01) -> Fault:
    """Send headers for ever, byte by byte."""

    def fault(exchange: Exchange) -> None:
        exchange.wfile.write(b"HTTP/1.1 200 OK\r\nX-Patience: ")
        while not exchange.mirror.closing.wait(pause):
            exchange.wfile.write(b"a")

    return fault


def chunked(
    *, ends: bool = True, pieces: Callable[[bytes], Iterator[bytes]] | None = None
) -> Fault:
    """Send the body in HTTP's chunks, its length unsaid; without the last chunk if told."""

    def fault(exchange: Exchange) -> None:
        reply = exchange.reply()
        headers = {k: v for k, v in reply.headers.items() if k != "Content-Length"}
        exchange.start(replace(reply, headers=headers | {"Transfer-Encoding": "chunked"}))
        for piece in pieces(reply.body) if pieces else (reply.body,):
            exchange.wfile.write(b"%x\r\n%b\r\n" % (len(piece), piece))
        if ends:
            exchange.wfile.write(b"0\r\n\r\n")

    return fault


def endless(piece: bytes) -> Fault:
    """Send the same bytes for ever, their length unsaid."""

    def fault(exchange: Exchange) -> None:
        exchange.start(Reply(200, {"Content-Type": "application/octet-stream"}))
        while not exchange.mirror.closing.is_set():
            exchange.wfile.write(piece)

    return fault


def after_change(content: bytes, then: Fault | None = None) -> Fault:
    """Replace the file, then answer from the new one."""

    def fault(exchange: Exchange) -> None:
        exchange.file.write_bytes(content)
        (then or healthy())(exchange)

    return fault


def _path_of(category: str) -> str:
    return f"/{FOLDER}/{quote(category)}.ndjson"

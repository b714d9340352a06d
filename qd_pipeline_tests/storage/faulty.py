"""An S3 server with faults: a proxy before a real one."""

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from itertools import count
from threading import Thread

import urllib3

Request = BaseHTTPRequestHandler
Fault = Callable[[int, Request], int | None]
"""Returns the status to answer a request of a number with; None passes it on."""


@dataclass
class Faulty:
    """A proxy whose faults can be changed.

    Attributes:
        url: Its address.
        fault: What it does to requests.
        faults: Statuses that it has answered by itself.
    """

    url: str
    fault: Fault = lambda _number, _request: None
    faults: list[int] = field(default_factory=list)


@contextmanager
def faulty(server: str) -> Iterator[Faulty]:
    """Run a proxy before a server until the block ends."""
    numbers, pool = count(1), urllib3.PoolManager()

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def _answer(self) -> None:
            body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
            if status := proxy.fault(next(numbers), self):
                proxy.faults.append(status)
                code = HTTPStatus(status).phrase.replace(" ", "")
                self._send(status, {}, f"<Error><Code>{code}</Code></Error>")
            else:
                headers = dict(self.headers)
                answer = pool.request(
                    self.command, f"{server}{self.path}", body=body, headers=headers, retries=False
                )
                self._send(answer.status, answer.headers, answer.data)

        do_GET = do_PUT = do_POST = do_DELETE = do_HEAD = _answer  # noqa: N815

        def _send(self, status: int, headers: object, body: bytes | str) -> None:
            content = body.encode() if isinstance(body, str) else body
            self.send_response(status)
            own = {"connection", "content-length", "date", "server", "transfer-encoding"}
            for name, value in dict(headers).items():  # type: ignore[call-overload]
                if name.lower() not in own:
                    self.send_header(name, value)
            if self.command != "HEAD":
                self.send_header("Content-Length", str(len(content)))
            self.end_headers()
            if self.command != "HEAD":
                self.wfile.write(content)

        def log_message(self, *_: object) -> None:
            """Say nothing."""

    httpd = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    proxy = Faulty(f"http://127.0.0.1:{httpd.server_port}")
    thread = Thread(target=httpd.serve_forever, daemon=True)
    thread.start()
    try:
        yield proxy
    finally:
        httpd.shutdown()
        httpd.server_close()
        thread.join()


def late(seconds: float) -> Fault:
    """Return the fault of a server that answers late."""
    return lambda _number, _request: time.sleep(seconds)


def every(nth: int, status: int) -> Fault:
    """Return the fault of a server that answers each so many requests with a status."""
    return lambda number, _: None if number % nth else status


def refusing_conditions(_: int, request: Request) -> int | None:
    """Refuse conditional puts, as servers do that do not know them."""
    return HTTPStatus.NOT_IMPLEMENTED if "If-None-Match" in request.headers else None

"""How soon the drawing page has its answer: the server itself, asked over HTTP as the page asks."""

import json
import socket
import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import closing, contextmanager
from http.client import HTTPConnection
from pathlib import Path
from typing import Any

import uvicorn

from benchmarks.renderings import Drawing
from qd_pipeline.serving.drawing_page import build
from qd_pipeline.serving.model_cache import ModelCache
from qd_pipeline.serving.own_drawings import OwnDrawings


def milliseconds(shelf: ModelCache, key: str, drawings: Sequence[Drawing]) -> tuple[float, ...]:
    """Hand in the strokes of drawings, one after the other, as if drawn by hand.

    Args:
        shelf: The classifiers of the page.
        key: The class set to choose from.
        drawings: The strokes.

    Returns:
        By drawing, the time from the request to the end of its answer.
    """
    asked = [
        json.dumps({"class_set": key, "strokes": drawing, "simplified": False})
        for drawing in drawings
    ]
    with _serving(shelf) as port, closing(HTTPConnection("127.0.0.1", port)) as connection:
        # The page asks for the classifiers before anybody draws, so they are loaded by then.
        _answer(connection, "GET", "/classifiers")
        _answer(connection, "POST", "/predictions", asked[0])
        return tuple(_timed(connection, body) for body in asked)


@contextmanager
def _serving(shelf: ModelCache) -> Iterator[int]:
    """Serve the page from a thread, and give its port."""
    with socket.socket() as listening:
        listening.bind(("127.0.0.1", 0))
        app = build(shelf, OwnDrawings(Path()))  # nothing is kept
        server = uvicorn.Server(uvicorn.Config(app, log_level="warning", access_log=False))
        thread = threading.Thread(target=server.run, kwargs={"sockets": [listening]})
        thread.start()
        try:
            while thread.is_alive() and not server.started:
                time.sleep(0.01)
            yield listening.getsockname()[1]
        finally:
            server.should_exit = True
            thread.join()


def _timed(connection: HTTPConnection, body: str) -> float:
    began = time.perf_counter()
    _answer(connection, "POST", "/predictions", body)
    return 1000 * (time.perf_counter() - began)


def _answer(connection: HTTPConnection, method: str, path: str, body: str | None = None) -> Any:
    connection.request(method, path, body, {"Content-Type": "application/json"})
    answer = connection.getresponse()
    content = json.loads(answer.read())
    if "error" in content:
        raise AssertionError(content["error"])
    return content

"""Web server of the drawing page: three files, the list of classifiers, and predictions."""

import base64
import contextlib
import json
import threading
from collections.abc import AsyncIterator, Mapping
from http import HTTPStatus
from pathlib import Path
from typing import Any, Final

from starlette.applications import Starlette
from starlette.concurrency import run_in_threadpool
from starlette.datastructures import MutableHeaders
from starlette.exceptions import HTTPException
from starlette.middleware import Middleware
from starlette.middleware.trustedhost import TrustedHostMiddleware
from starlette.requests import Request
from starlette.responses import FileResponse, JSONResponse, Response
from starlette.routing import Route
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from qd_pipeline.errors import BadDrawing, BadSetting, MissingPartition, QdError
from qd_pipeline.quickdraw.sketches.points import strokes_of_points
from qd_pipeline.quickdraw.sketches.sketch import to_column
from qd_pipeline.serving.model_cache import LoadedModel, ModelCache
from qd_pipeline.serving.prediction import Ranking

MOST_BYTES: Final = 1_000_000
"""Bytes of the largest drawing taken: some 60,000 points."""

MOST_STROKES: Final = 2_000
"""Strokes of the busiest drawing taken."""

_FOLDER: Final = Path(__file__).parent
_HEADERS: Final = {
    "Content-Security-Policy": "default-src 'none'; script-src 'self'; style-src 'self'; "
    "img-src 'self' data:; connect-src 'self'; base-uri 'none'; form-action 'none'; "
    "frame-ancestors 'none'",
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Cache-Control": "no-store",
}
_STATUS: Final[Mapping[type[QdError], HTTPStatus]] = {
    BadDrawing: HTTPStatus.BAD_REQUEST,
    BadSetting: HTTPStatus.BAD_REQUEST,
    MissingPartition: HTTPStatus.NOT_FOUND,
}


def build(models: ModelCache) -> Starlette:
    """Build the web application.

    Args:
        models: The classifiers to predict with; they are loaded while the page is up already.
    """

    async def classifiers(_: Request) -> Response:
        found = await run_in_threadpool(models.refresh)
        return JSONResponse({"classifiers": [_described(each) for each in found]})

    async def predict(request: Request) -> Response:
        content = _parsed(request, await _body(request))
        return JSONResponse(await run_in_threadpool(_answer, models, content))

    @contextlib.asynccontextmanager
    async def lifespan(_: Starlette) -> AsyncIterator[None]:
        # A daemon: it holds nothing that has to be closed at the end.
        threading.Thread(target=_warm_up, args=(models,), daemon=True).start()
        yield

    return Starlette(
        routes=[
            Route("/", _file("page.html")),
            Route("/page.css", _file("page.css")),
            Route("/page.js", _file("page.js")),
            Route("/classifiers", classifiers),
            Route("/predictions", predict, methods=["POST"]),
        ],
        middleware=[
            Middleware(_Headers),
            # Requests by another site's name that resolves to this address are refused.
            Middleware(TrustedHostMiddleware, allowed_hosts=["127.0.0.1", "localhost"]),
        ],
        exception_handlers={QdError: _refused, HTTPException: _not_http},
        lifespan=lifespan,
    )


def _file(name: str) -> Any:
    async def give(_: Request) -> Response:
        return FileResponse(_FOLDER / name)

    return give


def _described(loaded: LoadedModel) -> dict[str, Any]:
    categories = loaded.predictor.classifier.class_set
    return {"class_set": loaded.key, "categories": categories, "origin": loaded.origin}


async def _body(request: Request) -> bytes:
    """Return the body of a request.

    Raises:
        BadDrawing: It is too large.
    """
    body = bytearray()
    async for chunk in request.stream():
        body += chunk
        if len(body) > MOST_BYTES:
            raise BadDrawing("the drawing", "is too large", f"send at most {MOST_BYTES:,} bytes")
    return bytes(body)


def _parsed(request: Request, body: bytes) -> dict[str, Any]:
    """Return the request's JSON object.

    Raises:
        BadDrawing: It is not what the page sends.
    """
    # A form of another site's cannot send this type.
    if request.headers.get("content-type", "").partition(";")[0].strip() != "application/json":
        raise BadDrawing("the request", "is no JSON", "send it as application/json")
    try:
        content: dict[str, Any] = json.loads(body)
    except (ValueError, RecursionError) as error:
        raise BadDrawing("the request", "is no JSON", "send a JSON object") from error
    strokes = content.get("strokes") if isinstance(content, dict) else None
    if not isinstance(strokes, list) or not isinstance(content.get("class_set"), str):
        form = '{"class_set": "8", "strokes": [[[x, …], [y, …]], …], "simplified": false}'
        raise BadDrawing("the request", "names no class set or no strokes", f"send {form}")
    if not isinstance(content.get("simplified", False), bool):
        raise BadDrawing("simplified", "is neither true nor false", "give one of them")
    if len(strokes) > MOST_STROKES:
        raise BadDrawing("the drawing", "has too many strokes", f"draw at most {MOST_STROKES:,}")
    return content


def _answer(models: ModelCache, content: Mapping[str, Any]) -> dict[str, Any]:
    loaded = models.get(content["class_set"])
    strokes = strokes_of_points(
        content["strokes"], simplified=content.get("simplified", False), layout="columns"
    )
    (ranking,) = loaded.predictor.predict(to_column([strokes]))
    return _as_json(ranking)


def _as_json(ranking: Ranking) -> dict[str, Any]:
    chances = zip(ranking.categories, ranking.probabilities, strict=True)
    return {
        "categories": [
            {"category": category, "probability": chance} for category, chance in chances
        ],
        "bitmap": base64.b64encode(ranking.bitmap.tobytes()).decode(),
    }


def _warm_up(models: ModelCache) -> None:
    """Load and trace the networks, and compile the kernels, before the first drawing."""
    strokes = strokes_of_points([[[0.0, 100.0, 40.0], [0.0, 30.0, 90.0]]], layout="columns")
    for loaded in models.refresh():
        loaded.predictor.predict(to_column([strokes]))


def _refused(_: Request, error: Exception) -> Response:
    found = (status for kind, status in _STATUS.items() if isinstance(error, kind))
    status = next(found, HTTPStatus.SERVICE_UNAVAILABLE)
    return JSONResponse({"error": str(error)}, status)


def _not_http(_: Request, error: Exception) -> Response:
    status = HTTPStatus(error.status_code if isinstance(error, HTTPException) else 500)
    return JSONResponse({"error": f"{status.phrase}."}, status)


class _Headers:
    """Middleware that adds the security headers to every answer."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        async def send_with_headers(message: Message) -> None:
            if message["type"] == "http.response.start":
                MutableHeaders(scope=message).update(_HEADERS)
            await send(message)

        await self._app(scope, receive, send_with_headers)

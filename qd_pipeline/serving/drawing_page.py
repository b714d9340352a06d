"""Web server of the drawing page: its files, classifiers, predictions and one's own test set."""

import base64
import contextlib
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
from qd_pipeline.quickdraw.sketches.files import sketches_of
from qd_pipeline.quickdraw.sketches.points import strokes_of_points
from qd_pipeline.quickdraw.sketches.simplify import Stroke
from qd_pipeline.quickdraw.sketches.sketch import Sketch
from qd_pipeline.serving import page_ink
from qd_pipeline.serving.model_cache import LoadedModel, ModelCache
from qd_pipeline.serving.own_drawings import OwnDrawings
from qd_pipeline.serving.page_requests import drawing_of, file_of
from qd_pipeline.serving.prediction import Ranking

_FOLDER: Final = Path(__file__).parent / "page"
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


def build(models: ModelCache, own: OwnDrawings) -> Starlette:
    """Build the web application.

    Args:
        models: The classifiers to predict with; they are loaded while the page is up already.
        own: Where drawings that were named are kept.
    """

    async def classifiers(_: Request) -> Response:
        found = await run_in_threadpool(models.refresh)
        return JSONResponse({"classifiers": [_described(each) for each in found]})

    async def predict(request: Request) -> Response:
        content = await drawing_of(request)
        return JSONResponse(await run_in_threadpool(_answer, models, content))

    async def sketches(request: Request) -> Response:
        name = request.query_params.get("name", "the file")[:200]
        return JSONResponse(await run_in_threadpool(_sketches, await file_of(request), name))

    async def keep(request: Request) -> Response:
        content = await drawing_of(request)
        return JSONResponse(await run_in_threadpool(_kept, models, own, content))

    @contextlib.asynccontextmanager
    async def lifespan(_: Starlette) -> AsyncIterator[None]:
        # A daemon: it holds nothing that has to be closed at the end.
        threading.Thread(target=_warm_up, args=(models,), daemon=True).start()
        yield

    return Starlette(
        routes=[
            Route("/", _file("page.html")),
            *(Route(f"/{path.name}", _file(path.name)) for path in _FOLDER.iterdir()),
            Route("/classifiers", classifiers),
            Route("/predictions", predict, methods=["POST"]),
            Route("/sketches", sketches, methods=["POST"]),
            Route("/own", keep, methods=["POST"]),
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
    return {
        "class_set": loaded.key,
        "categories": categories,
        "origin": loaded.origin,
        "synthetic": loaded.synthetic,
    }


def _answer(models: ModelCache, content: Mapping[str, Any]) -> dict[str, Any]:
    loaded = models.get(content["class_set"])
    (ranking,) = loaded.predictor.predict([Sketch(_strokes(content), ink=content["ink"])])
    return _as_json(ranking)


def _strokes(content: Mapping[str, Any]) -> list[Stroke]:
    return strokes_of_points(
        content["strokes"], simplified=content.get("simplified", False), layout="columns"
    )


def _sketches(data: bytes, name: str) -> dict[str, Any]:
    """Read a file as `qd predict` does.

    Raises:
        BadDrawing: It holds no drawing.
    """
    found, errors = sketches_of(data, name)
    if errors and not found:
        raise errors[0]
    return {
        "sketches": [
            {
                "strokes": _lists(sketch.strokes),
                "ink": None if sketch.ink is None else page_ink.encode(sketch.ink),
                "warnings": [
                    f"{name}: {warning}; see the bitmap that the network saw."
                    for warning in sketch.warnings
                ],
            }
            for sketch in found
        ],
        "errors": [str(error) for error in errors],
    }


def _lists(strokes: list[Stroke]) -> list[list[list[int]]]:
    return [[x.tolist(), y.tolist()] for x, y in strokes]


def _kept(models: ModelCache, own: OwnDrawings, content: Mapping[str, Any]) -> dict[str, Any]:
    """Add a drawing to the test set.

    Raises:
        BadSetting: It is of no category of its class set.
    """
    key, category = content["class_set"], content.get("category")
    if category not in models.get(key).predictor.classifier.class_set:
        cause = f"is not a category of class set {key}"
        raise BadSetting(str(category)[:80], cause, "choose one from the list")
    return {"drawings": own.add(key, str(category), _strokes(content)), "file": str(own.file(key))}


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
        loaded.predictor.predict([Sketch(strokes)])


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

"""What the drawing page sends, checked."""

import json
from typing import Any, Final

from starlette.requests import Request

from qd_pipeline.errors import BadDrawing
from qd_pipeline.serving import page_ink

MOST_BYTES: Final = 1_000_000
"""Bytes of the largest drawing taken: some 60,000 points."""

MOST_FILE_BYTES: Final = 20_000_000
"""Bytes of the largest file taken: a photograph, or some 20,000 drawings."""

MOST_STROKES: Final = 2_000
"""Strokes of the busiest drawing taken."""


async def drawing_of(request: Request) -> dict[str, Any]:
    """Return a drawing with the class set that it is of, as the page sends it, its ink decoded.

    Raises:
        BadDrawing: It is not what the page sends.
    """
    body = await _body(request, "application/json", MOST_BYTES)
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
    ink = content.get("ink")
    return {**content, "ink": None if ink is None else page_ink.decode(ink)}


async def file_of(request: Request) -> bytes:
    """Return the content of a file.

    Raises:
        BadDrawing: It is too large, or of another type than the page sends.
    """
    return await _body(request, "application/octet-stream", MOST_FILE_BYTES)


async def _body(request: Request, kind: str, most: int) -> bytes:
    # A form of another site's cannot send these types.
    if request.headers.get("content-type", "").partition(";")[0].strip() != kind:
        raise BadDrawing("the request", f"is no {kind}", f"send it as {kind}")
    body = bytearray()
    async for chunk in request.stream():
        body += chunk
        if len(body) > most:
            raise BadDrawing("the drawing", "is too large", f"send at most {most:,} bytes")
    return bytes(body)

"""People's own drawings, as files of any kind, to drawings in the dataset's geometry."""

import io
import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
from PIL import Image, ImageOps, UnidentifiedImageError

from qd_pipeline.errors import BadDrawing
from qd_pipeline.quickdraw.sketches.ink import COARSE_SIDE, ink_mask
from qd_pipeline.quickdraw.raster import DRAWING
from qd_pipeline.quickdraw.sketches.simplify import SIDE, RawStroke, Stroke, simplify
from qd_pipeline.quickdraw.sketches.skeleton import strokes_of_ink
from qd_pipeline.quickdraw.sketches.svg import strokes_of_svg

MOST_BYTES = 50_000_000
"""Bytes of the largest file read."""

MOST_PIXELS = 64_000_000
"""Pixels of the largest picture read."""

FORMATS = ("PNG", "JPEG", "WEBP")

# Simplifying loses less than epsilon at each edge, and rounding half a unit.
_LEAST_OF_MAXIMA = 245


def read_drawings(path: Path) -> pa.Array:
    """Read a file of one's own drawings: a picture, an SVG, or strokes as NDJSON.

    What a file is shows in its content, not in its name. A line of NDJSON is a drawing,
    `[[[x, …], [y, …]], …]`, or an object with one under the name `drawing`, as in the
    dataset's files; drawings that are not simplified yet are.

    Returns:
        list<struct<x: list<uint8>, y: list<uint8>>>: one drawing, or, of NDJSON, one a line.

    Raises:
        BadDrawing: The file cannot be read, is damaged or too large, or shows no drawing.
    """
    data = _read(path)
    try:
        if data.lstrip()[:1] in (b"{", b"["):
            return to_column([_drawing_of_line(line) for line in data.splitlines() if line.strip()])
        return to_column([strokes_of_picture(data)])
    except BadDrawing as error:
        raise BadDrawing(
            str(path), f"cannot be used, {error.culprit} {error.cause}", error.remedy
        ) from error


def strokes_of_picture(data: bytes | Path) -> list[Stroke]:
    """Find the strokes in a picture: PNG, JPEG, WebP or SVG.

    Any size, dark on light or light on dark, transparent, or photographed. The ink is thinned
    to lines, so that the width of the pen does not matter; of what is painted over, the
    outline is taken.

    Args:
        data: The picture's bytes, or where it is.

    Returns:
        The strokes, simplified as the dataset's are.

    Raises:
        BadDrawing: It is no such picture, is damaged or too large, or shows no ink.
    """
    if isinstance(data, Path):
        data = _read(data)
    if data.lstrip(b"\xef\xbb\xbf\xff\xfe\0 \t\r\n")[:1] == b"<":
        strokes = strokes_of_svg(data)
    else:
        strokes = strokes_of_ink(ink_mask(_open(data)))
    return simplify([points.T for points in strokes])


def strokes_of_points(
    strokes: Sequence[RawStroke], *, simplified: bool | None = None
) -> list[Stroke]:
    """Take strokes as a mouse, a finger or the dataset gives them, and simplify raw ones.

    Args:
        strokes: Each stroke is `(x, y)`, or raw also `(x, y, time)`: equally long sequences of
            numbers, y downwards.
        simplified: Whether they are as the dataset's simplified ones, which are taken as they
            are; None to tell by whether they are whole numbers that fill the box of 255.

    Raises:
        BadDrawing: They are no strokes, or not the simplified ones that they should be.

    >>> [(x, y)] = strokes_of_points([[[0, 10], [0, 5]]])
    >>> x.tolist(), y.tolist()
    ([0, 255], [0, 128])
    >>> [(x, y)] = strokes_of_points([[[0, 10], [0, 5]]], simplified=True)
    >>> x.tolist(), y.tolist()
    ([0, 10], [0, 5])
    """
    if simplified is False:
        return simplify(strokes)
    whole = _whole(strokes)
    if simplified and whole is None:
        raise BadDrawing(
            "the drawing",
            "is not simplified",
            "give whole numbers of 0 to 255, as [[[x, …], [y, …]], …], or leave it to us",
        )
    if whole is None or not (simplified or _fills_the_box(whole)):
        return simplify(strokes)
    return whole


def to_column(drawings: Sequence[Sequence[Stroke]]) -> pa.Array:
    """Give drawings as Arrow holds them, ready to be drawn.

    >>> drawing = [(np.array([0, 9], np.uint8), np.array([3, 4], np.uint8))]
    >>> to_column([drawing]).to_pylist()
    [[{'x': [0, 9], 'y': [3, 4]}]]
    """
    return pa.array([[{"x": x, "y": y} for x, y in strokes] for strokes in drawings], type=DRAWING)


def _read(path: Path) -> bytes:
    try:
        with path.open("rb") as file:
            data = file.read(MOST_BYTES + 1)
    except OSError as error:
        raise BadDrawing(
            str(path), f"cannot be read ({error.strerror})", "give a file that can"
        ) from error
    if len(data) > MOST_BYTES:
        raise BadDrawing(str(path), "is too large", f"give at most {MOST_BYTES:,} bytes")
    return data


def _open(data: bytes) -> Image.Image:
    """Open a picture, upright, without reading more of it than is needed."""
    try:
        picture = Image.open(io.BytesIO(data), formats=FORMATS)
        if picture.width * picture.height <= MOST_PIXELS:
            picture.draft(None, (2 * COARSE_SIDE, 2 * COARSE_SIDE))
            upright: Image.Image = ImageOps.exif_transpose(picture)
            return upright
    except UnidentifiedImageError as error:
        raise BadDrawing(
            "the picture",
            "is no PNG, JPEG, WebP or SVG",
            "save it as one of these, or give strokes as NDJSON",
        ) from error
    except (Image.DecompressionBombError, Image.DecompressionBombWarning):
        pass
    except (OSError, SyntaxError, ValueError, EOFError) as error:
        raise BadDrawing("the picture", f"is damaged ({error})", "save it again") from error
    raise BadDrawing(
        "the picture", "is too large", f"give at most {MOST_PIXELS // 1_000_000} million pixels"
    )


def _drawing_of_line(line: bytes) -> list[Stroke]:
    try:
        content: Any = json.loads(line)
    except (ValueError, RecursionError) as error:
        raise BadDrawing(
            "a line", "is no JSON", "give a drawing a line, as in the dataset's files"
        ) from error
    strokes = content.get("drawing") if isinstance(content, dict) else content
    if not isinstance(strokes, list):
        raise BadDrawing(
            "a line", "holds no drawing", 'give {"drawing": [[[x, …], [y, …]], …]} or its value'
        )
    if isinstance(content, dict) and "key_id" in content and (whole := _whole(strokes)):
        return whole  # a few of the dataset's simplified drawings do not fill the box
    return strokes_of_points(strokes)


def _whole(strokes: Sequence[RawStroke]) -> list[Stroke] | None:
    """Give a drawing as it is if it consists of whole numbers within the box."""
    try:
        rows = [(np.array(stroke[0]), np.array(stroke[1])) for stroke in strokes]
    except (IndexError, KeyError, TypeError, ValueError):
        return None
    whole = all(
        len(stroke) == 2  # noqa: PLR2004 (x, y and no times)
        and x.dtype.kind == y.dtype.kind == "i"
        and x.ndim == y.ndim == 1
        and len(x) == len(y)
        for stroke, (x, y) in zip(strokes, rows, strict=True)
    )
    if not rows or not whole:
        return None
    everything = np.concatenate([row for pair in rows for row in pair])
    if not 0 <= everything.min() <= everything.max() <= SIDE:
        return None
    return [(x.astype(np.uint8), y.astype(np.uint8)) for x, y in rows]


def _fills_the_box(strokes: Sequence[Stroke]) -> bool:
    return max(int(row.max()) for pair in strokes for row in pair) >= _LEAST_OF_MAXIMA

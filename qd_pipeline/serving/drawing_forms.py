"""Drawings in any form in which people send them, read for `prediction.Predictor`."""

from __future__ import annotations

import base64
import binascii
import functools
import io
import json
from collections.abc import Iterable
from numbers import Real
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import unquote, unquote_to_bytes

import numpy as np
import pyarrow as pa
from PIL import Image

from qd_pipeline.errors import BadDrawing
from qd_pipeline.quickdraw.flat import DRAWING
from qd_pipeline.quickdraw.sketches.pictures import sketch_of_picture
from qd_pipeline.quickdraw.sketches.points import (
    AmbiguousLayout,
    common_layout,
    drawing_of,
    fits_points,
    is_of_the_dataset,
    named_rows,
    strokes_of_points,
    whole_strokes,
)
from qd_pipeline.quickdraw.sketches.sketch import Sketch

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from qd_pipeline.quickdraw.sketches.points import Layout

_FORMS: Final = "give strokes, [[[x, …], [y, …]], …], or a picture as Base64 or as an array"
_LISTS: Final = (
    "give each drawing as a list of strokes, [[[x, …], [y, …]], …], and several drawings, as in "
    '{"inputs": {"drawing": […]}}, as a list of those'
)
_LEAST: Final = 8
"""Pixels of the smallest side of a picture as an array; strokes have two or three rows."""

_WHITE: Final = 255


def sketches_of(
    given: Sequence[Any], simplified: Sequence[bool | None], layout: Layout | None = None
) -> list[Sketch]:
    """Read several drawings in any form, ready for `Predictor.predict`.

    Args:
        given: As `sketch_of` takes each.
        simplified: For each, what `sketch_of` takes.
        layout: As `sketch_of` takes it. A drawing that does not show it has that of those
            that do, if it is one.

    Raises:
        BadDrawing: One of them is no drawing or can be read either way, or the lengths differ.
    """
    if len(given) != len(simplified):
        raise BadDrawing(
            "the column simplified",
            f"has {len(simplified)} values for {len(given)} drawings",
            "give one for each drawing, or leave it out",
        )
    read = functools.partial(sketch_of, layout=layout)
    pairs = list(zip(given, simplified, strict=True))
    try:
        return [read(each, simplified=told) for each, told in pairs]
    except AmbiguousLayout:
        parsed = map(_parsed, given)
        ambiguous = common_layout(each for each in parsed if not _is_picture(each))
        if ambiguous is None:
            raise
    return [read(each, simplified=told, ambiguous=ambiguous) for each, told in pairs]


def readable(drawings: Any, layout: Layout | None = None) -> pa.Array | list[Sketch]:
    """Read drawings in any form, ready for `Predictor.predict`: a column as it is.

    Args:
        drawings: A stroke table, of Arrow or pandas, or its column `drawing`; or a sequence of
            drawings, or one, in any form that `sketch_of` takes.
        layout: As `sketches_of` takes it.

    Raises:
        BadDrawing: One of them is no drawing, or can be read either way.

    >>> (sketch,) = readable(['{"drawing": [[[0, 255, 128], [0, 128, 0]]]}'])
    >>> len(sketch.strokes)
    1
    """
    if hasattr(drawings, "columns"):  # a table, of Arrow or pandas
        if "drawing" not in getattr(drawings, "column_names", drawings.columns):
            raise BadDrawing("the table", "has no column drawing", "give a stroke table")
        drawings = drawings["drawing"]
    if not isinstance(drawings, Iterable) or isinstance(drawings, str | bytes):
        drawings = [drawings]
    if isinstance(drawings, pa.ChunkedArray):
        drawings = drawings.combine_chunks()
    if isinstance(drawings, pa.Array) and drawings.type == DRAWING:
        return drawings
    given = drawings.to_pylist() if isinstance(drawings, pa.Array) else list(drawings)
    return sketches_of(given, [None] * len(given), layout)


def sketch_of(
    given: Any,
    *,
    simplified: bool | None = None,
    layout: Layout | None = None,
    ambiguous: Layout | None = None,
) -> Sketch:
    """Read a drawing in any form that can be sent.

    Args:
        given: Strokes `[[[x, …], [y, …]], …]`, or lists of points where the shape leaves no
            doubt, or strokes as the stroke table has them, `[{"x": […], "y": […]}, …]`, or an
            object with any of them under the name `drawing`, or all of these as JSON text, a line
            of NDJSON for example; a picture (PNG, JPEG, WebP, SVG) as bytes, as Base64 text, as
            data URL, or an SVG as text; or its pixels as an array, (height, width) in grey, of 0
            to 255 or as floats of 0 to 1, or `uint8 (height, width, 3 or 4)` in colour.
        simplified: Whether strokes are simplified already; None to tell by their geometry.
        layout: How strokes are laid out, which few points do not show; None to tell by shape.
        ambiguous: The layout where the shape does not show it; None to refuse the drawing, unless
            it stands beside other names of the dataset.

    Raises:
        BadDrawing: It is none of these, shows no drawing, or can be read either way.

    >>> [(x, y)] = sketch_of("[[[0, 10, 10, 4], [0, 5, 2, 0]]]").strokes
    >>> x.tolist(), y.tolist()
    ([0, 255, 255, 102], [0, 127, 51, 0])
    """
    if isinstance(given, bytes):
        return sketch_of_picture(given)
    if isinstance(given, str):
        text = given.strip()
        if text[:1] not in {"[", "{"}:
            return sketch_of_picture(_decoded(text))
        given = _parsed(text)
        if given is None:
            raise BadDrawing("the drawing", "is no JSON", "give [[[x, …], [y, …]], …]")
    if isinstance(given, dict):
        if named_rows(given) is not None:
            raise BadDrawing("the drawing", "is one stroke alone", _LISTS)
        if is_of_the_dataset(given):
            ambiguous = "columns"
        return sketch_of(
            drawing_of(given), simplified=simplified, layout=layout, ambiguous=ambiguous
        )
    if not isinstance(given, list | tuple | np.ndarray):
        what = "is missing" if given is None else f"is a {type(given).__name__}"
        raise BadDrawing("the drawing", what, _FORMS)
    return _of_rows(given, simplified, layout, ambiguous)


def _is_picture(given: Any) -> bool:
    return isinstance(given, list | tuple | np.ndarray) and _png(given) is not None


def _parsed(given: Any) -> Any:
    """Parse a drawing if it is text: to None if that is no JSON."""
    try:
        return json.loads(given) if isinstance(given, str) else given
    except (ValueError, RecursionError):
        return None


def _of_rows(
    given: Sequence[Any] | NDArray[Any],
    simplified: bool | None,  # noqa: FBT001 (as `sketch_of` takes it)
    layout: Layout | None,
    ambiguous: Layout | None,
) -> Sketch:
    """Read pixels, or strokes as rows, points or structs."""
    picture = _png(given)
    if picture is not None:
        return sketch_of_picture(picture)
    if len(given) and all(isinstance(stroke, dict) for stroke in given):
        rows: list[Any] = [named_rows(each) or ((), ()) for each in given]
        given = [[np.asarray(row).tolist() for row in stroke] for stroke in rows]
        layout = "columns"
        # The stroke table's are simplified, whether or not they fill the box.
        if simplified is None and whole_strokes(given) is not None:
            simplified = True
    if any(isinstance(each, str | bytes) for each in given):
        raise BadDrawing("the drawing", "is a list of texts", "give each drawing a row of its own")
    rows = [each if isinstance(each, list | tuple | np.ndarray) else [each] for each in given]
    numbers = [number for row in rows for number in row]
    if numbers and all(isinstance(number, Real) for number in numbers):
        raise BadDrawing("the drawing", "is one stroke alone, or a row of a picture", _LISTS)
    strokes = strokes_of_points(
        given,  # type: ignore[arg-type]  # what it takes is checked there
        simplified=simplified,
        layout=layout,
        ambiguous=ambiguous,
    )
    return Sketch(strokes)


def _png(pixels: Sequence[Any] | NDArray[Any]) -> bytes | None:
    """Return a picture of an array of pixels, or None for strokes, which nest one level deeper."""
    try:
        array = np.asarray(pixels)
    except ValueError:  # rows of different lengths
        return None
    numeric = array.dtype.kind in "buif"
    grey = numeric and array.ndim == 2  # noqa: PLR2004 (height and width)
    coloured = numeric and array.ndim == 3 and array.shape[2] in {3, 4}  # noqa: PLR2004
    if not (grey or coloured) or min(array.shape[:2]) < _LEAST:
        return None
    # Strokes as points with times have three numbers too, but are no bytes.
    if coloured and array.dtype != np.uint8 and _have_times(array) and fits_points(pixels):
        return None
    if array.dtype.kind in "bf" and array.max() <= 1:
        array = array * 255.0
    stream = io.BytesIO()
    Image.fromarray(np.clip(array, 0, 255).astype(np.uint8)).save(stream, "PNG")
    return stream.getvalue()


def _have_times(array: NDArray[Any]) -> bool:
    """Test whether points are no colours: too large, or with times that rise in each stroke."""
    times = array[..., 2]
    rise = (np.diff(times) >= 0).all() and (times[:, 0] < times[:, -1]).all()
    return bool(rise or array.min() < 0 or array.max() > _WHITE)


def _decoded(text: str) -> bytes:
    """Return the bytes of a picture that is a data URL, Base64 of any kind, or SVG."""
    if text.startswith("<"):
        return text.encode()
    if text[:5].lower() == "data:":
        header, comma, text = text.partition(",")
        if comma and not header.lower().endswith(";base64"):
            return unquote_to_bytes(text)
        text = unquote(text)
    # In lines or one, for addresses or not, with or without what fills up the last four.
    text = "".join(line.strip() for line in text.splitlines()).rstrip("=")
    text = text.translate(str.maketrans("-_", "+/"))
    try:
        return base64.b64decode(text + "=" * (-len(text) % 4), validate=True)
    except (binascii.Error, ValueError) as error:
        cause = "is a text that is neither JSON nor Base64 nor a data URL"
        raise BadDrawing("the drawing", cause, _FORMS) from error

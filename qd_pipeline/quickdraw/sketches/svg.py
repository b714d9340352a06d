"""SVG drawings to strokes: lines are taken as they are, filled shapes are thinned.

Many drawing programs store what a pen drew as the filled outline of the line, so a shape that
is only filled is ink, not a contour.
"""

import io
import re
from collections.abc import Iterator
from typing import Any, NamedTuple
from xml.etree.ElementTree import ParseError

import numpy as np
from PIL import Image, ImageChops, ImageDraw
from svgelements import SVG, Close, Line, Move, Path, Shape

from qd_pipeline.errors import BadDrawing
from qd_pipeline.quickdraw.sketches.ground import Mask
from qd_pipeline.quickdraw.sketches.ink import INK_SIDE
from qd_pipeline.quickdraw.sketches.simplify import Points
from qd_pipeline.quickdraw.sketches.skeleton import strokes_of_ink

MOST_BYTES = 5_000_000
"""Bytes of the largest SVG read."""

CURVE_POINTS = 25
"""Points taken of each curve."""

GROUND_SHARE = 0.98
"""Share of the drawing's box from which a filled shape is its ground."""

# Entities and references multiply a small file without bound.
_MULTIPLIERS = re.compile(rb"<!ENTITY|<(?:\w+:)?use[\s/>]", re.IGNORECASE)


class _Outline(NamedTuple):
    """The polylines of one shape, and whether they are drawn as lines or only filled."""

    lines: list[Points]
    drawn: bool


def strokes_of_svg(data: bytes) -> tuple[list[Points], tuple[str, ...]]:
    """Give the strokes of an SVG: of its paths, lines, polylines and shapes.

    Text, pictures and what is invisible are left out, and so is a filled ground.

    Returns:
        `float64 (points, 2)` each, in the SVG's units, y downwards.

    Raises:
        BadDrawing: The SVG is damaged, too large, refers to entities or to other parts of
            itself, or holds no shape.
    """
    if len(data) > MOST_BYTES:
        raise BadDrawing("the SVG", f"has {len(data):,} bytes", f"give at most {MOST_BYTES:,}")
    if _MULTIPLIERS.search(data.replace(b"\0", b"")):
        raise BadDrawing("the SVG", "holds entities or <use>", "export it with plain paths")
    try:
        outlines = list(_outlines(SVG.parse(io.BytesIO(data))))
    except ParseError as error:
        raise BadDrawing("the SVG", f"is damaged ({error})", "export it again") from error
    except (ArithmeticError, AttributeError, LookupError, RecursionError, TypeError, ValueError):
        raise BadDrawing("the SVG", "is damaged", "export it again with plain paths") from None
    outlines = _without_ground(outlines)
    if not outlines:
        raise BadDrawing("the SVG", "holds no visible lines or shapes", "draw at least one stroke")
    if all(outline.drawn for outline in outlines):
        return [line for outline in outlines for line in outline.lines], ()
    return strokes_of_ink(_inked(outlines)), ()


def _outlines(svg: Any) -> Iterator[_Outline]:
    for element in svg.elements():
        if not isinstance(element, Shape) or element is svg:
            continue
        drawn = element.stroke is not None and element.stroke.value is not None
        filled = element.fill is not None and element.fill.value is not None
        if element.values.get("visibility") == "hidden" or not (drawn or filled):
            continue
        lines = [line for part in Path(element).as_subpaths() if len(line := _points(part))]
        if not all(np.isfinite(line).all() for line in lines):
            raise ValueError("a coordinate is not finite")
        if lines:
            yield _Outline(lines, drawn)


def _points(part: Any) -> Points:
    """Give one run of a path's segments as a polyline."""
    runs: list[Any] = []
    for segment in part:
        if isinstance(segment, (Move, Line, Close)):
            if segment.end is not None:
                runs.append([segment.end])
        else:
            runs.append(segment.npoint(np.linspace(0, 1, CURVE_POINTS)))
    return np.array([tuple(point) for run in runs for point in run], np.float64).reshape(-1, 2)


def _without_ground(outlines: list[_Outline]) -> list[_Outline]:
    """Leave out filled rectangles that are as large as everything."""
    if len(outlines) <= 1:
        return outlines
    everything = np.concatenate([line for outline in outlines for line in outline.lines])
    area = np.ptp(everything, axis=0).prod() * GROUND_SHARE
    return [
        outline
        for outline in outlines
        if outline.drawn or max(abs(_area(line)) for line in outline.lines) < area
    ]


def _area(line: Points) -> float:
    """Area within a polyline, by the shoelace formula."""
    x, y = line.T
    return float((x * np.roll(y, -1) - y * np.roll(x, -1)).sum()) / 2


def _inked(outlines: list[_Outline]) -> Mask:
    """Draw lines and fill shapes as large as ink found in a picture."""
    everything = np.concatenate([line for outline in outlines for line in outline.lines])
    corner = everything.min(0)
    scale = (INK_SIDE - 1) / max(float(np.ptp(everything, axis=0).max()), 1e-9)
    size = tuple((np.ptp(everything, axis=0) * scale).astype(int) + 1)
    mask = Image.new("L", size)
    for outline in outlines:
        layer = Image.new("L", size)
        for line in outline.lines:
            placed = [tuple(point) for point in ((line - corner) * scale).tolist()]
            part = Image.new("L", size)
            pen = ImageDraw.Draw(part)
            if outline.drawn or len(placed) <= 2:  # noqa: PLR2004 (no area)
                pen.line(placed, fill=255, width=INK_SIDE // 64)
                layer = ImageChops.lighter(layer, part)
            else:
                pen.polygon(placed, fill=255)
                # A contour within a contour is a hole.
                layer = ImageChops.difference(layer, part)
        mask = ImageChops.lighter(mask, layer)
    return np.asarray(mask) > 0

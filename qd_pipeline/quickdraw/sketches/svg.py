"""SVG drawings to strokes: plain lines are taken as they are, everything else is painted.

Strokes that are plainly visible keep their order and their exact course. Where fills, opacity,
style sheets, masks, references or strokes in the page's own colour decide what is seen, the SVG
is painted by resvg and read as a picture.
"""

import io
from typing import Any
from xml.etree.ElementTree import Element, tostring

import numpy as np
from PIL import ImageColor
from svgelements import SVG, Close, CubicBezier, Line, Move, Path, Rect, Shape

from qd_pipeline.errors import BadDrawing
from qd_pipeline.quickdraw.sketches.ground import Ground, Mask, contrast_to, flat_colour
from qd_pipeline.quickdraw.sketches.ink import find_ink
from qd_pipeline.quickdraw.sketches.simplify import Points
from qd_pipeline.quickdraw.sketches.svg_paint import page_colour, paint
from qd_pipeline.quickdraw.sketches.svg_styles import put_styles
from qd_pipeline.quickdraw.sketches.svg_tree import local_name, paint_values, parse

CURVE_POINTS = 25
"""Points taken of each curve."""

VISIBLE = 0.25
"""Contrast to the page from which a line is plainly visible."""

MIN_WIDTH = 1 / 5000
"""Share of the viewport's longer side below which the width of a line is not seen."""

COVERS = 0.98
"""Share of the viewport's sides from which a filled rectangle is the page."""

_PLAIN_TAGS = {"svg", "g", "path", "line", "polyline", "polygon", "rect", "circle", "ellipse"}
_UNSEEN_TAGS = {"title", "desc", "metadata", "defs"}
_OPAQUE = {"opacity", "stroke-opacity", "fill-opacity"}
_DECIDING = {
    "class", "clip", "clip-path", "display", "filter", "marker", "marker-end", "marker-mid",
    "marker-start", "mask", "mix-blend-mode", "overflow", "paint-order", "stroke-dasharray",
    "visibility",
}  # fmt: skip
_QUADRILATERAL = {4, 5}
_ONES = {"1", "1.0", "100%"}


def lines_or_ink(data: bytes) -> tuple[list[Points] | Mask, tuple[str, ...]]:
    """Find the lines of an SVG, as a browser shows it on a white page, or its ink.

    Text and linked pictures are left out. What is light throughout is shown on a black page.

    Returns:
        Of an SVG of plain lines these, `float64 (points, 2)` each, y downwards; of another the
        mask of its ink, painted, as `find_ink` returns it; and warnings.

    Raises:
        BadDrawing: The SVG is damaged, too large, holds entities, or shows nothing.
    """
    root, left_out = parse(data)
    warnings = tuple(dict.fromkeys([*left_out, *put_styles(root)]))
    damaged = False
    try:
        if lines := _plain_lines(root):
            return lines, warnings
    except (ArithmeticError, AttributeError, LookupError, RecursionError, TypeError, ValueError):
        damaged = True  # or in units that only browsers and resvg know
    for page, notes in (
        (page_colour(root), ()),
        ("black", ("its paint is light and its page transparent: a black page was assumed",)),
    ):
        try:
            ink = find_ink(paint(root, page))
        except BadDrawing as error:
            if error.culprit != "the picture":
                raise
            continue
        return ink.mask, warnings + notes + ink.warnings
    if damaged:
        raise BadDrawing("the SVG", "is damaged", "export it again with plain paths")
    cause = "; ".join(("holds no visible lines or shapes", *warnings))
    raise BadDrawing("the SVG", cause, "draw at least one stroke")


def _plain_lines(root: Element) -> list[Points] | None:
    """Return the lines of an SVG that consists of plainly visible ones, else None."""
    if not all(_is_plain(element, root) for element in root.iter()):
        return None
    svg = SVG.parse(io.BytesIO(tostring(root)))
    page = flat_colour(ImageColor.getrgb(page_colour(root))[:3])
    lines: list[Points] = []
    for element in svg.elements():
        if not isinstance(element, Shape) or element is svg:
            continue
        drawn = element.stroke is not None and element.stroke.value is not None
        parts = [line for part in Path(element).as_subpaths() if len(line := _points(part))]
        painted = element.fill is not None and element.fill.value is not None
        filled = painted and any(_has_area(line) for line in parts)
        if filled and not lines and not drawn and _covers(element, svg):
            page = flat_colour(_rgb(element.fill))
            continue
        if filled or (drawn and not (_stands_out(element, page) and _has_width(element, svg))):
            return None
        if drawn and lines and _goes_on(lines[-1], element):
            lines[-1] = np.concatenate([lines[-1], parts[0][1:]])
        elif drawn:
            lines += parts
    if not all(np.isfinite(line).all() for line in lines):
        raise ValueError("a coordinate is not finite")
    doubtful = _has_frame(lines) or not all(_within(line, svg) for line in lines)
    return None if doubtful else lines


def _is_plain(element: Element, root: Element) -> bool:
    """Test whether an element's own attributes leave no doubt that its lines are seen."""
    name = local_name(element)
    values = paint_values(element)
    if name in _UNSEEN_TAGS or name is None:
        return not len(element) or name != "defs"
    return (
        name in _PLAIN_TAGS
        and (name != "svg" or element is root)
        and not (values.keys() & _DECIDING)
        and all(values.get(key, "1") in _ONES for key in _OPAQUE)
        and values.get("stroke-width", "1").rstrip("px%") not in {"0", "0.0"}
        and not any("url(" in values.get(key, "") for key in ("fill", "stroke"))
        and values.get("stroke", "") not in {"transparent", "currentColor", "currentcolor"}
    )


def _stands_out(element: Any, page: Ground) -> bool:
    opaque = element.stroke.alpha == 255  # noqa: PLR2004
    colour = np.array(_rgb(element.stroke), np.uint8).reshape(1, 1, 3)
    return bool(opaque and contrast_to(colour, page).max() >= VISIBLE)


def _has_width(element: Any, svg: Any) -> bool:
    least = MIN_WIDTH * max(float(svg.width), float(svg.height))
    return bool(float(element.stroke_width or 0) >= least)


def _rgb(colour: Any) -> tuple[int, int, int]:
    return colour.red, colour.green, colour.blue


def _covers(element: Any, svg: Any) -> bool:
    """Test whether a shape is an opaque rectangle as large as the viewport."""
    if not isinstance(element, Rect) or element.fill.alpha != 255:  # noqa: PLR2004
        return False
    left, top, right, bottom = element.bbox()
    width, height = float(svg.width), float(svg.height)
    seen = min(right, width) - max(left, 0), min(bottom, height) - max(top, 0)
    return bool(min(seen) > 0 and seen[0] >= COVERS * width and seen[1] >= COVERS * height)


def _has_area(line: Points) -> bool:
    """Test whether a polyline is not straight, so that its fill is seen."""
    x, y = (line - line[0]).T
    return bool((x * np.roll(y, -1) != y * np.roll(x, -1)).any())


def _within(line: Points, svg: Any) -> bool:
    """Test whether a line is within the viewport, outside of which a browser shows nothing."""
    if svg.values.get("width") is None and svg.values.get("viewBox") is None:
        return True
    size = np.array([float(svg.width), float(svg.height)])
    return bool((line >= 0).all() and (line <= size).all())


def _has_frame(lines: list[Points]) -> bool:
    """Test whether a quadrilateral encloses all other lines, as a frame does."""
    boxes = np.array([[*line.min(0), *-line.max(0)] for line in lines]).reshape(-1, 4)
    return len(lines) > 1 and any(
        len(line) in _QUADRILATERAL and bool((box <= boxes).all())
        for line, box in zip(lines, boxes, strict=True)
    )


def _goes_on(line: Points, element: Any) -> bool:
    """Test whether an element is one curve that goes on where a line ends.

    Pages for signatures write each curve by itself, for its width changes with the pen's speed.
    """
    first, *curves = Path(element)
    single = isinstance(first, Move) and len(curves) == 1 and isinstance(curves[0], CubicBezier)
    return single and bool(np.array_equal(line[-1], tuple(first.end)))


def _points(part: Any) -> Points:
    """Convert one run of a path's segments to a polyline."""
    runs: list[Any] = []
    for segment in part:
        if isinstance(segment, (Move, Line, Close)):
            if segment.end is not None:
                runs.append([segment.end])
        else:
            runs.append(segment.npoint(np.linspace(0, 1, CURVE_POINTS)))
    return np.array([tuple(point) for run in runs for point in run], np.float64).reshape(-1, 2)

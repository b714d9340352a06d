"""Paint an SVG with resvg, as a browser shows it."""

import copy
import io
import math
import re
from typing import Final
from xml.etree.ElementTree import Element, tostring

import resvg_py
from PIL import Image, ImageColor
from svgelements import SVG

from qd_pipeline.errors import BadDrawing
from qd_pipeline.quickdraw.sketches.svg_tree import NUMBER, paint_values

SIDE: Final = 1200
"""Pixels of the longer side that is painted."""

MIN_SIDE: Final = 8
"""Pixels of the shorter side that is painted at least."""

MARGIN: Final = 1.05
"""How far a page without a size extends, for an extent of the shapes of 1: strokes have a width."""

# CSS pixels in a unit; percentages depend on the window.
_UNITS: Final = {
    "": 1.0, "px": 1.0, "pt": 4 / 3, "pc": 16.0, "in": 96.0, "cm": 96 / 2.54, "mm": 96 / 25.4,
}  # fmt: skip
_LENGTH: Final = re.compile(rf"({NUMBER})\s*(px|pt|pc|in|cm|mm)?", re.IGNORECASE)

_SIDES: Final = 1e-9, 1e9
"""Smallest and largest side of a page whose scale can be computed."""


def page_colour(root: Element) -> str:
    """Return the colour of the page: the root element's background, else white."""
    values = paint_values(root)
    for key in ("background-color", "background"):
        try:
            red, green, blue, *alpha = ImageColor.getrgb(values.get(key, ""))
        except ValueError:
            continue
        if not alpha or alpha[0]:
            return f"#{red:02x}{green:02x}{blue:02x}"
    return "#ffffff"


def paint(root: Element, page: str) -> Image.Image:
    """Paint an SVG on a page of one colour, its longer side `SIDE` pixels.

    Args:
        root: As `svg_tree.parse` cleans it.
        page: A CSS colour.

    Returns:
        A picture, mode RGB.

    Raises:
        BadDrawing: It cannot be painted.
    """
    sized = copy.copy(root)
    width, height, view = _size(root)
    scale = SIDE / max(width, height)
    width, height = (max(MIN_SIDE, round(side * scale)) for side in (width, height))
    sized.attrib |= {"width": str(width), "height": str(height)}
    if view is not None:
        sized.set("viewBox", view)
    try:
        painted = resvg_py.svg_to_bytes(
            svg_string=tostring(sized, encoding="unicode"), background=page, skip_system_fonts=True
        )
    except (ValueError, RecursionError) as error:
        raise BadDrawing("the SVG", f"is damaged ({error})", "export it again") from error
    return Image.open(io.BytesIO(painted)).convert("RGB")


def _size(root: Element) -> tuple[float, float, str | None]:
    """Return the viewport's width and height, and a `viewBox` if the SVG has none."""
    width, height = (_pixels(root.get(side)) for side in ("width", "height"))
    numbers = [float(number) for number in re.findall(NUMBER, root.get("viewBox", ""))]
    if len(numbers) == 4 and all(_is_side(number) for number in numbers[2:]):  # noqa: PLR2004
        if width and height:
            return width, height, None
        return numbers[2], numbers[3], None
    if not (width and height):
        # A browser shows an SVG without a size in the whole of its window.
        right, bottom = _extent(root)
        width, height = width or right, height or bottom
    return width, height, f"0 0 {width} {height}"


def _extent(root: Element) -> tuple[float, float]:
    """Return how far the shapes extend to the right and down, at least as a browser's frame."""
    try:
        _, _, right, bottom = SVG.parse(io.BytesIO(tostring(root))).bbox()
    except (ArithmeticError, AttributeError, LookupError, RecursionError, TypeError, ValueError):
        right = bottom = 0.0
    right, bottom = (MARGIN * side if math.isfinite(side) else 0.0 for side in (right, bottom))
    return max(300.0, right), max(150.0, bottom)


def _pixels(length: str | None) -> float | None:
    match = _LENGTH.fullmatch((length or "").strip())
    pixels = float(match[1]) * _UNITS[(match[2] or "").lower()] if match else 0.0
    return pixels if _is_side(pixels) else None


def _is_side(pixels: float) -> bool:
    return _SIDES[0] < pixels < _SIDES[1]

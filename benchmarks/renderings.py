"""Drawings as people hand them in: from a paint program, or photographed on paper.

What they differ by (size, place, line width, colours, light, noise) is drawn by chance from a
generator given, so that a measurement can be repeated.
"""

import io
from collections.abc import Sequence
from typing import Any, TypeAlias

import numpy as np
import numpy.typing as npt
from PIL import Image, ImageDraw, ImageFilter

Drawing: TypeAlias = Sequence[Sequence[Any]]
"""Strokes of at least one point, each `(x, y)`: rows of coordinates in 0-255."""

Size: TypeAlias = tuple[int, int]
"""Width and height in pixels."""

Light: TypeAlias = npt.NDArray[np.float64]

SUPERSAMPLING = 4


def paint_program(drawing: Drawing, rng: np.random.Generator) -> bytes:
    """Draw as with a round brush in a paint program.

    The canvas has 100-1500 pixels a side; brush and ground are dark on light, light on dark,
    or any colour on transparent.

    Returns:
        A PNG.
    """
    width, height = np.exp(rng.uniform(np.log(100), np.log(1500), 2)).astype(int).tolist()
    size = (width, height)
    ink = _ink(drawing, size, rng, width=(0.012, 0.06), turn=0)
    if rng.random() < 1 / 5:  # a brush without anti-aliasing
        ink = ink.point([0] * 128 + [255] * 128)
    dark, light = rng.integers(0, 90, 3), rng.integers(190, 256, 3)
    ground, brush = (dark, light) if rng.random() < 1 / 3 else (light, dark)
    if rng.random() < 1 / 4:
        picture = Image.new("RGBA", size, (*map(int, brush), 0))
        picture.putalpha(ink)
    else:
        picture = Image.new("RGB", size, tuple(map(int, ground)))
        picture.paste(tuple(map(int, brush)), mask=ink)
        if rng.random() < 1 / 5:
            picture = picture.quantize(16)
    return _encoded(picture, "PNG")


def phone_photo(drawing: Drawing, rng: np.random.Generator) -> bytes:
    """Draw as with a pen or pencil on paper, photographed by hand.

    The photo has 600-1500 pixels a side, is turned by up to 5 degrees, lit from one side with
    darker corners and sometimes a shadow, a little blurred, noisy, and compressed.

    Returns:
        A JPEG.
    """
    width, height = rng.integers(600, 1501, 2).tolist()
    size = (width, height)
    ink = _ink(drawing, size, rng, width=(0.008, 0.03), turn=np.deg2rad(rng.uniform(-5, 5)))
    ink = ink.filter(ImageFilter.GaussianBlur(rng.uniform(0.5, 2)))
    paper = rng.uniform(0.75, 1.0) * np.array([1, rng.uniform(0.95, 1), rng.uniform(0.85, 1)])
    pen = rng.uniform(0.05, 0.45) * rng.uniform(0.6, 1, 3)
    cover = np.asarray(ink, np.float64)[..., None] / 255
    seen = (paper * (1 - cover) + pen * cover) * _light(size, rng)[..., None]
    noise = rng.normal(0, rng.uniform(0.005, 0.03), seen.shape[:2])
    picture = Image.fromarray(((seen + noise[..., None]).clip(0, 1) * 255).astype(np.uint8))
    return _encoded(picture, "JPEG", quality=int(rng.integers(40, 95)))


def _light(size: Size, rng: np.random.Generator) -> Light:
    """Give the light on the paper, (height, width), about 1 where it is brightest."""
    x, y = np.meshgrid(np.linspace(-1, 1, size[0]), np.linspace(-1, 1, size[1]))
    angle = rng.uniform(0, 2 * np.pi)
    along = x * np.cos(angle) + y * np.sin(angle)
    light = 1 - rng.uniform(0, 0.25) * (1 + along) - rng.uniform(0, 0.2) * (x**2 + y**2)
    if rng.random() < 1 / 3:
        edge = rng.uniform(-0.8, 0.8)
        softness = rng.uniform(0.03, 0.3)
        light *= 1 - rng.uniform(0.1, 0.4) / (1 + np.exp((edge - along) / softness))
    return np.asarray(light, np.float64)


def _ink(
    drawing: Drawing,
    size: Size,
    rng: np.random.Generator,
    *,
    width: tuple[float, float],
    turn: float,
) -> Image.Image:
    """Draw the strokes somewhere on a canvas, as a mask of mode L.

    Args:
        drawing: The strokes.
        size: Width and height of the canvas in pixels.
        rng: Chooses the drawing's extent (40-90 % of the shorter side), its place and its width.
        width: Least and greatest line width, as shares of the drawing's extent.
        turn: Radians to turn the drawing by.
    """
    factor = SUPERSAMPLING if max(size) <= 800 else SUPERSAMPLING // 2  # noqa: PLR2004 (memory)
    strokes = [np.column_stack(stroke[:2]).astype(np.float64) for stroke in drawing]
    rotation = np.array([[np.cos(turn), np.sin(turn)], [-np.sin(turn), np.cos(turn)]])
    strokes = [points @ rotation for points in strokes]
    everything = np.concatenate(strokes)
    extent = max(float(np.ptp(everything, 0).max()), 1.0)
    scale = rng.uniform(0.4, 0.9) * min(size) / extent
    brush = max(1.0, rng.uniform(*width) * extent * scale)
    room = np.array(size) - np.ptp(everything, 0) * scale - brush - 2
    corner = (room * rng.random(2)).clip(0) + brush / 2 + 1 - everything.min(0) * scale
    canvas = Image.new("L", (size[0] * factor, size[1] * factor))
    pen = ImageDraw.Draw(canvas)
    for points in strokes:
        placed = [tuple(point) for point in ((points * scale + corner) * factor).tolist()]
        pen.line(placed, fill=255, width=round(brush * factor))
        for point in placed:
            pen.circle(point, brush * factor / 2, fill=255)
    return canvas.reduce(factor)


def _encoded(picture: Image.Image, picture_format: str, **options: int) -> bytes:
    stream = io.BytesIO()
    picture.save(stream, picture_format, **options)
    return stream.getvalue()

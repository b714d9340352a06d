"""Drawings as people hand them in: painted, photographed, bordered, framed or scanned.

Size, place, line width, colours, light and noise are drawn from the random generator that is
passed in, so that a measurement can be repeated.
"""

import io
from collections.abc import Sequence
from typing import Any, TypeAlias

import numpy as np
import numpy.typing as npt
from PIL import Image, ImageChops, ImageDraw, ImageFilter, ImageOps

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
    return _encoded(_painted(drawing, rng), "PNG")


def bordered(drawing: Drawing, rng: np.random.Generator) -> bytes:
    """Draw as `paint_program` does, with a border around the canvas.

    The border is 1-12 pixels wide, has any colour that stands out from the canvas, and is
    sometimes double; one in three keeps a margin of the canvas's colour.

    Returns:
        A PNG.
    """
    canvas = _painted(drawing, rng, transparent=False).convert("RGB")
    ground = tuple(np.asarray(canvas)[0, 0].tolist())
    colour = _standing_out(ground, rng)
    width = int(rng.integers(1, 13))
    for _ in range(1 + int(rng.random() < 1 / 5)):
        canvas = ImageOps.expand(canvas, width, colour)
        if rng.random() < 1 / 3:
            canvas = ImageOps.expand(canvas, int(rng.integers(2, 60)), ground)
    return _encoded(canvas, "PNG")


def framed_page(drawing: Drawing, rng: np.random.Generator) -> bytes:
    """Draw on a canvas within a larger page, as in a screenshot.

    The page is light or dark, has sometimes a bar across its top, and lines of grey text below
    the canvas; the canvas has a frame, a shadow, rounded corners, or another colour.

    Returns:
        A PNG.
    """
    canvas = _painted(drawing, rng, transparent=False, sides=(200, 700)).convert("RGB")
    dark = rng.random() < 1 / 3
    page_colour = tuple(
        rng.integers(0, 60, 3).tolist() if dark else [int(rng.integers(235, 256))] * 3
    )
    left, top, right, bottom = rng.integers(20, 400, 4).tolist()
    size = (left + canvas.width + right, top + canvas.height + bottom)
    page = Image.new("RGB", size, page_colour)
    pen = ImageDraw.Draw(page)
    if rng.random() < 1 / 3:
        pen.rectangle((0, 0, size[0], min(top // 2, 60)), _standing_out(page_colour, rng))
    for y in range(top + canvas.height + 30, size[1] - 15, 18):
        pen.line([(left, y), (left + canvas.width // 2, y)], (128, 128, 128), 5)
    box = (left, top, left + canvas.width - 1, top + canvas.height - 1)
    radius = int(rng.choice([0, 0, 8, 20]))
    shape = Image.new("L", size)
    ImageDraw.Draw(shape).rounded_rectangle(box, radius, fill=255)
    if rng.random() < 1 / 3:
        shadow = ImageChops.offset(shape, 3, 5).filter(ImageFilter.GaussianBlur(8))
        page.paste((0, 0, 0), mask=shadow.point([level // 2 for level in range(256)]))
    placed = Image.new("RGB", size)
    placed.paste(canvas, (left, top))
    page.paste(placed, mask=shape)
    line = int(rng.integers(1, 6))
    around = (box[0] - line, box[1] - line, box[2] + line, box[3] + line)
    ImageDraw.Draw(page).rounded_rectangle(
        around, radius, outline=_standing_out(page_colour, rng), width=line
    )
    return _encoded(page, "PNG")


def scan(drawing: Drawing, rng: np.random.Generator) -> bytes:
    """Draw as on paper that was scanned: dark along one to three edges of the picture.

    The edges are up to 6 % of the side wide, sometimes slanted, and blurred towards the paper.

    Returns:
        A JPEG, or a PNG without noise.
    """
    size = tuple(rng.integers(600, 1501, 2).tolist())
    ink = _ink(drawing, size, rng, width=(0.008, 0.03), turn=np.deg2rad(rng.uniform(-2, 2)))
    grey = Image.new("L", size, int(rng.integers(235, 256)))
    grey.paste(int(rng.integers(0, 90)), mask=ink)
    edge = Image.new("L", size)
    pen = ImageDraw.Draw(edge)
    width, height = size
    sides: list[list[tuple[float, float]]] = [
        [(0, 0), (width, 0), (width, rng.uniform(0, 0.06) * height), (0, 0.03 * height)],
        [(0, 0), (0, height), (rng.uniform(0, 0.06) * width, height), (0.03 * width, 0)],
        [(width, 0), (width, height), (0.97 * width, height), (0.96 * width, 0)],
        [(0, height), (width, height), (width, 0.98 * height), (0, 0.96 * height)],
    ]
    for side in rng.permutation(4)[: int(rng.integers(1, 4))]:
        pen.polygon(sides[side], fill=255)
    grey.paste(int(rng.integers(0, 70)), mask=edge.filter(ImageFilter.GaussianBlur(1.5)))
    if rng.random() < 1 / 3:
        return _encoded(grey, "PNG")
    noise = rng.normal(0, rng.uniform(1, 4), (height, width))
    noisy = Image.fromarray((np.asarray(grey) + noise).clip(0, 255).astype(np.uint8))
    return _encoded(noisy, "JPEG", quality=int(rng.integers(50, 95)))


def _painted(
    drawing: Drawing,
    rng: np.random.Generator,
    *,
    transparent: bool = True,
    sides: tuple[int, int] = (100, 1500),
) -> Image.Image:
    """Draw with a round brush on a canvas of any colour, sometimes on a transparent one."""
    low, high = np.log(sides)
    width, height = np.exp(rng.uniform(low, high, 2)).astype(int).tolist()
    size = (width, height)
    ink = _ink(drawing, size, rng, width=(0.012, 0.06), turn=0)
    if rng.random() < 1 / 5:  # a brush without anti-aliasing
        ink = ink.point([0] * 128 + [255] * 128)
    dark, light = rng.integers(0, 90, 3), rng.integers(190, 256, 3)
    ground, brush = (dark, light) if rng.random() < 1 / 3 else (light, dark)
    if rng.random() < 1 / 4 and transparent:
        picture = Image.new("RGBA", size, (*map(int, brush), 0))
        picture.putalpha(ink)
        return picture
    picture = Image.new("RGB", size, tuple(map(int, ground)))
    picture.paste(tuple(map(int, brush)), mask=ink)
    return picture.quantize(16) if rng.random() < 1 / 5 else picture


def _standing_out(ground: tuple[int, ...], rng: np.random.Generator) -> tuple[int, ...]:
    """Choose a colour that differs from another by at least 60 levels in each channel."""
    return tuple((level + int(rng.integers(60, 196))) % 256 for level in ground)


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
    """Return the light on the paper, (height, width), about 1 where it is brightest."""
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

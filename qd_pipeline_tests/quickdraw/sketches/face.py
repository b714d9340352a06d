"""A face as strokes, painted, and as the network sees it."""

import io
from typing import Any

import numpy as np
import numpy.typing as npt
from PIL import Image, ImageDraw

from qd_pipeline.quickdraw.raster import rasterize
from qd_pipeline.quickdraw.sketches.pictures import sketch_of_picture
from qd_pipeline.quickdraw.sketches.sketch import to_column

Bitmap = npt.NDArray[np.uint8]

ANGLES = np.linspace(0, 2 * np.pi, 73)
FACE: list[list[Any]] = [
    [(128 + 127 * np.cos(ANGLES)).round(), (128 + 127 * np.sin(ANGLES)).round()],
    [[80, 80], [80, 100]],
    [[170, 170], [80, 100]],
    [[70, 100, 150, 190], [170, 200, 200, 170]],
]
CIRCLE = FACE[:1]


def bitmap_of(strokes: Any) -> Bitmap:
    drawing = [(np.array(x, np.uint8), np.array(y, np.uint8)) for x, y in strokes]
    bitmap: Bitmap = rasterize(to_column([drawing]))[0]
    return bitmap


def encoded(picture: Image.Image, picture_format: str = "PNG", **options: Any) -> bytes:
    stream = io.BytesIO()
    picture.save(stream, picture_format, **options)
    return stream.getvalue()


def seen(picture: Image.Image | bytes, picture_format: str = "PNG", **options: Any) -> Bitmap:
    if isinstance(picture, Image.Image):
        picture = encoded(picture, picture_format, **options)
    return bitmap_of(sketch_of_picture(picture).strokes)


def painted(strokes: Any, side: int = 400, width: int = 10) -> Image.Image:
    """Draw dark on white, filling three quarters of the side."""
    picture = Image.new("L", (side * 2, side * 2), 255)
    pen = ImageDraw.Draw(picture)
    for x, y in strokes:
        placed = [
            (side / 4 + a * side * 1.5 / 255, side / 4 + b * side * 1.5 / 255)
            for a, b in zip(x, y, strict=True)
        ]
        pen.line(placed, fill=0, width=width * 2, joint="curve")
        for point in placed:
            pen.circle(point, width, fill=0)
    return picture.reduce(2)


def difference(one: Bitmap, other: Bitmap) -> float:
    """Mean difference in grey levels; two unlike drawings are some 60 apart."""
    return float(np.abs(one.astype(int) - other).mean())

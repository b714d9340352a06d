"""Pictures of 16 bits, animations, ruled paper and transparent pages are seen, or told."""

import io
import struct
import zlib
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest
from PIL import Image, ImageDraw, ImageOps

from qd_pipeline.quickdraw.sketches.pictures import sketch_of_picture
from qd_pipeline_tests.quickdraw.sketches.face import (
    FACE,
    bitmap_of,
    difference,
    encoded,
    painted,
    seen,
)

GREY = np.asarray(painted(FACE)).astype(np.float64) / 255


def png_of_16_bits(values: npt.NDArray[np.float64]) -> bytes:
    """Encode `(height, width, channels)`: grey, grey and alpha, RGB or RGBA."""
    height, width, channels = values.shape
    rows = b"".join(b"\0" + row.astype(">u2").tobytes() for row in values)

    def chunk(name: bytes, content: bytes) -> bytes:
        checksum = struct.pack(">I", zlib.crc32(name + content))
        return struct.pack(">I", len(content)) + name + content + checksum

    colours = {1: 0, 2: 4, 3: 2, 4: 6}[channels]
    header = struct.pack(">IIBBBBB", width, height, 16, colours, 0, 0, 0)
    parts = (b"IHDR", header), (b"IDAT", zlib.compress(rows)), (b"IEND", b"")
    return b"\x89PNG\r\n\x1a\n" + b"".join(chunk(*part) for part in parts)


@pytest.mark.parametrize("channels", [1, 2, 3])
@pytest.mark.parametrize(
    ("low", "high"), [(0, 65535), (0, 4095), (30000, 30400), (0, 200), (65000, 65535)]
)
def test_16_bits_are_seen_whatever_range_they_use(low: int, high: int, channels: int) -> None:
    values = np.repeat((low + GREY * (high - low)).round()[..., None], channels, axis=2)
    if channels == 2:
        values[..., 1] = 65535  # opaque
    assert difference(seen(png_of_16_bits(values)), bitmap_of(FACE)) < 5


def test_an_empty_picture_of_16_bits_shows_no_ink() -> None:
    with pytest.raises(Exception, match="shows no ink"):
        sketch_of_picture(png_of_16_bits(np.full((90, 90, 1), 3000.0)))


@pytest.mark.parametrize("picture_format", ["GIF", "WEBP", "PNG"])
def test_of_an_animation_the_finished_drawing_is_read_and_told(picture_format: str) -> None:
    frames = [painted(FACE[:count]).convert("RGB") for count in (1, 2, 3, 4, 4)]
    frames = [Image.new("RGB", frames[0].size, "white"), *frames]
    options: dict[str, Any] = {"lossless": True} if picture_format == "WEBP" else {}
    data = encoded(
        frames[0],
        picture_format,
        save_all=True,
        append_images=[*frames[1:5], frames[0]],
        duration=90,
        **options,
    )
    sketch = sketch_of_picture(data)
    assert difference(bitmap_of(sketch.strokes), bitmap_of(FACE)) < 6
    assert sketch.warnings == ("frame 5 of 6 of the animation was read",)


def ruled(gap: int, width: int, colour: str, turn: float, *, squared: bool) -> Image.Image:
    sheet = Image.new("RGB", (800, 800), "#faf8f0")
    pen = ImageDraw.Draw(sheet)
    for place in range(gap // 2, 800, gap):
        pen.line([(0, place), (800, place)], colour, width)
        if squared:
            pen.line([(place, 0), (place, 800)], colour, width)
    drawing = painted(FACE, 700, 14)
    sheet.paste("#101040", (50, 50), ImageOps.invert(drawing))
    return sheet.rotate(turn, Image.Resampling.BICUBIC, fillcolor="#faf8f0")


def test_of_a_cameras_pictures_the_first_is_read() -> None:
    depths = Image.effect_noise((400, 400), 90).convert("RGB")
    camera = encoded(painted(FACE).convert("RGB"), "MPO", save_all=True, append_images=[depths])
    assert difference(seen(camera), bitmap_of(FACE)) < 6
    assert sketch_of_picture(camera).warnings == ()


@pytest.mark.parametrize(
    ("gap", "width", "colour", "turn", "squared"),
    [
        (40, 3, "black", 0, False),
        (40, 2, "#333333", 2, False),
        (25, 2, "#284078", 0, True),
        (60, 4, "black", -1.5, True),
        (40, 2, "#aabee6", 0, True),
    ],
)
def test_the_lines_of_ruled_paper_are_no_ink(
    gap: int, width: int, colour: str, turn: float, *, squared: bool
) -> None:
    straight = seen(painted(FACE).rotate(turn, Image.Resampling.BICUBIC, fillcolor=255))
    sketch = sketch_of_picture(encoded(ruled(gap, width, colour, turn, squared=squared)))
    assert difference(bitmap_of(sketch.strokes), straight) < 9
    assert "the lines of ruled paper were left out" in sketch.warnings


@pytest.mark.parametrize("gap", [34, 40])
def test_the_dots_of_dotted_paper_are_no_ink(gap: int) -> None:
    sheet = painted(FACE, 800, 16)
    pen = ImageDraw.Draw(sheet)
    for x in range(gap // 2, 800, gap):
        for y in range(gap // 2, 800, gap):
            pen.circle((x, y), 2, fill=60)
    sketch = sketch_of_picture(encoded(sheet))
    assert difference(bitmap_of(sketch.strokes), bitmap_of(FACE)) < 9
    assert "the dots of dotted paper were left out" in sketch.warnings


def test_a_drawing_of_dots_is_seen() -> None:
    sheet = Image.new("L", (400, 400), 255)
    pen = ImageDraw.Draw(sheet)
    for place in range(100):
        pen.circle((20 + place % 10 * 40, 20 + place // 10 * 40), 4, fill=0)
    assert len(sketch_of_picture(encoded(sheet)).strokes) == 100


def test_a_block_of_ink_is_told() -> None:
    grain = np.random.default_rng(2).integers(0, 2, (100, 100), np.uint8) * 255
    blots = Image.fromarray(grain).resize((800, 800), Image.Resampling.NEAREST)
    canvas = Image.new("L", (1000, 1000), 255)
    canvas.paste(blots, (100, 100))
    assert sketch_of_picture(encoded(canvas)).warnings


@pytest.mark.parametrize("dark", [0.0, 0.03, 0.2])
def test_a_transparent_picture_is_laid_on_the_page_that_its_paint_is_meant_for(dark: float) -> None:
    """A little dark paint among light is an outline, none is light ink for a dark page."""
    ink = ImageOps.invert(painted(FACE))
    picture = Image.new("RGBA", ink.size, "white")
    picture.putalpha(ink)
    if dark:
        picture = Image.new("RGBA", ink.size, "black")
        picture.putalpha(ink)
        light = np.zeros((400, 400), np.uint8)
        share = float(np.asarray(ink).sum()) * (1 - dark) / dark / 255
        light[: int(min(400, share / 400))] = 255
        page = Image.new("RGBA", ink.size, "white")
        page.putalpha(Image.fromarray(light))
        picture = Image.alpha_composite(page, picture)
    stream = io.BytesIO()
    picture.save(stream, "PNG")
    assert difference(seen(stream.getvalue()), bitmap_of(FACE)) < 5

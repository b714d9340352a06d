import io
import json
import struct
import zlib
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest
from PIL import Image, ImageDraw, ImageOps

from benchmarks.renderings import paint_program, phone_photo
from qd_pipeline.errors import BadDrawing
from qd_pipeline.quickdraw.raster import rasterize
from qd_pipeline.quickdraw.sketches.pictures import read_drawings, strokes_of_picture, to_column

Bitmap = npt.NDArray[np.uint8]

ANGLES = np.linspace(0, 2 * np.pi, 73)
FACE = [
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
    return bitmap_of(strokes_of_picture(picture))


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


def lit(picture: Image.Image) -> Image.Image:
    """Let the light fall off to two fifths from one corner to the other."""
    x, y = np.meshgrid(np.linspace(0, 0.3, picture.width), np.linspace(0, 0.3, picture.height))
    return Image.fromarray((np.asarray(picture) * (1 - x - y)).astype(np.uint8))


def transparent(picture: Image.Image, ink: str) -> Image.Image:
    coloured = Image.new("RGBA", picture.size, ink)
    coloured.putalpha(ImageOps.invert(picture))
    return coloured


@pytest.mark.parametrize("width", [2, 6, 12, 24])
def test_a_circle_of_any_line_width_is_the_drawn_circle(width: int) -> None:
    assert difference(seen(painted(CIRCLE, width=width)), bitmap_of(CIRCLE)) < 4


@pytest.mark.parametrize(("side", "at_most"), [(60, 10), (150, 7), (400, 5), (1200, 5)])
def test_a_face_of_any_size_is_the_drawn_face(side: int, at_most: int) -> None:
    assert difference(seen(painted(FACE, side, side // 40)), bitmap_of(FACE)) < at_most


VARIANTS = {
    "light on dark": ImageOps.invert(painted(FACE)),
    "16 bits": Image.fromarray(np.asarray(painted(FACE)).astype(np.uint16) * 257),
    "pale": painted(FACE).point([190 + level // 4 for level in range(256)]),
    "coloured": ImageOps.colorize(painted(FACE), "red", "pink"),
    "palette": painted(FACE).convert("P"),
    "two levels": painted(FACE).convert("1"),
    "unevenly lit": lit(painted(FACE)),
    "a dark board unevenly lit": ImageOps.invert(
        lit(
            ImageOps.invert(
                ImageOps.invert(painted(FACE)).point([40 + level * 3 // 4 for level in range(256)])
            )
        )
    ),
    "dark on transparent": transparent(painted(FACE), "navy"),
    "light on transparent": transparent(painted(FACE), "white"),
    "with a far corner": ImageOps.expand(painted(FACE), (0, 500, 900, 0), 255),
}


@pytest.mark.parametrize("variant", VARIANTS)
def test_ink_and_ground_do_not_matter(variant: str) -> None:
    assert difference(seen(VARIANTS[variant]), bitmap_of(FACE)) < 5


def test_the_table_around_the_paper_is_no_ink() -> None:
    rng = np.random.default_rng(3)
    table = Image.fromarray(rng.integers(40, 90, (700, 800), np.uint8))
    sheet = painted(FACE).convert("RGBA").rotate(4, expand=True, resample=Image.Resampling.BICUBIC)
    table.paste(sheet.convert("L"), (170, 120), sheet)
    straight = seen(painted(FACE).rotate(4, fillcolor=255, resample=Image.Resampling.BICUBIC))
    assert difference(seen(table, "JPEG"), straight) < 5


@pytest.mark.parametrize(
    ("picture_format", "options"),
    [("JPEG", {"quality": 40}), ("WEBP", {"quality": 40}), ("WEBP", {"lossless": True})],
)
def test_every_format_is_read(picture_format: str, options: dict[str, Any]) -> None:
    assert difference(seen(painted(FACE), picture_format, **options), bitmap_of(FACE)) < 5


def test_a_photo_is_turned_as_the_camera_says() -> None:
    turned = Image.Exif()
    turned[0x0112] = 6  # to be turned a quarter clockwise
    lying = painted(FACE).transpose(Image.Transpose.ROTATE_90)
    assert difference(seen(lying, "JPEG", exif=turned), bitmap_of(FACE)) < 5


def test_a_painted_disc_is_seen_as_its_contour() -> None:
    picture = Image.new("L", (300, 300), 255)
    ImageDraw.Draw(picture).circle((150, 150), 100, fill=0)
    assert difference(seen(picture), bitmap_of(CIRCLE)) < 6


def test_specks_beside_a_drawing_are_dropped_and_its_dots_are_kept() -> None:
    picture = painted([*FACE[:1], [[128], [128]]])
    pen = ImageDraw.Draw(picture)
    pen.point([(20, 390), (390, 5)], fill=150)
    assert difference(seen(picture), bitmap_of([*FACE[:1], [[128, 128], [128, 128]]])) < 5


def test_real_drawings_come_back_from_paint_programs_and_photos(real_drawings: Path) -> None:
    rng = np.random.default_rng(0)
    lines = (real_drawings / "full" / "simplified" / "cat.ndjson").read_text().splitlines()[:12]
    drawings = [json.loads(line)["drawing"] for line in lines]
    truth = np.load(real_drawings / "full" / "numpy_bitmap" / "cat.npy")[:12].reshape(-1, 28, 28)
    unlike = [difference(one, other) for one, other in pairwise(truth)]
    for rendering in (paint_program, phone_photo):
        apart = [
            difference(seen(rendering(drawing, rng)), bitmap)
            for drawing, bitmap in zip(drawings, truth, strict=True)
        ]
        assert np.median(apart) < np.median(unlike) / 3


SVG_HEAD = '<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 300 300">'


def svg(body: str, head: str = SVG_HEAD) -> bytes:
    return f'<?xml version="1.0"?>{head}{body}</svg>'.encode()


LINE = 'fill="none" stroke="black" stroke-width="3"'
SVG_FACE = (
    f'<g transform="translate(10 20) scale(0.9)"><circle cx="128" cy="128" r="127" {LINE}/>'
    f'<line x1="80" y1="80" x2="80" y2="100" {LINE}/><path d="M170 80v20" {LINE}/>'
    f'<polyline points="70,170 100,200 150,200 190,170" style="fill:none;stroke:blue"/></g>'
)


@pytest.mark.parametrize(
    "body",
    [
        SVG_FACE,
        f'<rect width="300" height="300" fill="white"/>{SVG_FACE}',
        f'{SVG_FACE}<text x="5" y="290">me</text><path d="M0 0h300" fill="none"/>',
        f'<image href="file:///etc/passwd" width="9" height="9"/>{SVG_FACE}',
    ],
    ids=["alone", "on white", "with text and the invisible", "with a picture"],
)
def test_the_lines_of_an_svg_are_strokes(body: str) -> None:
    strokes = strokes_of_picture(svg(body))
    assert len(strokes) == 4
    assert difference(bitmap_of(strokes), bitmap_of(FACE)) < 3


def test_the_filled_outline_of_a_pen_line_is_one_stroke() -> None:
    ring = "M150 30A120 120 0 1 1 149 30ZM150 42A108 108 0 1 1 149 42Z"
    strokes = strokes_of_picture(svg(f'<path d="{ring}"/>'))
    assert difference(bitmap_of(strokes), bitmap_of(CIRCLE)) < 5


def png_of_size(width: int, height: int) -> bytes:
    def chunk(name: bytes, content: bytes) -> bytes:
        checksum = struct.pack(">I", zlib.crc32(name + content))
        return struct.pack(">I", len(content)) + name + content + checksum

    header = struct.pack(">IIBBBBB", width, height, 8, 0, 0, 0, 0)
    pixels = zlib.compress(bytes(1000))
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", pixels)


LAUGHS = (
    '<!DOCTYPE svg [<!ENTITY a "ha"><!ENTITY b "&a;&a;&a;">]>' + SVG_HEAD + "<text>&b;</text></svg>"
)
SECRET = f'<!DOCTYPE svg [<!ENTITY a SYSTEM "file:///etc/passwd">]>{SVG_HEAD}<text>&a;</text></svg>'

REFUSED = {
    "no picture": (b"hello", "is no PNG, JPEG, WebP or SVG"),
    "nothing": (b"", "is no PNG, JPEG, WebP or SVG"),
    "a GIF": (encoded(painted(FACE), "GIF"), "is no PNG, JPEG, WebP or SVG"),
    "a cut PNG": (encoded(painted(FACE))[:900], "is damaged"),
    "a cut JPEG": (encoded(painted(FACE), "JPEG")[:3000], "is damaged"),
    "an empty picture": (encoded(Image.new("L", (90, 90), 255)), "shows no ink"),
    "a transparent picture": (encoded(Image.new("RGBA", (90, 90))), "shows no ink"),
    "one pixel": (encoded(Image.new("L", (1, 1))), "shows no ink"),
    "noise": (
        encoded(Image.fromarray(np.random.default_rng(1).integers(90, 99, (90, 90), np.uint8))),
        "shows no ink",
    ),
    "a large bomb": (png_of_size(9000, 9000), "is too large"),
    "a very large bomb": (png_of_size(60000, 60000), "is too large"),
    "laughs": (LAUGHS.encode(), "holds entities"),
    "laughs in UTF-16": (LAUGHS.encode("utf-16"), "holds entities"),
    "a secret": (SECRET.encode(), "holds entities"),
    "uses": (svg('<g id="a"><use href="#a"/></g>'), "holds entities or <use>"),
    "a cut SVG": (svg(SVG_FACE)[:200], "is damaged"),
    "another XML": (b"<html><body/></html>", "is damaged"),
    "an SVG without shapes": (svg(""), "no visible lines"),
    "endless coordinates": (svg(f'<path d="M0 0L1e999 5" {LINE}/>'), "is damaged"),
    "a large SVG": (svg(" " * 5_000_001), "bytes"),
}


@pytest.mark.parametrize("name", REFUSED)
def test_what_is_no_picture_of_a_drawing_is_refused_with_a_remedy(name: str) -> None:
    data, cause = REFUSED[name]
    with pytest.raises(BadDrawing, match=cause) as refusal:
        strokes_of_picture(data)
    assert refusal.value.remedy


def test_a_picture_file_is_one_drawing(tmp_path: Path) -> None:
    file = tmp_path / "face.png"
    painted(FACE).save(file)
    assert difference(rasterize(read_drawings(file))[0], bitmap_of(FACE)) < 5
    assert len(read_drawings(file)) == 1


def test_simplified_strokes_are_read_as_they_are(tmp_path: Path) -> None:
    file = tmp_path / "drawings.ndjson"
    drawings = [[[[3, 255, 17], [1, 2, 240]], [[9, 9], [9, 9]]], [[[0, 40], [0, 245]]]]
    file.write_text(f"{json.dumps({'word': 'cat', 'drawing': drawings[0]})}\n{drawings[1]}\n\n")
    assert [
        [[stroke["x"], stroke["y"]] for stroke in drawing]
        for drawing in read_drawings(file).to_pylist()
    ] == drawings


@pytest.mark.parametrize(
    "drawing",
    [
        [[[10.0, 20.0, 30.0], [5.0, 5.0, 5.0]]],
        [[[10, 20, 30], [5, 5, 5]]],
        [[[0, 128, 255], [5, 5, 5], [0, 16, 32]]],
        [[[-10, 500], [5, 5]]],
    ],
    ids=["fractions", "small", "with times", "large"],
)
def test_raw_strokes_are_simplified(drawing: Any, tmp_path: Path) -> None:
    file = tmp_path / "raw.ndjson"
    file.write_text(json.dumps({"drawing": drawing}))
    assert read_drawings(file).to_pylist() == [[{"x": [0, 255], "y": [0, 0]}]]


@pytest.mark.parametrize(
    ("content", "cause"),
    [
        ('{"drawing": [[[1, 2], [3', "is no JSON"),
        ("[" * 100_000, "is no JSON"),
        ('{"word": "cat"}', "holds no drawing"),
        ('{"drawing": 3}', "holds no drawing"),
        ('{"drawing": []}', "has no strokes"),
        ('{"drawing": [[[1, 2], [3]]]}', "equally long"),
    ],
)
def test_damaged_strokes_are_refused_with_a_remedy(
    content: str, cause: str, tmp_path: Path
) -> None:
    file = tmp_path / "drawings.ndjson"
    file.write_text(content)
    with pytest.raises(BadDrawing, match=cause) as refusal:
        read_drawings(file)
    assert refusal.value.culprit == str(file)


def test_a_file_that_is_not_there_is_said(tmp_path: Path) -> None:
    with pytest.raises(BadDrawing, match=r"cat\.png cannot be read \(No such file"):
        read_drawings(tmp_path / "cat.png")

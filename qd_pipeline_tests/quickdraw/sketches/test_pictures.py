import json
import struct
import zlib
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image, ImageDraw, ImageOps

from benchmarks.renderings import paint_program, phone_photo
from qd_pipeline.errors import BadDrawing
from qd_pipeline.quickdraw.sketches.pictures import sketch_of_picture
from qd_pipeline.quickdraw.sketches.skeleton import strokes_of_ink
from qd_pipeline.quickdraw.sketches.turned import turned
from qd_pipeline_tests.quickdraw.sketches.face import (
    CIRCLE,
    FACE,
    bitmap_of,
    difference,
    encoded,
    painted,
    seen,
)
from qd_pipeline_tests.quickdraw.sketches.svg_face import LINE, SVG_FACE, SVG_HEAD, svg


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
    [
        ("JPEG", {"quality": 40}),
        ("WEBP", {"quality": 40}),
        ("WEBP", {"lossless": True}),
        ("GIF", {}),
    ],
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


def test_strokes_come_from_the_top_and_begin_at_their_upper_ends() -> None:
    drawing = [([20, 120], [180, 160]), ([100, 10], [40, 90]), ([150, 150], [100, 5])]
    strokes = sketch_of_picture(encoded(painted(drawing))).strokes
    assert [y.min() for _, y in strokes] == sorted(y.min() for _, y in strokes)
    assert all(y[0] <= y[-1] for _, y in strokes)
    assert len(strokes) == len(drawing)


@pytest.mark.parametrize(("side", "width"), [(400, 1), (1900, 2)])
def test_hairlines_are_whole_however_the_picture_is_turned(side: int, width: int) -> None:
    ink = sketch_of_picture(encoded(painted(CIRCLE, side, width))).ink
    assert ink is not None
    assert [len(strokes_of_ink(each)) for each in turned(ink)] == [1] * 5


def test_an_svg_that_is_painted_has_ink_as_other_pictures_have_and_plain_lines_have_none() -> None:
    plain = svg('<path d="M 20 20 L 80 60" fill="none" stroke="#000"/>')
    painted_over = svg('<path d="M 20 20 L 80 60" fill="none" stroke="#000" opacity="0.9"/>')
    assert sketch_of_picture(painted_over).ink is not None
    assert sketch_of_picture(plain).ink is None


def test_pictures_of_fine_dots_are_read() -> None:
    for place in range(6):
        picture = Image.new("L", (1000, 1000), 255)
        dots = np.random.default_rng(place).integers(100, 900, (4, 2)).tolist()
        for x, y in dots:
            ImageDraw.Draw(picture).rectangle((x, y, x + 1, y + 1), fill=0)
        assert sketch_of_picture(encoded(picture)).strokes


def test_specks_beside_a_drawing_are_dropped_and_its_dots_are_kept() -> None:
    picture = painted([*FACE[:1], [[128], [128]]])
    pen = ImageDraw.Draw(picture)
    pen.point([(20, 390), (390, 5)], fill=150)
    assert difference(seen(picture), bitmap_of([*FACE[:1], [[128, 128], [128, 128]]])) < 5


def test_real_drawings_come_back_from_paint_programs_and_photos(real_drawings: Path) -> None:
    rng = np.random.default_rng(0)
    lines = (real_drawings / "full" / "simplified" / "cat.ndjson").read_text().splitlines()[:6]
    drawings = [json.loads(line)["drawing"] for line in lines]
    truth = np.load(real_drawings / "full" / "numpy_bitmap" / "cat.npy")[:6].reshape(-1, 28, 28)
    unlike = [difference(one, other) for one, other in pairwise(truth)]
    for rendering in (paint_program, phone_photo):
        apart = [
            difference(seen(rendering(drawing, rng)), bitmap)
            for drawing, bitmap in zip(drawings, truth, strict=True)
        ]
        assert np.median(apart) < np.median(unlike) / 3


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

MULTIPLIED = f'<g id="g0"><path d="M0 0h9" {LINE}/></g>' + "".join(
    f'<g id="g{n}">{10 * f"""<use href="#g{n - 1}"/>"""}</g>' for n in range(1, 9)
)

REFUSED = {
    "no picture": (b"hello", "is no PNG, JPEG, WebP, GIF or SVG"),
    "nothing": (b"", "is no PNG, JPEG, WebP, GIF or SVG"),
    "a BMP": (encoded(painted(FACE), "BMP"), "is no PNG, JPEG, WebP, GIF or SVG"),
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
    "an SVG within itself": (svg('<g id="a"><use href="#a"/></g>'), "no visible lines"),
    "an SVG that multiplies": (svg(MULTIPLIED), "is too complex"),
    "a cut SVG": (svg(SVG_FACE)[:200], "is damaged"),
    "another XML": (b"<html><body/></html>", "is damaged"),
    "an SVG of text": (
        svg('<text x="9" y="9">cat</text>'),
        "no visible lines .*; text is left out",
    ),
    "an SVG of an SVG": (
        svg('<image width="9" height="9" href="data:image/svg+xml;base64,AA"/>'),
        "an embedded file that is no PNG, JPEG, GIF or WebP is left out",
    ),
    "hardly visible lines": (
        svg('<path d="M9 9h255v255" fill="none" stroke="black" stroke-width="0.05"/>'),
        "no visible lines",
    ),
    "an SVG without shapes": (svg(""), "no visible lines"),
    "endless coordinates": (svg(f'<path d="M0 0L1e999 5" {LINE}/>'), "is damaged"),
    "a large SVG": (svg(" " * 5_000_001), "bytes"),
}


@pytest.mark.parametrize("name", REFUSED)
def test_what_is_no_picture_of_a_drawing_is_refused_with_a_remedy(name: str) -> None:
    data, cause = REFUSED[name]
    with pytest.raises(BadDrawing, match=cause) as refusal:
        sketch_of_picture(data)
    assert refusal.value.remedy

"""A drawing is found inside borders, frames, scan edges and margins."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image, ImageChops, ImageDraw, ImageFilter, ImageOps

from benchmarks import renderings
from qd_pipeline.quickdraw.sketches.pictures import sketch_of_picture
from qd_pipeline_tests.quickdraw.sketches.face import (
    ANGLES,
    FACE,
    bitmap_of,
    difference,
    encoded,
    painted,
    seen,
)

CANVAS = painted(FACE).convert("RGB")
Box = tuple[int, int, int, int]
PLACE: Box = (120, 90, 519, 489)
DARK = ImageOps.colorize(painted(FACE), "white", "#1e1e2e")


def bordered(width: int, colour: str, margin: int = 0) -> Image.Image:
    return ImageOps.expand(ImageOps.expand(CANVAS, margin, "white"), width, colour)


def page(colour: str = "white", size: tuple[int, int] = (900, 700)) -> Image.Image:
    return Image.new("RGB", size, colour)


def on_a_page(canvas: Image.Image, colour: str = "#fafafa") -> Image.Image:
    sheet = page(colour)
    sheet.paste(canvas, PLACE[:2])
    return sheet


def framed(
    colour: str, width: int = 2, radius: int = 0, around: int = 0, page_colour: str = "white"
) -> Image.Image:
    sheet = on_a_page(CANVAS, page_colour)
    left, top, right, bottom = PLACE
    box = (left - around, top - around, right + around, bottom + around)
    ImageDraw.Draw(sheet).rounded_rectangle(box, radius, outline=colour, width=width)
    return sheet


def dashed(dash: int, gap: int) -> Image.Image:
    sheet = on_a_page(CANVAS, "white")
    pen = ImageDraw.Draw(sheet)
    left, top, right, bottom = PLACE
    for start in range(left, right, dash + gap):
        for y in (top, bottom):
            pen.line([(start, y), (min(start + dash, right), y)], "black", 3)
    for start in range(top, bottom, dash + gap):
        for x in (left, right):
            pen.line([(x, start), (x, min(start + dash, bottom))], "black", 3)
    return sheet


def shadowed() -> Image.Image:
    shape = Image.new("L", (900, 700))
    ImageDraw.Draw(shape).rectangle(PLACE, fill=150)
    sheet = page()
    sheet.paste("black", mask=ImageChops.offset(shape, 4, 6).filter(ImageFilter.GaussianBlur(9)))
    sheet.paste(CANVAS, PLACE[:2])
    return sheet


def double() -> Image.Image:
    sheet = framed("black")
    ImageDraw.Draw(sheet).rectangle((100, 70, 539, 509), outline="black", width=5)
    return sheet


def screenshot() -> Image.Image:
    sheet = framed("#888", page_colour="#f3f4f6")
    pen = ImageDraw.Draw(sheet)
    pen.rectangle((0, 0, 900, 40), fill="#224488")
    for y in range(520, 690, 20):
        pen.line([(120, y), (400, y)], "#999999", 6)
    return sheet


def scanned(edge: list[tuple[int, int]], blur: float = 0, noise: float = 0) -> Image.Image:
    sheet = Image.new("L", (900, 1200), 250)
    sheet.paste(CANVAS.resize((600, 600)).convert("L"), (150, 300))
    strip = Image.new("L", sheet.size)
    ImageDraw.Draw(strip).polygon(edge, fill=255)
    sheet.paste(20, mask=strip.filter(ImageFilter.GaussianBlur(blur)))
    grain = np.random.default_rng(5).normal(0, noise, (1200, 900))
    return Image.fromarray((np.asarray(sheet) + grain).clip(0, 255).astype(np.uint8))


def on_a_table(margin: int) -> Image.Image:
    rng = np.random.default_rng(3)
    table = Image.fromarray(rng.integers(30, 70, (900, 900), np.uint8)).convert("RGB")
    sheet = ImageOps.expand(framed("black", 3).crop((60, 30, 580, 550)), margin, "white")
    sheet = sheet.convert("RGBA").rotate(1, expand=True, resample=Image.Resampling.BICUBIC)
    table.paste(sheet, (120, 110), sheet)
    return table


FRAMES: dict[str, Callable[[], Image.Image]] = {
    "a thin black border": lambda: bordered(1, "black"),
    "a light grey border": lambda: bordered(1, "#cccccc"),
    "a thick blue border": lambda: bordered(25, "blue"),
    "a border within a margin": lambda: ImageOps.expand(bordered(2, "black"), 20, "white"),
    "a border around a margin": lambda: bordered(3, "red", margin=60),
    "three borders": lambda: ImageOps.expand(
        ImageOps.expand(bordered(2, "black", 9), 9, "white"), 4, "green"
    ),
    "a border on a dark page": lambda: ImageOps.expand(DARK, 2, "#777"),
    "a frame in a page": lambda: framed("black", 1, page_colour="#fafafa"),
    "a pale frame": lambda: framed("#bbb"),
    "a round frame": lambda: framed("#3355aa", 3, radius=25),
    "a very round frame": lambda: framed("black", 3, radius=60, around=10),
    "a frame of round sides": lambda: framed("black", 3, radius=170, around=30),
    "a dashed frame": lambda: dashed(8, 6),
    "a widely dashed frame": lambda: dashed(14, 20),
    "a wide frame": lambda: framed("#995511", 20, around=20),
    "a double frame": double,
    "a dark page": lambda: on_a_page(CANVAS, "#101014"),
    "a dark card on a light page": lambda: on_a_page(DARK, "#ffffff"),
    "a dark card on a darker page": lambda: on_a_page(DARK, "#000000"),
    "a shadow": shadowed,
    "a screenshot": screenshot,
    "a dark edge above": lambda: scanned([(0, 0), (900, 0), (900, 14), (0, 14)]),
    "a slanting edge": lambda: scanned([(0, 0), (40, 0), (8, 1200), (0, 1200)], 2),
    "a noisy edge": lambda: scanned([(900, 0), (870, 0), (880, 1200), (900, 1200)], 2, 3),
    "a dark wedge": lambda: scanned([(0, 0), (30, 0), (0, 480)], 2),
    "dark corners": lambda: scanned([(0, 0), (60, 0), (0, 70)]),
    "a large dark corner": lambda: scanned([(900, 1200), (600, 1200), (900, 850)], 1),
    "two dark edges": lambda: scanned(
        [(0, 0), (900, 0), (900, 20), (25, 20), (25, 1200), (0, 1200)]
    ),
    "a transparent margin": lambda: ImageOps.expand(CANVAS.convert("RGBA"), 70, (0, 0, 0, 0)),
}


@pytest.mark.parametrize("name", FRAMES)
def test_the_drawing_is_found_inside(name: str) -> None:
    assert difference(seen(FRAMES[name]()), bitmap_of(FACE)) < 7


def test_a_framed_page_on_a_dark_table_is_seen_without_table_and_frame() -> None:
    straight = seen(painted(FACE).rotate(1, fillcolor=255, resample=Image.Resampling.BICUBIC))
    assert difference(seen(on_a_table(40), "JPEG"), straight) < 8


@pytest.mark.parametrize(
    ("name", "warning"),
    [
        ("a thin black border", "a border or a dark edge of the picture was left out"),
        ("a frame in a page", "a frame around the drawing was left out"),
        ("a dark edge above", "a border or a dark edge of the picture was left out"),
    ],
)
def test_what_was_left_out_is_told(name: str, warning: str) -> None:
    assert warning in sketch_of_picture(encoded(FRAMES[name]())).warnings


WOBBLE = 118 + 9 * np.sin(3 * ANGLES)
BY_HAND = [[128 + WOBBLE * np.cos(ANGLES), 128 + WOBBLE * np.sin(ANGLES)], *FACE[1:]]


def test_a_drawing_alone_has_no_warnings() -> None:
    assert sketch_of_picture(encoded(painted(BY_HAND))).warnings == ()


def crossed() -> Image.Image:
    sheet = painted(BY_HAND)
    ImageDraw.Draw(sheet).rectangle((30, 40, 300, 370), outline=0, width=3)
    return sheet


def in_a_circle() -> Image.Image:
    sheet = painted(BY_HAND)
    ImageDraw.Draw(sheet).ellipse((0, 0, 399, 399), outline=0, width=3)
    return sheet


@pytest.mark.parametrize("drawn", [in_a_circle, crossed])
def test_what_may_be_a_frame_or_not_is_drawn_and_told(drawn: Callable[[], Image.Image]) -> None:
    (warning,) = sketch_of_picture(encoded(drawn())).warnings
    assert warning.endswith("perhaps a frame, were taken for ink")


Mark = Callable[[ImageDraw.ImageDraw], None]


def drawn(shape: str, *places: Any, **options: Any) -> Mark:
    def mark(pen: ImageDraw.ImageDraw) -> None:
        for place in places:
            getattr(pen, shape)(place, fill=0, **options)

    return mark


def lined(*lines: list[tuple[int, int]], width: int = 3) -> Mark:
    return drawn("line", *lines, width=width)


CORNERS = [(x, y, 30 - 60 * (x > 12), 30 - 60 * (y > 12)) for x in (12, 388) for y in (12, 388)]
STRAY: dict[str, Mark] = {
    "a skew frame": lined([(15, 22), (385, 12), (388, 380), (10, 390), (15, 22)]),
    "a frame by hand": lined(
        [
            *[(20, 24), (150, 17), (290, 26), (379, 21), (382, 190), (374, 380)],
            *[(200, 374), (21, 383), (27, 240), (17, 110), (20, 24)],
        ]
    ),
    "three sides": lined([(14, 386), (14, 14), (386, 14), (386, 386)]),
    "two sides": lined([(14, 14), (14, 386)], [(386, 14), (386, 386)]),
    "a line below": lined([(0, 360), (400, 360)]),
    "a margin line": lined([(70, 0), (70, 400)]),
    "crop marks": lined(*([(x, y + down), (x, y), (x + on, y)] for x, y, on, down in CORNERS)),
    "short rules": lined(*([(110, y), (290, y)] for y in range(20, 400, 30)), width=1),
    "sloping rules": lined(*([(0, y), (400, y + 48)] for y in range(-40, 400, 40))),
    "a caption": drawn("text", (392, 394), text="IMG_0012", anchor="rs", font_size=16),
    "a status bar": drawn("rectangle", (14, 8, 40, 16), (360, 8, 386, 18)),
    "punched holes": drawn("ellipse", *((7, y, 23, y + 16) for y in range(12, 390, 32))),
    "wide dots": drawn(
        "ellipse", *((x, y, x + 6, y + 6) for x in range(7, 400, 60) for y in range(7, 400, 60))
    ),
}


@pytest.mark.parametrize("name", STRAY)
def test_what_may_be_none_of_the_drawing_is_drawn_and_told(name: str) -> None:
    sheet = Image.new("L", (400, 400), 255)
    sheet.paste(painted(BY_HAND, 260, 5), (70, 60))
    STRAY[name](ImageDraw.Draw(sheet))
    (warning,) = sketch_of_picture(encoded(sheet)).warnings
    assert "perhaps none of" in warning


SQUARE = [[0, 255, 255, 0, 0], [0, 0, 255, 255, 0]]


@pytest.mark.parametrize(
    "strokes",
    [
        [SQUARE],
        [SQUARE, [[60, 190, 190, 60, 60], [60, 60, 190, 190, 60]]],
        [SQUARE, [[20, 60], [20, 20]], [[90, 100], [20, 20]]],
    ],
    ids=["a square", "a square in a square", "a square with buttons"],
)
def test_a_drawn_rectangle_is_no_frame(strokes: list[list[list[int]]]) -> None:
    assert difference(seen(painted(strokes)), bitmap_of(strokes)) < 9


def test_round_rectangles_in_each_other_are_no_frames() -> None:
    sheet = page()
    for inset in (0, 50, 120):
        box = (100 + inset, 100 + inset, 700 - inset, 600 - inset)
        ImageDraw.Draw(sheet).rounded_rectangle(box, 60, outline="black", width=3)
    sketch = sketch_of_picture(encoded(sheet))
    assert (len(sketch.strokes), sketch.warnings) == (3, ())


@pytest.mark.parametrize(
    "rendering", [renderings.bordered, renderings.framed_page, renderings.scan]
)
def test_real_drawings_come_back_from_within_frames_and_scans(
    rendering: Callable[..., bytes], real_drawings: Path
) -> None:
    rng = np.random.default_rng(0)
    lines = (real_drawings / "full" / "simplified" / "cat.ndjson").read_text().splitlines()[:6]
    drawings = [json.loads(line)["drawing"] for line in lines]
    apart = [difference(seen(rendering(drawing, rng)), bitmap_of(drawing)) for drawing in drawings]
    assert np.median(apart) < 12
    assert np.mean(np.array(apart) < 30) > 0.85


def test_real_drawings_of_several_parts_are_hardly_doubted(real_drawings: Path) -> None:
    rng = np.random.default_rng(0)
    folder = real_drawings / "full" / "simplified"
    files = [folder / f"{name}.ndjson" for name in ("star", "rain", "television", "bicycle")]
    lines = [line for file in files for line in file.read_text().splitlines()[:6]]
    pictures = [renderings.paint_program(json.loads(line)["drawing"], rng) for line in lines]
    assert sum(bool(sketch_of_picture(picture).warnings) for picture in pictures) <= 1

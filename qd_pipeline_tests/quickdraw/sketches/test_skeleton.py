"""Strokes of ink, as a person would have drawn them."""

import json
from pathlib import Path

import numpy as np
import pytest
from PIL import Image, ImageDraw

from benchmarks.renderings import paint_program
from qd_pipeline.quickdraw.sketches.ground import Mask
from qd_pipeline.quickdraw.sketches.pictures import sketch_of_picture
from qd_pipeline.quickdraw.sketches.simplify import Points
from qd_pipeline.quickdraw.sketches.skeleton import strokes_of_ink

WIDTHS = [1, 3, 8, 12]


def ink_of(*lines: list[tuple[int, int]], width: int) -> Mask:
    picture = Image.new("L", (260, 260))
    pen = ImageDraw.Draw(picture)
    for line in lines:
        pen.line(line, fill=1, width=width, joint="curve")
        for x, y in (line[0], line[-1]):
            pen.circle((x, y), width / 2, fill=1)
    return np.asarray(picture) > 0


def joins(stroke: Points, one: tuple[int, int], other: tuple[int, int], *, within: float) -> bool:
    ends = [stroke[0], stroke[-1]]
    return any(
        np.linalg.norm(a - one) <= within and np.linalg.norm(b - other) <= within
        for a, b in (ends, ends[::-1])
    )


@pytest.mark.parametrize("width", WIDTHS)
@pytest.mark.parametrize("lean", [-60, 0, 40, 60])
def test_lines_that_cross_are_two_strokes_each_straight(width: int, lean: int) -> None:
    one, other = ((20, 130), (240, 130)), ((130 - lean, 20), (130 + lean, 240))
    strokes = strokes_of_ink(ink_of(list(one), list(other), width=width))
    assert len(strokes) == 2
    for ends in (one, other):
        assert any(joins(stroke, *ends, within=width + 2) for stroke in strokes)
    for stroke in strokes:
        (dx, dy), away = stroke[-1] - stroke[0], stroke - stroke[0]
        aside = (away[:, 0] * dy - away[:, 1] * dx) / np.hypot(dx, dy)
        assert np.abs(aside).max() <= 2 + width / 4


@pytest.mark.parametrize("width", WIDTHS)
def test_a_line_that_meets_another_ends_there_and_does_not_bend_it(width: int) -> None:
    strokes = strokes_of_ink(ink_of([(20, 60), (240, 60)], [(130, 60), (130, 240)], width=width))
    beam, post = sorted(strokes, key=lambda stroke: -np.ptp(stroke[:, 0]))
    assert joins(beam, (20, 60), (240, 60), within=width + 2)
    assert np.ptp(beam[:, 1]) <= 2
    assert joins(post, (130, 60), (130, 240), within=width + 2)


@pytest.mark.parametrize("width", WIDTHS)
def test_a_closed_line_with_a_tail_is_a_ring_and_a_tail(width: int) -> None:
    ring = [(60, 60), (200, 60), (200, 200), (60, 200), (60, 60)]
    strokes = strokes_of_ink(ink_of(ring, [(200, 130), (250, 130)], width=width))
    closed, tail = sorted(strokes, key=lambda stroke: -len(stroke))
    assert np.linalg.norm(closed[0] - closed[-1]) <= 1
    assert joins(tail, (200, 130), (250, 130), within=width + 2)


def test_a_row_of_short_lines_is_no_crossing() -> None:
    comb = np.zeros((320, 320), bool)
    comb[:10] = comb[-10:] = comb[:, :10] = comb[:, -10:] = True
    comb[150:152, 60:260] = comb[120:180, 60:260:8] = True
    steps = [np.abs(np.diff(stroke, axis=0)).max() for stroke in strokes_of_ink(comb)]
    assert max(steps) < 20


def test_uneven_sides_grow_no_strokes() -> None:
    ink = ink_of([(20, 40), (240, 200)], width=11)
    rough = ink & ~(np.random.default_rng(0).random(ink.shape) < 0.02)
    rough |= np.roll(rough, 1, axis=0)
    assert len(strokes_of_ink(rough)) == 1


@pytest.mark.parametrize("side", [1, 2, 3])
def test_a_dot_is_no_longer_than_a_pixel(side: int) -> None:
    (dot,) = strokes_of_ink(np.ones((side, side), bool))
    assert np.ptp(dot, axis=0).max() <= 1


@pytest.mark.parametrize("side", [7, 12, 40, 300])
def test_a_filled_square_is_its_contour(side: int) -> None:
    (contour,) = strokes_of_ink(np.ones((side, side), bool))
    assert (contour[0] == contour[-1]).all()
    assert (np.ptp(contour, axis=0) >= 0.7 * side).all()


@pytest.mark.parametrize("density", [0.02, 0.3, 0.6, 0.95])
def test_noise_is_traced_within_its_picture(density: float) -> None:
    noise = np.random.default_rng(1).random((200, 300)) < density
    strokes = strokes_of_ink(noise)
    points = np.concatenate(strokes)
    assert (points >= 0).all()
    assert (points.max(axis=0) <= (299, 199)).all()
    assert min(map(len, strokes)) >= 1


def test_people_s_drawings_come_back_in_about_as_many_strokes(real_drawings: Path) -> None:
    random = np.random.default_rng(0)
    drawn = traced = 0
    for category in ("cat", "bicycle", "cow"):
        file = real_drawings / "full" / "simplified" / f"{category}.ndjson"
        for line in file.read_text().splitlines()[:8]:
            drawing = json.loads(line)["drawing"]
            drawn += len(drawing)
            traced += len(sketch_of_picture(paint_program(drawing, random)).strokes)
    assert 0.75 < traced / drawn < 1.25

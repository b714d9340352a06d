import json
from collections.abc import Sequence
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from qd_pipeline.errors import BadDrawing
from qd_pipeline.quickdraw.sketches.simplify import (
    Points,
    RawStroke,
    ramer_douglas_peucker,
    resample,
    simplify,
)

COORDINATES = st.floats(-1e6, 1e6, width=32)
STROKES = st.lists(st.tuples(COORDINATES, COORDINATES), min_size=1, max_size=30).map(
    lambda points: np.array(points).T
)
DRAWINGS = st.lists(STROKES, min_size=1, max_size=5)
RAW_FILES = 20
REAL_PAIRS = 426
REAL_STROKES = 2559


def spelled(strokes: Sequence[RawStroke]) -> list[list[list[int]]]:
    return [[x.tolist(), y.tolist()] for x, y in simplify(strokes)]


def test_every_real_stroke_comes_out_point_for_point(real_drawings: Path) -> None:
    raw_files = sorted((real_drawings / "full" / "raw").glob("*.ndjson"))
    assert len(raw_files) == RAW_FILES
    pairs = exact = strokes = 0
    for raw_file in raw_files:
        simplified_file = real_drawings / "full" / "simplified" / raw_file.name
        with raw_file.open() as raw, simplified_file.open() as simplified:
            for before, after in zip(
                map(json.loads, raw), map(json.loads, simplified), strict=False
            ):
                assert before["key_id"] == after["key_id"]
                pairs += 1
                strokes += len(after["drawing"])
                ours = spelled(before["drawing"])
                assert len(ours) == len(after["drawing"])
                exact += sum(a == b for a, b in zip(ours, after["drawing"], strict=True))
    assert (pairs, strokes) == (REAL_PAIRS, REAL_STROKES)
    assert exact == REAL_STROKES


def test_a_line_keeps_its_ends_only() -> None:
    assert spelled([[[3, 4, 5, 9], [7, 8, 9, 13]]]) == [[[0, 255], [0, 255]]]


def test_a_corner_is_kept() -> None:
    assert spelled([[[0, 10, 10], [0, 0, 10]]]) == [[[0, 255, 255], [0, 0, 255]]]


def test_strokes_share_one_scale_and_one_corner() -> None:
    assert spelled([[[100, 200], [50, 50]], [[100, 150], [75, 100]]]) == [
        [[0, 255], [0, 0]],
        [[0, 128], [64, 128]],
    ]


def test_a_small_drawing_is_scaled_up_and_a_large_one_down() -> None:
    corner = np.array([[0.0, 1.0, 1.0], [0.0, 0.0, 1.0]])
    assert spelled([corner / 100]) == spelled([corner * 5000])


def test_a_dot_stays_a_dot() -> None:
    assert spelled([[[0, 10], [0, 10]], [[5], [5]], [[5, 5, 5], [10, 10, 10]]]) == [
        [[0, 255], [0, 255]],
        [[128, 128], [128, 128]],
        [[128, 128], [255, 255]],
    ]


def test_a_drawing_of_one_dot_lies_in_the_corner() -> None:
    assert spelled([[[320.5], [77.0]]]) == [[[0, 0], [0, 0]]]


def test_a_stroke_back_to_its_start_keeps_its_farthest_point() -> None:
    assert spelled([[[0, 10, 0], [0, 0, 0]]]) == [[[0, 255, 0], [0, 0, 0]]]


def test_times_are_taken_and_ignored() -> None:
    assert spelled([[[0, 10], [0, 5], [0, 113]]]) == [[[0, 255], [0, 128]]]


def test_an_empty_stroke_is_left_out() -> None:
    assert spelled([[[], []], [[0, 10], [0, 5]]]) == [[[0, 255], [0, 128]]]


@pytest.mark.parametrize(
    ("strokes", "cause"),
    [
        ([], "has no strokes"),
        ([[[], []]], "has no strokes"),
        ([[[0, 1], [0]]], "equally long"),
        ([[[0, 1]]], "equally long"),
        ([[1, 2]], "rows of numbers"),
        ([5], "equally long"),
        ([[["a"], ["b"]]], "equally long"),
        ([[[0.0, float("nan")], [0.0, 1.0]]], "not finite"),
        ([[[0.0, None], [0.0, 1.0]]], "not finite"),
        ([[[0.0, float("inf")], [0.0, 1.0]]], "not finite"),
        ([[[-1.7e308, 1.7e308], [0.0, 1.0]]], "not finite"),
        ([[[0, 1] * 500, [0] * 1000]], "pixels of ink"),
    ],
)
def test_what_is_no_drawing_is_refused_with_a_remedy(strokes: Any, cause: str) -> None:
    with pytest.raises(BadDrawing, match=cause):
        simplify(strokes)


@given(DRAWINGS)
def test_every_stroke_stays_with_its_ends_in_the_box(strokes: list[Points]) -> None:
    simplified = simplify(strokes)
    points = np.concatenate([stroke.T for stroke in strokes])
    corner = points.min(0)
    extent = (points - corner).max() or 1.0
    assert len(simplified) == len(strokes)
    for stroke, (x, y) in zip(strokes, simplified, strict=True):
        assert x.dtype == y.dtype == np.uint8
        assert len(x) == len(y) >= 2
        scaled = (stroke.T - corner) * 255 / extent
        assert np.abs(scaled[[0, -1]] - np.column_stack([x, y])[[0, -1]]).max() <= 0.5 + 1e-9


@given(DRAWINGS)
def test_simplifying_again_keeps_the_ends_of_every_stroke(strokes: list[Points]) -> None:
    once = simplify(strokes)
    # A stroke along two edges keeps the scale where rounding or simplifying left less than 255.
    frame = (np.array([0, 255, 255]), np.array([0, 0, 255]))
    twice = simplify([*once, frame])[:-1]
    assert [stroke[:, [0, -1]].tolist() for stroke in map(np.array, twice)] == [
        stroke[:, [0, -1]].tolist() for stroke in map(np.array, once)
    ]


@given(st.lists(st.tuples(COORDINATES, COORDINATES), min_size=1, unique=True), st.floats(0, 1e5))
def test_what_is_left_out_lies_within_epsilon_of_the_line_kept(
    stroke: list[tuple[float, float]], epsilon: float
) -> None:
    points = np.array(stroke)
    places = [stroke.index(tuple(point)) for point in ramer_douglas_peucker(points, epsilon)]
    assert (places[0], places[-1]) == (0, len(stroke) - 1)
    for first, last in pairwise(places):
        chord = points[last] - points[first]
        away = points[first : last + 1] - points[first]
        distances = np.abs(chord[0] * away[:, 1] - chord[1] * away[:, 0])
        assert (distances <= (epsilon + 1e-6) * np.hypot(*chord) + 1e-6).all()


def test_a_larger_epsilon_keeps_fewer_points() -> None:
    angle = np.linspace(0, 4 * np.pi, 500)
    wave = np.column_stack([angle * 20, 30 * np.sin(angle)])
    kept = [len(ramer_douglas_peucker(wave, epsilon)) for epsilon in (0.1, 1.0, 2.0, 10.0, 100.0)]
    assert kept == sorted(kept, reverse=True)
    assert kept[-1] == 2


@pytest.mark.parametrize("count", [0, 1, 2])
def test_up_to_two_points_are_kept_as_they_are(count: int) -> None:
    points = np.arange(2.0 * count).reshape(count, 2)
    assert ramer_douglas_peucker(points, 2.0).tolist() == points.tolist()


@given(STROKES.map(lambda stroke: stroke / 1e5))
def test_resampled_points_are_at_most_one_apart(stroke: Points) -> None:
    taken = resample(np.ascontiguousarray(stroke.T))
    assert taken[0].tolist() == stroke.T[0].tolist()
    assert taken[-1].tolist() == stroke.T[-1].tolist()
    assert np.hypot(*np.diff(taken, axis=0).T).max() <= 1 + 1e-9

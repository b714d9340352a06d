"""Strokes are read in the dataset's layout and as lists of points."""

from typing import Any

import pytest

from qd_pipeline.errors import BadDrawing
from qd_pipeline.quickdraw.sketches.points import Layout, strokes_of_points

LONG = ([0, 0, 60, 255, 255], [113, 98, 7, 0, 20])
SHORT = ([0, 9], [200, 210])


def transposed(stroke: Any) -> list[Any]:
    return [list(point) for point in zip(*stroke, strict=True)]


def lists(strokes: Any) -> list[Any]:
    return [(x.tolist(), y.tolist()) for x, y in strokes]


@pytest.mark.parametrize(
    "drawing",
    [
        [LONG],
        [LONG, SHORT],
        [SHORT, LONG],
        [LONG, ([4], [5])],
        [(*LONG, [0, 9, 18, 40, 99])],
        [([3.5, 4.5, 9.0], [0.0, 1.0, 2.0], [0, 10, 20]), (*LONG, [30, 30, 31, 32, 33])],
    ],
    ids=["long", "long and short", "short and long", "with a dot", "with times", "raw"],
)
def test_lists_of_points_are_the_same_drawing_as_columns(drawing: list[Any]) -> None:
    columns = strokes_of_points(drawing)
    points = strokes_of_points([transposed(stroke) for stroke in drawing])
    assert lists(points) == lists(columns)


@pytest.mark.parametrize(
    "named",
    [
        lambda x, y: {"x": x, "y": y, "t": x},
        lambda x, y: [{"x": a, "y": b, "time": 3} for a, b in zip(x, y, strict=True)],
        lambda x, y: {"points": [{"x": a, "y": b} for a, b in zip(x, y, strict=True)]},
        lambda x, y: {"color": "red", "points": [[a, b] for a, b in zip(x, y, strict=True)]},
    ],
    ids=["rows", "points", "an object with points", "an object with pairs"],
)
def test_coordinates_with_names_leave_no_doubt(named: Any) -> None:
    drawing = [SHORT, LONG, SHORT]
    assert lists(strokes_of_points([named(*stroke) for stroke in drawing])) == drawing


def test_empty_strokes_are_left_out_of_either_layout() -> None:
    for drawing in ([LONG, SHORT], [transposed(LONG), transposed(SHORT)]):
        assert lists(strokes_of_points([[], drawing[0], [], drawing[1]])) == [LONG, SHORT]


@pytest.mark.parametrize(
    "drawing",
    [
        [SHORT],
        [SHORT, SHORT],
        [([0, 9, 20], [5, 10, 30])],
        [([0, 255, 90], [0, 20, 200], [7, 8, 300])],
    ],
    ids=["two points", "two strokes", "three points", "three points with times"],
)
def test_what_can_be_read_either_way_is_refused_unless_the_layout_is_given(
    drawing: list[Any],
) -> None:
    with pytest.raises(BadDrawing, match=r"both as columns, .* and as points") as refusal:
        strokes_of_points(drawing)
    assert "--layout" in refusal.value.remedy
    columns = strokes_of_points(drawing, layout="columns")
    points = strokes_of_points([transposed(stroke) for stroke in drawing], layout="points")
    assert lists(columns) == lists(points)
    assert lists(columns) != lists(strokes_of_points(drawing, layout="points"))


def test_times_that_would_run_backwards_tell_the_layout() -> None:
    drawing = [[[10.0, 20.0, 30.0], [5.0, 5.0, 5.0]]]
    assert lists(strokes_of_points(drawing)) == [([0, 255], [0, 0])]


@pytest.mark.parametrize("layout", [None, "columns", "points"])
@pytest.mark.parametrize(
    "drawing",
    [
        [[[1, 2, 3, 9], [1, 2, 3, 9], [1, 2, 3, 9], [1, 2, 3, 9]]],
        [[[1, 2, 3, 9], [1, 2, 3]]],
        [[[1, 2, 3, 9]]],
        [[1, 2, 3]],
        [LONG, transposed(LONG)],
        [{"points": transposed(LONG)}, LONG],
    ],
    ids=["a fourth row", "uneven rows", "one row", "no rows", "both layouts", "names"],
)
def test_no_row_is_passed_over(drawing: list[Any], layout: Layout | None) -> None:
    with pytest.raises(BadDrawing):
        strokes_of_points(drawing, layout=layout)


def test_the_steps_of_stroke_3_are_not_taken_for_points_with_times() -> None:
    with pytest.raises(BadDrawing, match="neither two rows of numbers nor three"):
        strokes_of_points([[[9, 5, 0], [3, 4, 0], [0, 9, 0], [4, 4, 1]]])

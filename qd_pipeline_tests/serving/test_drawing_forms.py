import base64
import json
from typing import Any
from urllib.parse import quote

import numpy as np
import pyarrow as pa
import pytest

from qd_pipeline.errors import BadDrawing
from qd_pipeline.quickdraw.sketches.sketch import to_column
from qd_pipeline.serving.drawing_forms import readable, sketch_of, sketches_of

SIMPLIFIED = [[[0, 255, 255], [0, 127, 0]]]
SVG = (
    b'<svg xmlns="http://www.w3.org/2000/svg">'
    b'<path d="M0 0L10 5V0" fill="none" stroke="black"/></svg>'
)


def column(*given: Any, **options: Any) -> pa.Array:
    return to_column([sketch_of(each, **options).strokes for each in given])


@pytest.mark.parametrize(
    "given",
    [
        SIMPLIFIED,
        ((np.array([5.0, 15.0, 15.0]), np.array([2.0, 7.0, 2.0])),),
        {"drawing": SIMPLIFIED, "word": "line"},
        json.dumps(SIMPLIFIED),
        f"  {json.dumps({'drawing': SIMPLIFIED})}\n",
        SVG,
        base64.b64encode(SVG).decode(),
        base64.encodebytes(SVG).decode(),
        base64.urlsafe_b64encode(SVG).decode().rstrip("="),
        f"data:image/svg+xml;base64,{base64.urlsafe_b64encode(SVG).decode().rstrip('=')}",
        f"data:image/svg+xml;base64,{base64.b64encode(SVG).decode()}",
        f"data:image/svg+xml,{quote(SVG.decode())}",
        SVG.decode(),
        {"drawing": json.dumps(SIMPLIFIED)},
    ],
)
def test_every_form_of_a_drawing_gives_its_strokes(given: Any) -> None:
    [(x, y)] = sketch_of(given).strokes
    assert (x.tolist(), y.tolist()) == ([0, 255, 255], [0, 127, 0])


SHORT = [[[0, 9], [200, 210]], [[5, 60], [7, 8]]]


@pytest.mark.parametrize(
    ("others", "layout"),
    [
        ([SIMPLIFIED], "columns"),
        ([json.dumps([[[0, 9], [200, 210], [5, 60], [7, 8]]]), {"drawing": SHORT}], "points"),
        ([SVG, SIMPLIFIED], "columns"),
        (
            [
                np.pad(np.zeros((9, 9, 3), int), 9, constant_values=250)[..., 9:12].tolist(),
                SIMPLIFIED,
            ],
            "columns",
        ),
        ([np.array([[[0, 9], [200, 210], [5, 60], [7, 8]]])], "points"),
    ],
)
def test_one_drawing_shows_the_layout_of_all_in_a_request(others: list[Any], layout: Any) -> None:
    together = sketches_of([SHORT, *others], [None] * (1 + len(others)))
    assert to_column([together[0].strokes]) == column(SHORT, layout=layout)


@pytest.mark.parametrize(
    "given",
    [
        [SHORT],
        [json.dumps(SHORT), {"drawing": SHORT}],
        [SHORT, SIMPLIFIED, [[[0, 9], [200, 210], [5, 60], [7, 8]]]],
        [SHORT, SVG, [{"x": [0, 9], "y": [200, 210]}]],
    ],
    ids=["alone", "all", "in two layouts", "beside names"],
)
def test_a_request_that_does_not_show_the_layout_is_refused(given: list[Any]) -> None:
    with pytest.raises(BadDrawing, match=r"both as columns, .* and as points"):
        sketches_of(given, [None] * len(given))


@pytest.mark.parametrize("simplified", [None, False])
@pytest.mark.parametrize("most", [210, 900.5])
def test_strokes_with_names_need_no_layout(most: float, simplified: bool | None) -> None:  # noqa: FBT001
    named = [{"x": [0, most], "y": [200, 210]}]
    columns = [[[0, most], [200, 210]]]
    expected = column(columns, simplified=simplified, layout="columns")
    if simplified is None and most == 210:  # they can be the stroke table's
        expected = column(columns, simplified=True)
    assert column(named, simplified=simplified) == expected


def test_the_python_api_can_be_told_the_layout() -> None:
    (sketch,) = readable([SHORT], "points")
    assert to_column([sketch.strokes]) == column(SHORT, layout="points")


def test_short_strokes_of_the_dataset_or_said_to_be_simplified_are_columns() -> None:
    columns = column(SHORT, layout="columns")
    assert column(json.dumps({"word": "line", "drawing": SHORT})) == columns
    assert column(SHORT, simplified=True).to_pylist()[0][0]["x"] == [0, 9]


@pytest.mark.parametrize(
    ("given", "sentence"),
    [
        ("", "is empty|is no PNG"),
        ("a cow", "neither JSON nor Base64"),
        ("[[[0", "is no JSON"),
        ("[" * 100_000, "is no JSON"),
        ({"word": "cow"}, "the drawing is missing"),
        (SIMPLIFIED[0], "one stroke alone.* a list of strokes"),
        (SIMPLIFIED[0][0], "one stroke alone"),
        ({"x": [0, 10], "y": [0, 5]}, "one stroke alone"),
        (12, "is a int"),
        ("data:image/png;base64,a cow", "nor a data URL"),
        ([json.dumps(SIMPLIFIED)] * 2, "a row of its own"),
        (b"\0\1\2", "is no PNG, JPEG, WebP, GIF or SVG"),
        ([], "has no strokes"),
    ],
)
def test_what_is_no_drawing_is_refused(given: Any, sentence: str) -> None:
    with pytest.raises(BadDrawing, match=sentence):
        sketch_of(given)


COLOUR = np.full((40, 40, 3), (250, 240, 200))
COLOUR[8:32, 18:22] = COLOUR[8:12, 10:30] = (30, 20, 200)


@pytest.mark.parametrize("scale", [1, 255])
def test_a_list_of_colours_is_a_picture_whatever_its_blue(scale: int) -> None:
    listed = (COLOUR / scale if scale > 1 else COLOUR).tolist()
    assert column(listed) == column(COLOUR.astype(np.uint8))


def test_points_with_times_are_strokes_however_many_and_small() -> None:
    points = [[[place, stroke, 9 * stroke + place] for place in range(9)] for stroke in range(9)]
    assert len(sketch_of(points).strokes) == 9
    late = [[[x, y, time + 1000] for x, y, time in stroke] for stroke in points]
    assert len(sketch_of(late).strokes) == 9

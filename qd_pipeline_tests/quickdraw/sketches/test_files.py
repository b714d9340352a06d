"""Files of one's own drawings: encodings, lines and pictures."""

import json
from pathlib import Path
from typing import Any, Literal

import pytest

from qd_pipeline.errors import BadDrawing
from qd_pipeline.quickdraw.raster import rasterize
from qd_pipeline.quickdraw.sketches.files import read_sketches
from qd_pipeline.quickdraw.sketches.sketch import to_column
from qd_pipeline_tests.quickdraw.sketches.face import FACE, bitmap_of, difference, painted

ONE = [[[3, 255, 17, 4], [1, 2, 240, 0]], [[9, 9], [9, 9]]]
OTHER = [[[0, 40, 40, 2], [0, 245, 3, 1]]]


def lists(path: Path) -> list[Any]:
    sketches, errors = read_sketches(path)
    assert errors == []
    return [[[x.tolist(), y.tolist()] for x, y in sketch.strokes] for sketch in sketches]


def test_a_picture_file_is_one_drawing(tmp_path: Path) -> None:
    file = tmp_path / "face.png"
    painted(FACE).save(file)
    (sketch,), errors = read_sketches(file)
    assert errors == []
    assert difference(rasterize(to_column([sketch.strokes]))[0], bitmap_of(FACE)) < 5


@pytest.mark.parametrize(
    "encoding",
    ["utf-8", "utf-8-sig", "utf-16", "utf-16-be", "utf-16-le", "utf-32", "utf-32-be", "utf-32-le"],
)
@pytest.mark.parametrize("end", ["\n", "\r\n", "\r"])
def test_simplified_strokes_are_read_as_they_are_in_every_encoding(
    encoding: str, end: str, tmp_path: Path
) -> None:
    file = tmp_path / "drawings.ndjson"
    mark = "\ufeff" if encoding == "utf-16-be" and end == "\n" else ""
    text = f"{mark}{json.dumps({'word': 'cat', 'drawing': ONE})}{end}{json.dumps(OTHER)}{end}{end}"
    file.write_bytes(text.encode(encoding))
    assert lists(file) == [ONE, OTHER]


@pytest.mark.parametrize(
    "text",
    [
        json.dumps([ONE, OTHER]),
        json.dumps([{"drawing": ONE}, {"drawing": OTHER}], indent=2),
        json.dumps([{"strokes": [{"x": x, "y": y} for x, y in each]} for each in (ONE, OTHER)]),
    ],
    ids=["a list of drawings", "indented objects", "strokes with names"],
)
def test_a_json_list_holds_several_drawings(text: str, tmp_path: Path) -> None:
    (tmp_path / "drawings.json").write_text(text)
    assert lists(tmp_path / "drawings.json") == [ONE, OTHER]


def test_the_datasets_objects_are_columns_whatever_their_shape(tmp_path: Path) -> None:
    strokes = [[[0, 255], [0, 20]]]
    (tmp_path / "a.ndjson").write_text(json.dumps({"key_id": "1", "drawing": strokes}))
    assert lists(tmp_path / "a.ndjson") == [strokes]


@pytest.mark.parametrize(
    ("other", "layout"), [(ONE, "columns"), ([[[0, 0], [0, 255], [9, 9], [4, 4]]], "points")]
)
def test_another_line_shows_the_layout_of_short_strokes(
    other: Any, layout: Literal["columns", "points"], tmp_path: Path
) -> None:
    file, short = tmp_path / "drawings.ndjson", [[[0, 255], [0, 20]]]
    file.write_text(f"{json.dumps(short)}\n{json.dumps(other)}\n")
    (shown, _), errors = read_sketches(file)
    file.write_text(json.dumps(short))
    ((told,), _) = read_sketches(file, layout=layout)
    assert (to_column([shown.strokes]), errors) == (to_column([told.strokes]), [])


@pytest.mark.parametrize(
    "drawing",
    [
        [[[10.0, 20.0, 30.0], [5.0, 5.0, 5.0]]],
        [[[10, 20, 30, 30], [5, 5, 5, 5]]],
        [[[0, 128, 255], [5, 5, 5], [0, 16, 32]]],
        [[[-10, 0, 9, 500], [5, 5, 5, 5]]],
    ],
    ids=["fractions", "small", "with times", "large"],
)
def test_raw_strokes_are_simplified(drawing: Any, tmp_path: Path) -> None:
    file = tmp_path / "raw.ndjson"
    file.write_text(json.dumps({"drawing": drawing}))
    assert lists(file) == [[[[0, 255], [0, 0]]]]


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
def test_a_damaged_line_is_named_and_the_others_are_read(
    content: str, cause: str, tmp_path: Path
) -> None:
    file = tmp_path / "drawings.ndjson"
    file.write_text(f"{json.dumps(ONE)}\n\n{content}\n{json.dumps(OTHER)}\n")
    sketches, (error,) = read_sketches(file)
    assert [sketch.number for sketch in sketches] == [1, 4]
    assert error.culprit == f"{file}, line 3,"
    assert cause in error.cause
    assert error.remedy


@pytest.mark.parametrize("content", ["word,drawing", "null", '{"drawing": [[[1, 2], [3'])
def test_a_damaged_first_line_does_not_make_a_picture_of_the_file(
    content: str, tmp_path: Path
) -> None:
    file = tmp_path / "drawings.ndjson"
    file.write_text(f"{content}\n{json.dumps(ONE)}\n")
    sketches, (error,) = read_sketches(file)
    assert [sketch.number for sketch in sketches] == [2]
    assert error.culprit == f"{file}, line 1,"


def test_of_json_over_many_lines_only_the_damaged_one_is_named(tmp_path: Path) -> None:
    file = tmp_path / "drawings.json"
    file.write_text(json.dumps(ONE, indent=1).replace("240,", "240,,"))
    sketches, (error,) = read_sketches(file)
    assert sketches == []
    assert (error.culprit, error.cause) == (f"{file}, line 12,", "is no JSON")


@pytest.mark.parametrize(
    ("content", "cause"),
    [
        (b'\xff\xfe{\0"', "is not UTF-8, UTF-16 or UTF-32"),
        (b'{"drawing": "\xff"}', "is not UTF-8, UTF-16 or UTF-32"),
        (b" \n", "is empty"),
        (b"\xef\xbb\xbf\n", "is empty"),
        (b"\xff\xfe", "is empty"),
        ("[[[0, 9, 5, 1], [3, 4, 2, 0]]]".encode("utf-16")[:-1], "or is cut off"),
    ],
)
def test_a_file_in_another_encoding_is_refused(content: bytes, cause: str, tmp_path: Path) -> None:
    (tmp_path / "a.ndjson").write_bytes(content)
    with pytest.raises(BadDrawing, match=cause):
        read_sketches(tmp_path / "a.ndjson")


def test_a_line_in_another_encoding_is_named_and_the_others_are_read(tmp_path: Path) -> None:
    file = tmp_path / "drawings.ndjson"
    text = json.dumps({"drawing": json.dumps(ONE)})
    file.write_bytes(b'{"word": "caf\xe9", "drawing": [[[0, 9], [3, 4]]]}\n' + text.encode())
    sketches, (error,) = read_sketches(file)
    assert [sketch.number for sketch in sketches] == [2]
    assert error.culprit == f"{file}, line 1,"
    assert error.cause.startswith("is not UTF-8")


@pytest.mark.parametrize("encoding", ["utf-16", "utf-16-be", "utf-32-le"])
def test_a_last_line_that_is_cut_off_is_named_and_the_others_are_read(
    encoding: str, tmp_path: Path
) -> None:
    file = tmp_path / "drawings.ndjson"
    file.write_bytes(f"{json.dumps(ONE)}\n{json.dumps(OTHER)}".encode(encoding)[:-1])
    sketches, (error,) = read_sketches(file)
    assert [sketch.number for sketch in sketches] == [1]
    assert error.culprit == f"{file}, line 2,"
    assert error.cause.endswith("or is cut off")


def test_a_damaged_line_costs_no_other(tmp_path: Path) -> None:
    file = tmp_path / "drawings.ndjson"
    good = json.dumps({"word": "\ufffd", "drawing": ONE}, ensure_ascii=False).encode()
    file.write_bytes(b"\n".join([good, json.dumps(OTHER).encode()[:9] + b"\xff", good]))
    sketches, (error,) = read_sketches(file)
    assert [sketch.number for sketch in sketches] == [1, 3]
    assert error.culprit == f"{file}, line 2,"


def test_a_file_that_is_not_there_is_said(tmp_path: Path) -> None:
    with pytest.raises(BadDrawing, match=r"cat\.png is not there: check its name"):
        read_sketches(tmp_path / "cat.png")

"""Drawings become bitmaps, bit for bit as cairo draws them."""

import json
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from benchmarks.references import Strokes, cairo_bitmaps
from qd_pipeline.errors import BadDrawing, BadSetting
from qd_pipeline.quickdraw.raster import DRAWING, rasterize
from qd_pipeline_tests.quickdraw.cairo_fixture import read
from qd_pipeline_tests.quickdraw.random_drawings import random_drawings

DOT = [[[0], [0]]]
LINE = [[[0, 100], [0, 50]]]
CORNER = [[[0, 100, 100], [0, 50, 0]]]
PIXEL = 304 / 28
MIRROR = [[-1, 0, 256], [0, 1, 0]]

COORDINATE = st.integers(0, 255)
STROKE = st.lists(st.tuples(COORDINATE, COORDINATE), min_size=1, max_size=12).map(
    lambda points: [list(values) for values in zip(*points, strict=True)]
)
DRAWINGS = st.lists(st.lists(STROKE, min_size=1, max_size=4), min_size=1, max_size=4)


def column(drawings: Sequence[Strokes]) -> pa.Array:
    return pa.array([[{"x": xs, "y": ys} for xs, ys in strokes] for strokes in drawings], DRAWING)


def same_map(matrix: Sequence[Sequence[float]], count: int) -> np.ndarray:
    return np.broadcast_to(np.array(matrix, float), (count, 2, 3))


def test_a_single_dot_is_drawn() -> None:
    bitmap = rasterize(column([DOT]))[0]
    assert bitmap[12:16, 12:16].tolist() == [
        [0, 0, 0, 0],
        [0, 104, 104, 0],
        [0, 104, 104, 0],
        [0, 0, 0, 0],
    ]
    assert bitmap.sum() == 4 * 104


def test_points_at_one_place_are_a_dot() -> None:
    once, often = [[[9], [7]]], [[[9] * 5, [7] * 5]]
    bitmaps = rasterize(column([once, often]))
    assert bitmaps[0].any()
    assert np.array_equal(bitmaps[0], bitmaps[1])


def test_a_line_is_drawn() -> None:
    bitmap = rasterize(column([LINE]))[0]
    assert bitmap[14, 11:19].tolist() == [0, 22, 136, 246, 249, 153, 28, 0]
    assert bitmap.sum() == 4272


def test_a_corner_is_drawn_with_a_round_join() -> None:
    bitmap = rasterize(column([CORNER]))[0]
    assert bitmap[14, 12:20].tolist() == [22, 136, 246, 249, 153, 61, 255, 88]
    assert bitmap.sum() == 5914
    rows, columns = np.nonzero(bitmap)
    assert (rows.min(), rows.max(), columns.min(), columns.max()) == (10, 17, 8, 19)


def test_what_adds_up_to_more_than_a_pixel_runs_over_as_cairos_byte_does() -> None:
    bitmap = rasterize(column([[[[151, 249, 252, 26], [229, 119, 8, 37]]]]))[0]
    assert bitmap[5, 24:27].tolist() == [77, 0, 78]


def test_a_drawing_is_centred_by_its_largest_coordinates() -> None:
    moved = [[[20, 60], [30, 90]]]
    apart = [[[20, 60], [30, 90]], [[0], [0]]]
    same_edge = np.minimum(rasterize(column([moved])), rasterize(column([apart])))
    assert np.array_equal(same_edge, rasterize(column([moved])))


def test_bitmaps_are_black_where_there_is_nothing_to_draw() -> None:
    empty = pa.array(
        [[], [{"x": [], "y": []}], [{"x": [], "y": []}, {"x": [0], "y": [0]}]], DRAWING
    )
    bitmaps = rasterize(empty)
    assert bitmaps.shape == (3, 28, 28)
    assert bitmaps.dtype == np.uint8
    assert not bitmaps[:2].any()
    assert np.array_equal(bitmaps[2], rasterize(column([DOT]))[0])


def test_no_drawings_give_no_bitmaps() -> None:
    assert rasterize(pa.array([], DRAWING)).shape == (0, 28, 28)
    assert rasterize(pa.chunked_array([], DRAWING), 32, channels=3).shape == (0, 32, 32, 3)


def test_slices_and_chunks_are_drawn_as_the_whole() -> None:
    drawings = column(random_drawings(50, seed=1))
    whole = rasterize(drawings)
    assert np.array_equal(rasterize(drawings[17:31]), whole[17:31])
    chunks = pa.chunked_array([drawings[:20], drawings[20:20], drawings[20:]])
    assert np.array_equal(rasterize(chunks), whole)
    assert np.array_equal(rasterize(chunks.slice(15, 20)), whole[15:35])


def test_threads_change_nothing() -> None:
    drawings = column(random_drawings(2000, seed=2))
    assert np.array_equal(rasterize(drawings, threads=1), rasterize(drawings, threads=3))


def test_coordinates_may_come_as_other_whole_numbers() -> None:
    wide = pa.list_(pa.struct({"x": pa.list_(pa.int64()), "y": pa.list_(pa.int64())}))
    drawings = column([LINE, CORNER])
    assert np.array_equal(rasterize(drawings.cast(wide)), rasterize(drawings))


@pytest.mark.parametrize(
    "rows",
    [
        [None],
        [[None]],
        [[{"x": None, "y": [1]}]],
        [[{"x": [1, None], "y": [1, 2]}]],
    ],
    ids=["drawing", "stroke", "list", "coordinate"],
)
def test_nulls_are_refused(rows: list[object]) -> None:
    drawings = pa.array([[{"x": [1], "y": [1]}], *rows], DRAWING)
    with pytest.raises(BadDrawing, match="nulls"):
        rasterize(drawings)
    assert rasterize(drawings[:1]).any()


def test_a_stroke_with_more_x_than_y_is_refused() -> None:
    with pytest.raises(BadDrawing, match="as many x as y"):
        rasterize(pa.array([[{"x": [1, 2], "y": [1]}]], DRAWING))


def test_columns_of_another_type_are_refused() -> None:
    with pytest.raises(BadDrawing, match="is string"):
        rasterize(pa.array(["cow"]))


@pytest.mark.parametrize(
    ("setting", "arguments"),
    [
        ("side", {"side": 3}),
        ("side", {"side": 513}),
        ("channels", {"channels": 0}),
        ("affine", {"affine": np.zeros((2, 2, 3))}),
        ("affine", {"affine": np.full((1, 2, 3), np.nan)}),
    ],
)
def test_what_cannot_be_drawn_with_is_refused(setting: str, arguments: dict[str, object]) -> None:
    with pytest.raises(BadSetting, match=setting):
        rasterize(column([DOT]), **arguments)  # type: ignore[arg-type]


@settings(max_examples=50)
@given(DRAWINGS)
def test_the_identity_map_changes_no_bit(drawings: list[Strokes]) -> None:
    plain = rasterize(column(drawings))
    identity = same_map([[1, 0, 0], [0, 1, 0]], len(drawings))
    assert np.array_equal(rasterize(column(drawings), affine=identity), plain)


@settings(max_examples=50)
@given(DRAWINGS, st.integers(-8, 8), st.integers(-8, 8))
def test_a_shift_by_whole_pixels_shifts(drawings: list[Strokes], right: int, down: int) -> None:
    plain = rasterize(column(drawings))
    shift = same_map([[1, 0, right * PIXEL], [0, 1, down * PIXEL]], len(drawings))
    padded = np.pad(plain, ((0, 0), (8, 8), (8, 8)))
    expected = padded[:, 8 - down : 36 - down, 8 - right : 36 - right]
    assert np.array_equal(rasterize(column(drawings), affine=shift), expected)


@settings(max_examples=50)
@given(DRAWINGS, STROKE)
def test_one_more_stroke_darkens_no_pixel(drawings: list[Strokes], stroke: list[list[int]]) -> None:
    corner = [[[255], [255]]]
    less = [[*strokes, *corner] for strokes in drawings]
    more = [[*strokes, *corner, stroke] for strokes in drawings]
    assert (rasterize(column(more)) >= rasterize(column(less))).all()


def test_mirrored_drawings_give_mirrored_bitmaps_but_for_roundings() -> None:
    """Cairo rounds halves to the right and down, and so does not mirror exactly."""
    drawings = column(read()[0])
    mirrored = rasterize(drawings, affine=same_map(MIRROR, len(drawings)))
    difference = np.abs(mirrored[:, :, ::-1].astype(int) - rasterize(drawings))
    assert difference.max() <= 25
    assert difference.mean() < 0.2


@settings(max_examples=30)
@given(DRAWINGS, st.lists(st.floats(-1e12, 1e12), min_size=6, max_size=6))
def test_ink_may_leave_the_bitmap_by_any_map(drawings: list[Strokes], entries: list[float]) -> None:
    affine = np.broadcast_to(np.reshape(entries, (2, 3)), (len(drawings), 2, 3))
    assert rasterize(column(drawings), affine=affine).shape == (len(drawings), 28, 28)


def test_strokes_are_spread_over_channels_by_their_order() -> None:
    strokes = [[[0, 255], [10 * i, 10 * i + 5]] for i in range(7)] + [[[0], [255]]]
    spread = rasterize(column([strokes]), channels=3)[0]
    assert spread.shape == (28, 28, 3)
    for channel in range(3):
        own = [s for j, s in enumerate(strokes) if j * 3 // len(strokes) == channel]
        # Drawn alone it would be centred anew: its map puts it back.
        right, below = (max(max(stroke[axis]) for stroke in own) for axis in (0, 1))
        back = [[1, 0, (right - 255) / 2], [0, 1, (below - 255) / 2]]
        alone = rasterize(column([own]), affine=same_map(back, 1))[0]
        assert np.array_equal(spread[:, :, channel], alone)


def test_many_strokes_and_giant_polylines_are_drawn() -> None:
    chance = np.random.default_rng(4)
    many = chance.integers(0, 256, (10_000, 2, 2)).tolist()
    giant = [chance.integers(0, 256, (2, 20_000)).tolist()]
    bitmaps = rasterize(column([many, giant, LINE]))
    assert (bitmaps[:2, 4:24, 4:24] == 255).all()
    assert np.array_equal(bitmaps[2], rasterize(column([LINE]))[0])


def test_the_kept_bitmaps_of_cairo_are_reproduced() -> None:
    drawings, bitmaps = read()
    assert len(drawings) == 112
    assert np.array_equal(rasterize(column(drawings)), bitmaps)


@pytest.fixture
def cairo() -> None:
    try:
        cairo_bitmaps([])
    except BadSetting as missing:
        pytest.skip(str(missing))


def those_that_cairo_draws_otherwise(drawings: Sequence[Strokes], side: int) -> list[Strokes]:
    differs = (rasterize(column(drawings), side) != cairo_bitmaps(drawings, side)).any((1, 2))
    return [drawing for drawing, other in zip(drawings, differs, strict=True) if other]


@pytest.mark.usefixtures("cairo")
@pytest.mark.parametrize("side", [28, 32, 56, 64, 128, 256, 5])
def test_cairo_draws_the_same(side: int) -> None:
    drawings = random_drawings(3500 if side == 28 else 210, seed=side)
    assert those_that_cairo_draws_otherwise(drawings, side) == []


@pytest.mark.usefixtures("cairo")
@pytest.mark.parametrize("side", [28, 64])
@pytest.mark.parametrize("points", [10, 20, 40, 100, 300, 1000])
def test_cairo_draws_scribbles_the_same(points: int, side: int) -> None:
    """From rows that few edges cross to those that more cross than the quick scan takes on."""
    chance = np.random.default_rng(points)
    drawings = [[chance.integers(0, 256, (2, points)).tolist()] for _ in range(5)]
    assert those_that_cairo_draws_otherwise(drawings, side) == []


def test_the_public_bitmaps_are_reproduced(real_drawings: Path) -> None:
    rows = 0
    for path in sorted((real_drawings / "full" / "numpy_bitmap").glob("*.npy")):
        lines = (real_drawings / "full" / "simplified" / f"{path.stem}.ndjson").read_text()
        drawings = [json.loads(line)["drawing"] for line in lines.splitlines()]
        bitmaps = np.load(path, allow_pickle=False).reshape(-1, 28, 28)
        assert np.array_equal(rasterize(column(drawings)), bitmaps), path.stem
        rows += len(bitmaps)
    assert rows == 3375

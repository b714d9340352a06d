"""Drawings become sequences of places along their ink."""

from collections.abc import Sequence

import numpy as np
import pyarrow as pa
import pytest
from numpy.typing import NDArray

from benchmarks.references import Strokes
from qd_pipeline.errors import BadDrawing, BadSetting
from qd_pipeline.quickdraw.raster import DRAWING, rasterize
from qd_pipeline.quickdraw.sequences import sequences
from qd_pipeline_tests.quickdraw.random_drawings import random_drawings

RIGHT_THEN_DOWN = [[[0, 128], [0, 0]], [[128, 128], [0, 128]]]


def column(drawings: Sequence[Strokes]) -> pa.Array:
    return pa.array([[{"x": xs, "y": ys} for xs, ys in strokes] for strokes in drawings], DRAWING)


def resampled(strokes: Strokes, length: int) -> NDArray[np.float64]:
    """Resample one drawing with NumPy: the same arithmetic, written another way."""
    xs, ys = (np.concatenate([stroke[axis] for stroke in strokes]).astype(float) for axis in (0, 1))
    of = np.repeat(np.arange(len(strokes)), [len(stroke[0]) for stroke in strokes])
    x, y = xs + (256 - xs.max()) / 2, ys + (256 - ys.max()) / 2
    begins = np.diff(of, prepend=-1) != 0
    dx, dy = (np.where(begins, 0, np.diff(each, prepend=0)) for each in (x, y))
    ink = np.hypot(dx, dy)
    ends = np.cumsum(ink + 0.001)
    targets = (np.arange(length) + 0.5) * ends[-1] / length
    at = np.minimum(np.searchsorted(ends, targets, side="right"), len(ends) - 1)
    back = (ends[at] - targets) / (ink[at] + 0.001)
    unit = np.divide(1, ink, out=np.zeros_like(ink), where=ink > 0)
    return np.stack(
        [
            (x[at] - back * dx[at]) / 128 - 1,
            (y[at] - back * dy[at]) / 128 - 1,
            (dx * unit)[at],
            (dy * unit)[at],
            np.diff(of[at], prepend=of[at][0]) != 0,
            np.full(length, ends[-1] / 1000),
        ],
        axis=1,
    )


def test_two_lines_are_sampled_at_the_middles_of_equal_parts() -> None:
    found = sequences(column([RIGHT_THEN_DOWN]), 4)
    assert found.shape == (1, 4, 6)
    assert found.dtype == np.float32
    expected = [
        [-0.25, -0.5, 1, 0, 0, 0.256],
        [0.25, -0.5, 1, 0, 0, 0.256],
        [0.5, -0.25, 0, 1, 1, 0.256],
        [0.5, 0.25, 0, 1, 0, 0.256],
    ]
    assert found[0] == pytest.approx(np.array(expected), abs=1e-4)


def test_the_middle_of_a_drawing_of_one_point_is_every_place() -> None:
    (found,) = sequences(column([[[[7], [99]]]]), 3)
    assert found == pytest.approx(
        np.array([[(256 + 7) / 256 - 1, (256 + 99) / 256 - 1] + [0] * 4] * 3), abs=1e-5
    )


def test_dots_share_the_places() -> None:
    (found,) = sequences(column([[[[0], [0]], [[100], [0]], [[100, 100], [100, 100]]]]), 8)
    left, right = (256 - 100) / 256 - 1, (256 + 100) / 256 - 1
    assert found[:, 0] == pytest.approx([left] * 2 + [right] * 6)
    assert found[:, 1] == pytest.approx([left] * 4 + [right] * 4)
    assert not found[:, 2:4].any()
    assert found[:, 4].tolist() == [0, 0, 1, 0, 1, 0, 0, 0]


def test_places_are_those_that_numpy_finds() -> None:
    drawings = random_drawings(700, seed=5)
    found = sequences(column(drawings), 50)
    expected = np.stack([resampled(strokes, 50) for strokes in drawings])
    # Where a place lies between two segments, rounding decides whose direction it has.
    differs = (abs(found - expected) > 1e-4).any(axis=2)
    assert differs.mean() < 0.005


def test_ten_thousand_points_are_sampled() -> None:
    random = np.random.default_rng(1)
    strokes = [random.integers(0, 256, (2, 5000)).tolist() for _ in range(2)]
    (found,) = sequences(column([strokes]), 96)
    assert found == pytest.approx(resampled(strokes, 96), abs=1e-4)
    assert found[:, 4].sum() == 1


def test_drawings_without_points_are_zero() -> None:
    empty = pa.array(
        [[], [{"x": [], "y": []}], [{"x": [], "y": []}, {"x": [1], "y": [1]}]], DRAWING
    )
    found = sequences(empty, 5)
    assert not found[:2].any()
    assert (found[2] == sequences(column([[[[1], [1]]]]), 5)[0]).all()
    assert sequences(pa.array([], DRAWING)).shape == (0, 96, 6)


def test_empty_strokes_change_nothing() -> None:
    line = {"x": [0, 100], "y": [0, 50]}
    none: dict[str, list[int]] = {"x": [], "y": []}
    bare, among = sequences(pa.array([[line, line], [none, line, none, line, none]], DRAWING), 7)
    assert (bare == among).all()


def test_slices_chunks_and_threads_change_nothing() -> None:
    drawings = column(random_drawings(2000, seed=2))
    whole = sequences(drawings, threads=1)
    assert (sequences(drawings, threads=3) == whole).all()
    assert (sequences(drawings[17:31]) == whole[17:31]).all()
    chunks = pa.chunked_array([drawings[:20], drawings[20:20], drawings[20:]])
    assert (sequences(chunks) == whole).all()


def test_a_flip_negates_what_points_right() -> None:
    drawings = column(random_drawings(100, seed=3))
    flip = np.broadcast_to([[-1.0, 0, 256], [0, 1, 0]], (100, 2, 3))
    plain, flipped = sequences(drawings), sequences(drawings, affine=flip)
    assert flipped == pytest.approx(plain * [-1, 1, -1, 1, 1, 1], abs=1e-5)


def test_a_map_moves_places_and_stretches_the_length() -> None:
    twice = np.array([[[2.0, 0, -128], [0, 2, -128]]])
    plain, larger = (
        sequences(column([RIGHT_THEN_DOWN])),
        sequences(column([RIGHT_THEN_DOWN]), affine=twice),
    )
    assert larger == pytest.approx(plain * [2, 2, 1, 1, 1, 2], abs=1e-4)


def waves(*, kx: float = 0.0, phase: float = 0.0, dx: float = 0.0, dy: float = 0.0) -> np.ndarray:
    return np.array([[[kx, 0.0, phase, dx, dy]]])


def test_a_warp_of_no_wavelength_is_a_shift_of_bitmaps_and_sequences() -> None:
    drawing = column([RIGHT_THEN_DOWN])
    warp = waves(phase=np.pi / 2, dx=20.0, dy=-10.0)
    shift = np.array([[[1.0, 0, 20], [0, 1, -10]]])
    assert (rasterize(drawing, warp=warp) == rasterize(drawing, affine=shift)).all()
    assert sequences(drawing, warp=warp) == pytest.approx(sequences(drawing, affine=shift))


def test_a_warp_moves_points_by_a_sine_of_their_place_before_the_map() -> None:
    warp = waves(kx=np.pi / 128, dy=30.0)
    affine = np.array([[[0.0, 1, 0], [1, 0, 0]]])  # x and y change places
    # Centred, the ends of the line lie at x 64 and 192: the crest and the trough.
    (found,) = sequences(column([[[[0, 128], [0, 0]]]]), 2, warp=warp, affine=affine)
    y, x = (found[:, axis] * 128 + 128 for axis in (0, 1))
    assert x == pytest.approx([96, 160], abs=0.01)
    assert y == pytest.approx([128 + 15, 128 - 15], abs=0.01)


def test_waves_add_up() -> None:
    drawings = column(random_drawings(30, seed=4))
    random = np.random.default_rng(0)
    one, other = random.normal(size=(2, 30, 1, 5)) * [0.02, 0.02, 3, 4, 4]
    none = np.zeros_like(one)
    both = sequences(drawings, warp=np.concatenate([one, other], axis=1))
    assert both == pytest.approx(sequences(drawings, warp=np.concatenate([other, one], axis=1)))
    assert (
        sequences(drawings, warp=np.concatenate([none, none], axis=1)) == sequences(drawings)
    ).all()


@pytest.mark.parametrize(
    ("setting", "arguments"),
    [
        ("length", {"length": 0}),
        ("length", {"length": 4097}),
        ("affine", {"affine": np.zeros((2, 2, 3))}),
        ("warp", {"warp": np.zeros((1, 2, 4))}),
        ("warp", {"warp": np.zeros(5)}),
        ("warp", {"warp": np.full((1, 1, 5), np.nan)}),
    ],
)
def test_settings_that_cannot_be_used_are_refused(
    setting: str, arguments: dict[str, object]
) -> None:
    with pytest.raises(BadSetting, match=setting):
        sequences(column([RIGHT_THEN_DOWN]), **arguments)  # type: ignore[arg-type]


def test_a_stroke_with_more_x_than_y_is_refused() -> None:
    with pytest.raises(BadDrawing, match="as many x as y"):
        sequences(pa.array([[{"x": [1, 2], "y": [1]}]], DRAWING))

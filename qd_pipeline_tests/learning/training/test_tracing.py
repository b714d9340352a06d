import numpy as np
import pyarrow as pa
import pytest

from qd_pipeline.learning.training.config import TrainingConfig
from qd_pipeline.learning.training.tracing import MOST, Tracing, trace
from qd_pipeline.quickdraw.raster import DRAWING, rasterize

HOOK = [{"x": [255, 255, 0], "y": [255, 0, 0]}, {"x": [255, 0], "y": [255, 200]}]
DOT = [{"x": [40, 40], "y": [9, 9]}]
POINT = [{"x": [40], "y": [9]}]
DRAWINGS = pa.array([HOOK] * 400, DRAWING)


def random(seed: int = 0) -> np.random.Generator:
    return np.random.default_rng(seed)


def test_a_traced_drawing_looks_the_same_and_was_drawn_otherwise() -> None:
    hook, dot, point = trace(pa.array([HOOK, DOT, POINT], DRAWING), random()).to_pylist()
    difference = rasterize(pa.array([hook], DRAWING)).astype(int) - rasterize(DRAWINGS[:1])
    assert np.abs(difference).mean() < 10
    assert hook != HOOK
    assert hook[0]["y"][0] < 10
    assert len(dot) == len(point) == 1


def test_so_many_drawings_are_traced_in_each_epoch_and_others_in_the_next() -> None:
    tracing = Tracing(len(DRAWINGS), TrainingConfig(traced=0.2))
    chance, every = random(), np.arange(len(DRAWINGS))
    plain = DRAWINGS[0].as_py()
    epochs = [
        np.array([each != plain for each in tracing.mix(DRAWINGS, every, chance).to_pylist()])
        for _ in range(10)
    ]
    assert np.mean(epochs) == pytest.approx(0.2, abs=0.03)
    # Four in five are traced, and each is taken in one of four epochs.
    assert np.any(epochs, axis=0).mean() == pytest.approx(0.8 * (1 - 0.75**10), abs=0.03)


def test_a_part_of_the_drawings_is_traced_where_there_are_many() -> None:
    many = 100 * MOST
    tracing = Tracing(many, TrainingConfig(traced=0.5))
    drawings = pa.array([HOOK] * 2000, DRAWING)
    mixed = tracing.mix(drawings, np.arange(0, many, many // 2000), random()).to_pylist()
    assert 0 < sum(each != HOOK for each in mixed) < 50

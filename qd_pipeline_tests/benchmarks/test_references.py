"""What ours is compared with draws what it should."""

import json

import numpy as np
import pyarrow as pa
import pytest

from benchmarks import references
from qd_pipeline.errors import BadSetting
from qd_pipeline.quickdraw import sample
from qd_pipeline.quickdraw.raster import DRAWING, rasterize

LINES = [line for animal in sample.ANIMALS for line in sample.ndjson_lines(animal, 5, 0)]
DRAWINGS = [json.loads(line)["drawing"] for line in LINES]


@pytest.fixture(scope="module")
def ours() -> np.ndarray:
    """Draw the same drawings with our kernel."""
    strokes = [[{"x": xs, "y": ys} for xs, ys in drawing] for drawing in DRAWINGS]
    return rasterize(pa.array(strokes, DRAWING))


def needs(name: str) -> None:
    """Skip where a reference is not installed."""
    try:
        references.cairo_bitmaps([]) if name == "cairo" else references.opencv_bitmaps([])
    except BadSetting as missing:
        pytest.skip(str(missing))


def test_cairo_draws_the_very_same_bitmaps(ours: np.ndarray) -> None:
    needs("cairo")
    assert np.array_equal(references.cairo_bitmaps(DRAWINGS), ours)


def test_the_notebooks_way_draws_nearly_the_same(ours: np.ndarray) -> None:
    needs("cairo")
    needs("opencv")
    theirs = references.notebook_bitmaps(LINES)
    assert theirs.shape == ours.shape
    for one, other in zip(theirs, ours, strict=True):
        assert np.corrcoef(one.ravel(), other.ravel())[0, 1] > 0.9


def test_opencv_draws_every_drawing(ours: np.ndarray) -> None:
    needs("opencv")
    theirs = references.opencv_bitmaps(LINES)
    assert theirs.shape == ours.shape
    assert theirs.any(axis=(1, 2)).all()

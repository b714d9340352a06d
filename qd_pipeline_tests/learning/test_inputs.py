import numpy as np
import pyarrow as pa
import pytest

from qd_pipeline.learning.inputs import Inputs, pixels, prepare
from qd_pipeline.learning.networks import InputSpec
from qd_pipeline.quickdraw.raster import DRAWING, rasterize
from qd_pipeline.quickdraw.sequences import sequences
from qd_pipeline_tests.learning.shapes import same

DRAWINGS = pa.array([[{"x": [0, 200], "y": [0, 100]}], [{"x": [7], "y": [9]}]], DRAWING)
AFFINE = np.array([[[1.0, 0, 20], [0, 1, -10]]] * 2)


def test_pixels_are_scaled_to_0_and_1() -> None:
    scaled = pixels(np.array([[[0, 255], [51, 102]]], np.uint8))
    assert scaled.shape == (1, 2, 2, 1)
    assert scaled.dtype == np.float32
    assert scaled.ravel() == pytest.approx([0, 1, 0.2, 0.4])


def test_sequences_alone_are_of_the_traced_drawings() -> None:
    traced = DRAWINGS.take(pa.array([1, 0]))
    both = prepare(DRAWINGS, InputSpec(side=32, length=8), traced=traced, affine=AFFINE)
    assert same(both.bitmaps, rasterize(DRAWINGS, 32, affine=AFFINE))
    assert same(both.sequences, sequences(traced, 8, affine=AFFINE))


@pytest.mark.parametrize("spec", [InputSpec(side=28), InputSpec(length=5), InputSpec(28, 5)])
def test_keras_is_given_an_array_or_arrays_by_name(spec: InputSpec) -> None:
    inputs = prepare(DRAWINGS, spec)
    assert len(inputs) == 2
    second = inputs[1:].tensors()
    if spec == InputSpec(28, 5):
        assert {name: each.shape for name, each in second.items()} == {
            "bitmap": (1, 28, 28, 1),
            "sequence": (1, 5, 6),
        }
    else:
        assert second.shape == ((1, 28, 28, 1) if spec.side else (1, 5, 6))


def test_no_drawings_are_no_inputs() -> None:
    assert len(Inputs()) == 0
    assert len(prepare(DRAWINGS[:0], InputSpec(28, 5))) == 0

from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pytest
from numpy.typing import NDArray

from qd_pipeline.learning import backend, networks
from qd_pipeline.learning.inputs import prepare
from qd_pipeline.learning.networks import InputSpec
from qd_pipeline.learning.post_processing import (
    apply_temperature,
    average_flips,
    fold_normalization,
)
from qd_pipeline.quickdraw.raster import DRAWING

BITMAPS = np.random.default_rng(0).random((6, 28, 28, 1), np.float32)


def outputs(network: Any, inputs: Any) -> NDArray[np.float32]:
    """Return a network's outputs; `predict` would first trace a graph."""
    return np.asarray(network(inputs, training=False))


@pytest.mark.parametrize("name", ["compact_cnn", "picture_and_strokes"])
def test_a_folded_network_answers_as_the_trained_one_with_keras_own_layers(name: str) -> None:
    network = networks.build(name, 3)
    random = np.random.default_rng(0)
    network.set_weights([random.uniform(0.1, 0.9, each.shape) for each in network.get_weights()])
    inputs = {each.name: random.random((4, *each.shape[1:]), np.float32) for each in network.inputs}
    folded = fold_normalization(network)
    given = inputs if len(inputs) > 1 else next(iter(inputs.values()))
    assert outputs(folded, given) == pytest.approx(outputs(network, given), 1e-4)
    assert {type(layer).__module__.split(".")[0] for layer in folded.layers} == {"keras"}
    assert folded.name == network.name


@pytest.mark.parametrize("name", ["seed_cnn", "compact_cnn"])
def test_a_bitmap_and_its_mirror_image_get_the_same_probabilities(name: str) -> None:
    network = networks.build(name, 3)
    averaged = average_flips(network)
    probabilities = outputs(averaged, BITMAPS)
    assert probabilities == pytest.approx(outputs(averaged, BITMAPS[:, :, ::-1]), abs=1e-6)
    assert abs(probabilities - outputs(network, BITMAPS)).max() > 1e-5
    assert probabilities.sum(axis=1) == pytest.approx(np.ones(6), abs=1e-5)
    assert averaged.count_params() == network.count_params()


def test_a_symmetric_bitmap_is_classified_as_before() -> None:
    network = networks.build("compact_cnn", 3)
    symmetric = BITMAPS + BITMAPS[:, :, ::-1]
    before = outputs(network, symmetric)
    assert average_flips(network).predict_on_batch(symmetric) == pytest.approx(before, abs=1e-5)


def test_a_temperature_divides_the_logits_in_the_saved_network_too(tmp_path: Path) -> None:
    network = average_flips(networks.build("compact_cnn", 3))
    before = outputs(network, BITMAPS).astype(np.float64)
    apply_temperature(network, 0.25)
    expected = before**4 / (before**4).sum(axis=1, keepdims=True)
    assert outputs(network, BITMAPS) == pytest.approx(expected, rel=1e-4)
    network.save(tmp_path / "network.keras")
    read = backend.keras.saving.load_model(tmp_path / "network.keras", safe_mode=True)
    assert outputs(read, BITMAPS) == pytest.approx(expected, rel=1e-4)


@pytest.mark.parametrize("name", ["stroke_cnn", "picture_and_strokes"])
def test_a_drawing_and_its_mirror_image_get_the_same_probabilities(
    name: str, tmp_path: Path
) -> None:
    drawings = pa.array(
        [[{"x": [0, 255, 30], "y": [0, 100, 50]}, {"x": [10, 90], "y": [255, 0]}]], DRAWING
    )
    flip = np.array([[[-1.0, 0, 256], [0, 1, 0]]])
    network = networks.build(name, 3)
    averaged = average_flips(network)
    averaged.save(tmp_path / "network.keras")
    read = backend.keras.saving.load_model(tmp_path / "network.keras", safe_mode=True)
    spec = InputSpec.of(read)
    assert spec == InputSpec.of(network)
    plain, flipped = (prepare(drawings, spec, affine=affine).tensors() for affine in (None, flip))
    expected = outputs(averaged, plain)
    # Cairo rounds halves to the right, so bitmaps are mirrored but for a grey level.
    assert outputs(averaged, flipped) == pytest.approx(expected, abs=1e-2)
    assert outputs(read, plain) == pytest.approx(expected, abs=1e-6)
    assert abs(outputs(network, plain) - expected).max() > 1e-3

from pathlib import Path

import numpy as np
import pytest

from qd_pipeline.learning import backend, networks
from qd_pipeline.learning.post_processing import apply_temperature, average_flips

BITMAPS = np.random.default_rng(0).random((6, 28, 28, 1), np.float32)


@pytest.mark.parametrize("name", ["seed_cnn", "compact_cnn"])
def test_a_bitmap_and_its_mirror_image_get_the_same_probabilities(name: str) -> None:
    network = networks.build(name, 3)
    averaged = average_flips(network)
    probabilities = averaged.predict_on_batch(BITMAPS)
    assert probabilities == pytest.approx(averaged.predict_on_batch(BITMAPS[:, :, ::-1]), abs=1e-6)
    assert abs(probabilities - network.predict_on_batch(BITMAPS)).max() > 1e-5
    assert probabilities.sum(axis=1) == pytest.approx(np.ones(6), abs=1e-5)
    assert averaged.count_params() == network.count_params()


def test_a_symmetric_bitmap_is_classified_as_before() -> None:
    network = networks.build("compact_cnn", 3)
    symmetric = BITMAPS + BITMAPS[:, :, ::-1]
    before = network.predict_on_batch(symmetric)
    assert average_flips(network).predict_on_batch(symmetric) == pytest.approx(before, abs=1e-5)


def test_a_temperature_divides_the_logits_in_the_saved_network_too(tmp_path: Path) -> None:
    network = average_flips(networks.build("compact_cnn", 3))
    before = network.predict_on_batch(BITMAPS).astype(np.float64)
    apply_temperature(network, 0.25)
    expected = before**4 / (before**4).sum(axis=1, keepdims=True)
    assert network.predict_on_batch(BITMAPS) == pytest.approx(expected, rel=1e-4)
    network.save(tmp_path / "network.keras")
    read = backend.keras.saving.load_model(tmp_path / "network.keras", safe_mode=True)
    assert read.predict_on_batch(BITMAPS) == pytest.approx(expected, rel=1e-4)

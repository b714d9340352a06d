from pathlib import Path

import numpy as np
import pytest

from qd_pipeline.learning import backend, networks
from qd_pipeline.learning.post_processing import cool, mirrored

PICTURES = np.random.default_rng(0).random((6, 28, 28, 1), np.float32)


@pytest.mark.parametrize("name", ["seed_cnn", "compact_cnn"])
def test_a_picture_and_its_mirror_image_get_the_same_answer(name: str) -> None:
    network = networks.build(name, 3)
    looking_twice = mirrored(network)
    answers = looking_twice.predict_on_batch(PICTURES)
    assert answers == pytest.approx(looking_twice.predict_on_batch(PICTURES[:, :, ::-1]), abs=1e-6)
    assert abs(answers - network.predict_on_batch(PICTURES)).max() > 1e-5
    assert answers.sum(axis=1) == pytest.approx(np.ones(6), abs=1e-5)
    assert looking_twice.count_params() == network.count_params()


def test_a_symmetric_picture_is_seen_as_before() -> None:
    network = networks.build("compact_cnn", 3)
    symmetric = PICTURES + PICTURES[:, :, ::-1]
    before = network.predict_on_batch(symmetric)
    assert mirrored(network).predict_on_batch(symmetric) == pytest.approx(before, abs=1e-5)


def test_a_temperature_divides_the_logits_for_good(tmp_path: Path) -> None:
    network = mirrored(networks.build("compact_cnn", 3))
    before = network.predict_on_batch(PICTURES).astype(np.float64)
    cool(network, 0.25)
    expected = before**4 / (before**4).sum(axis=1, keepdims=True)
    assert network.predict_on_batch(PICTURES) == pytest.approx(expected, rel=1e-4)
    network.save(tmp_path / "network.keras")
    read = backend.keras.saving.load_model(tmp_path / "network.keras", safe_mode=True)
    assert read.predict_on_batch(PICTURES) == pytest.approx(expected, rel=1e-4)

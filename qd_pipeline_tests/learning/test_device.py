from pathlib import Path

import numpy as np
import pytest

from qd_pipeline.learning import backend, device, networks
from qd_pipeline.learning.training.presets import PRESETS
from qd_pipeline.learning.training.train import train
from qd_pipeline_tests.learning.shapes import small_network, write_animals


def test_in_mixed_precision_the_weights_and_probabilities_keep_theirs() -> None:
    network = device.in_mixed_precision(lambda: networks.build("stroke_cnn", 3))
    assert {layer.compute_dtype for layer in network.layers[1:-1]} == {"float16"}
    assert network.layers[-1].compute_dtype == "float32"
    assert {str(weights.dtype) for weights in network.get_weights()} == {"float32"}
    assert network(np.zeros((1, 96, 6), np.float32)).dtype == "float32"
    assert backend.keras.config.dtype_policy().name == "float32"


def test_what_was_trained_on_a_gpu_classifies_on_any_device(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    # Mixed precision is there without a GPU, too; it is only slow.
    monkeypatch.setattr(device, "has_gpu", lambda: True)
    monkeypatch.setitem(networks.NETWORKS, "small", small_network)
    data = write_animals(tmp_path, ("duck", "cow"), 40)
    config = PRESETS["large"](2).with_settings(network="small", epochs=20, batch_size=16)
    classifier = train(data, config.with_settings(flip_averaging=False))
    assert {layer.compute_dtype for layer in classifier.network.layers} == {"float32"}
    probabilities = classifier.predict(data.train.inputs(slice(None), classifier.spec))
    assert (probabilities.argmax(axis=1) == data.train.labels).mean() > 0.7

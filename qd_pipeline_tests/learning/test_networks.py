from typing import Any

import numpy as np
import pyarrow as pa
import pytest

from qd_pipeline.errors import BadSetting
from qd_pipeline.learning import backend, networks
from qd_pipeline.learning.inputs import prepare
from qd_pipeline.learning.networks import InputSpec
from qd_pipeline.quickdraw.raster import DRAWING

DRAWINGS = pa.array([[{"x": [0, 200], "y": [0, 100]}], [{"x": [7], "y": [9]}]], DRAWING)

SEED_CNN: list[tuple[str, dict[str, Any]]] = [
    ("Conv2D", {"filters": 32, "kernel_size": (5, 5), "activation": "relu", "padding": "valid"}),
    ("MaxPooling2D", {"pool_size": (2, 2)}),
    ("Conv2D", {"filters": 128, "kernel_size": (3, 3), "activation": "relu", "padding": "valid"}),
    ("MaxPooling2D", {"pool_size": (2, 2)}),
    ("Dropout", {"rate": 0.4}),
    ("Flatten", {}),
    ("Dense", {"units": 128, "activation": "relu"}),
    ("Dense", {"units": 50, "activation": "relu"}),
    ("Dense", {"units": 8, "activation": "softmax"}),
]


def test_seed_cnn_is_the_notebooks_layer_by_layer() -> None:
    network = networks.build("seed_cnn", 8)
    assert network.input_shape == (None, 28, 28, 1)
    assert [type(layer).__name__ for layer in network.layers] == [name for name, _ in SEED_CNN]
    for layer, (_, settings) in zip(network.layers, SEED_CNN, strict=True):
        assert settings.items() <= layer.get_config().items()


def test_dense_baseline_is_512_units_on_56_by_56_pixels() -> None:
    network = networks.build("dense_baseline", 4, side=56)
    assert network.input_shape == (None, 56, 56, 1)
    _, hidden, output = network.layers
    assert (hidden.units, hidden.activation.__name__) == (512, "relu")
    assert (output.units, output.activation.__name__) == (4, "softmax")


def test_units_are_the_width_of_the_first_hidden_dense_layer() -> None:
    for name, layer in (("seed_cnn", 6), ("dense_baseline", 1)):
        assert networks.build(name, 4, units=16).layers[layer].units == 16


def test_a_network_without_units_refuses_them(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(
        networks.NETWORKS, "fixed", lambda class_count, side=28: (class_count, side)
    )
    with pytest.raises(BadSetting, match=r"has no units to set: .* dense_baseline, seed"):
        networks.build("fixed", 4, units=16)


@pytest.mark.parametrize("name", sorted(networks.NETWORKS))
def test_every_network_gives_a_probability_for_each_category(name: str) -> None:
    network = networks.build(name, 3)
    inputs = prepare(DRAWINGS, InputSpec.of(network))
    probabilities = np.asarray(network(inputs.tensors(), training=False))
    assert probabilities.shape == (2, 3)
    assert probabilities.sum(axis=1) == pytest.approx([1, 1], abs=1e-5)


@pytest.mark.parametrize(
    ("name", "parameters"),
    [
        ("seed_cnn", 454_410),
        ("dense_baseline", 406_024),
        ("compact_cnn", 99_160),
        ("deep_cnn", 658_112),
        ("stroke_cnn", 33_928),
        ("picture_and_strokes", 92_216),
        ("wide_picture_and_strokes", 220_216),
        ("large_picture_and_strokes", 3_109_384),
    ],
)
def test_a_docstring_states_its_networks_parameters(name: str, parameters: int) -> None:
    # Another number means another code version of the stages that train.
    assert networks.build(name, 8).count_params() == parameters
    assert f"{parameters:,}" in (networks.NETWORKS[name].__doc__ or "")


def test_a_function_with_the_decorator_is_a_network(monkeypatch: pytest.MonkeyPatch) -> None:
    # Set first, so that it is taken out again.
    monkeypatch.setitem(networks.NETWORKS, "another", networks.NETWORKS["seed_cnn"])

    @networks.network
    def another(class_count: int, side: int = 40) -> Any:
        return ending_in([backend.keras.layers.Dense(class_count, activation="softmax")], side)

    assert networks.build("another", 5).output_shape == (None, 5)
    assert networks.input_spec("another") == InputSpec(side=40)


@pytest.mark.parametrize(
    ("name", "spec"),
    [
        ("compact_cnn", InputSpec(side=28)),
        ("stroke_cnn", InputSpec(length=96)),
        ("picture_and_strokes", InputSpec(side=28, length=96)),
        ("wide_picture_and_strokes", InputSpec(side=28, length=128)),
    ],
)
def test_a_built_network_tells_its_input(name: str, spec: InputSpec) -> None:
    assert networks.input_spec(name) == spec
    assert InputSpec.of(networks.build(name, 3)) == spec


def test_sequences_of_another_length_can_be_taken() -> None:
    network = networks.build("picture_and_strokes", 3, 32, length=64)
    assert InputSpec.of(network) == InputSpec(side=32, length=64)


def ending_in(layers: list[Any], side: int) -> Any:
    first = [backend.keras.Input((side, side, 1)), backend.keras.layers.Flatten()]
    return backend.keras.Sequential([*first, *layers])


@pytest.mark.parametrize("last", ["Activation", "Dense", "Softmax"])
def test_a_network_that_cannot_be_calibrated_is_refused(
    monkeypatch: pytest.MonkeyPatch, last: str
) -> None:
    layers = backend.keras.layers
    endings = {
        "Activation": lambda count: [layers.Dense(count), layers.Activation("softmax")],
        "Dense": lambda count: [layers.Dense(count, activation="sigmoid")],
        "Softmax": lambda count: [layers.Dense(count), layers.Softmax()],
    }
    monkeypatch.setitem(
        networks.NETWORKS, "mine", lambda count, side=28: ending_in(endings[last](count), side)
    )
    complaint = rf"network 'mine' ends in a layer {last} .*cannot be calibrated: make Dense\("
    with pytest.raises(BadSetting, match=complaint):
        networks.build("mine", 3)


@pytest.mark.parametrize(("outputs", "units"), [(2, 3), (1, 4)])
def test_a_network_with_another_output_than_the_categories_is_refused(
    monkeypatch: pytest.MonkeyPatch, outputs: int, units: int
) -> None:
    keras = backend.keras

    def mine(_count: int, side: int = 28) -> Any:
        drawn = keras.Input((side, side, 1))
        flat = keras.layers.Flatten()(drawn)
        last = [keras.layers.Dense(units, activation="softmax")(flat) for _ in range(outputs)]
        return keras.Model(drawn, last)

    monkeypatch.setitem(networks.NETWORKS, "mine", mine)
    with pytest.raises(BadSetting, match=r"has outputs of shape .* for 3 categories: make"):
        networks.build("mine", 3)


def test_an_unknown_network_is_refused_with_those_there_are() -> None:
    with pytest.raises(BadSetting, match="'resnet' is not known: give one of compact_cnn, "):
        networks.build("resnet", 2)


def test_one_class_is_no_class_set() -> None:
    with pytest.raises(BadSetting, match="class count is 1"):
        networks.build("seed_cnn", 1)

"""Post-processing of trained networks; its result is part of the network and of its file."""

from __future__ import annotations

from typing import TYPE_CHECKING

from qd_pipeline.learning import backend

if TYPE_CHECKING:
    import keras


def average_flips(network: keras.Model) -> keras.Model:
    """Add horizontal-flip test-time augmentation to a network.

    The logits are averaged over each bitmap and its mirror image. All layers are shared: no
    weights are added, and inference takes twice the time.

    Args:
        network: Its last layer is the softmax over the categories.
    """
    keras = backend.keras
    last = network.layers[-1]
    features = keras.Model(network.inputs, last.input, name="features")
    bitmaps = keras.Input(network.input_shape[1:])
    both = [features(bitmaps), features(keras.ops.flip(bitmaps, axis=2))]
    return keras.Model(bitmaps, last(keras.layers.Average()(both)), name=network.name)


def apply_temperature(network: keras.Model, temperature: float) -> None:
    """Divide the logits of a network by a temperature, in place.

    The weights of its last layer are divided, so the network stays as large and as fast, and
    gives calibrated probabilities wherever it is used.

    Args:
        network: Its last layer is dense with a softmax, as `networks.build` checks.
        temperature: Above 0.
    """
    last = network.layers[-1]
    last.set_weights([weights / temperature for weights in last.get_weights()])

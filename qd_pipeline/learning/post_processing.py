"""Post-processing of trained networks; its result is part of the network and of its file."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

import numpy as np

from qd_pipeline.learning import backend
from qd_pipeline.quickdraw import SEQUENCE_COLUMNS

if TYPE_CHECKING:
    from collections.abc import Sequence

    import keras

_BITMAP_RANK: Final = 4


def fold_normalization(network: keras.Model) -> keras.Model:
    """Replace normalised convolutions by plain ones that compute the same, and faster.

    The result is made of Keras' own layers. A network without such convolutions is returned as
    it is.
    """
    # It imports TensorFlow.
    from qd_pipeline.learning.networks.convolution import NormalizedConvolution  # noqa: PLC0415

    if not any(isinstance(layer, NormalizedConvolution) for layer in network.layers):
        return network
    keras = backend.keras
    # Without what it was compiled with, which cannot be cloned.
    bare = keras.Model(_by_name(network.inputs), network.outputs[0], name=network.name)

    def plain(layer: Any) -> Any:
        if isinstance(layer, NormalizedConvolution):
            return layer.folded()
        copy = layer.from_config(layer.get_config())
        copies.append((layer, copy))
        return copy

    copies: list[tuple[Any, Any]] = []
    folded = keras.models.clone_model(bare, clone_function=plain)
    for layer, copy in copies:
        copy.set_weights(layer.get_weights())
    return folded


def average_flips(network: keras.Model) -> keras.Model:
    """Add horizontal-flip test-time augmentation to a network.

    The logits are averaged over each drawing and its mirror image. All layers are shared: no
    weights are added, and inference takes twice the time.

    Args:
        network: Its last layer is the softmax over the categories.
    """
    keras = backend.keras
    last = network.layers[-1]
    features = keras.Model(_by_name(network.inputs), last.input, name="features")
    inputs = _by_name([keras.Input(each.shape[1:], name=each.name) for each in network.inputs])
    flipped = keras.tree.map_structure(_flip, inputs)
    averaged = keras.layers.Average()([features(inputs), features(flipped)])
    return keras.Model(inputs, last(averaged), name=network.name)


def _by_name(tensors: Sequence[Any]) -> Any:
    """Return a single tensor, or several by their names, as `networks.build` does."""
    return tensors[0] if len(tensors) == 1 else {each.name: each for each in tensors}


def _flip(drawings: Any) -> Any:
    """Flip bitmaps or sequences left and right; in these, x and dx change their signs."""
    ops = backend.keras.ops
    if len(drawings.shape) == _BITMAP_RANK:
        return ops.flip(drawings, axis=2)
    signs = [-1.0 if name in {"x", "dx"} else 1.0 for name in SEQUENCE_COLUMNS]
    return ops.multiply(drawings, np.array(signs, np.float32))


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

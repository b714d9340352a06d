"""What is done to a network once it is trained, so that its file alone holds all of it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from qd_pipeline.learning import backend

if TYPE_CHECKING:
    import keras


def mirrored(network: keras.Model) -> keras.Model:
    """Have a network look at each picture and at its mirror image.

    What its last layer is given is averaged over the two. That layer is shared, and so are all
    others: no weights are added, the work is twice as much.

    Args:
        network: One whose last layer is the softmax over the categories.
    """
    keras = backend.keras
    answer = network.layers[-1]
    seen = keras.Model(network.inputs, answer.input, name="seen")
    pictures = keras.Input(network.input_shape[1:])
    both = [seen(pictures), seen(keras.ops.flip(pictures, axis=2))]
    return keras.Model(pictures, answer(keras.layers.Average()(both)), name=network.name)


def cool(network: keras.Model, temperature: float) -> None:
    """Divide the logits of a network by a temperature, for good.

    Its last layer is dense, so the temperature is divided out of that layer's weights: the
    network stays as large and as fast, and gives calibrated probabilities wherever it is used.

    Args:
        network: One whose last layer is dense, with a softmax.
        temperature: Above 0.
    """
    answer = network.layers[-1]
    answer.set_weights([weights / temperature for weights in answer.get_weights()])

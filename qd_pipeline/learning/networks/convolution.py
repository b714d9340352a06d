"""Normalised convolutions: fused while they are trained, plain convolutions afterwards.

Importing this module imports TensorFlow.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

import numpy as np

from qd_pipeline.learning import backend

if TYPE_CHECKING:
    from collections.abc import Sequence

    import keras
else:
    keras = backend.keras

_MOMENTUM: Final = 0.9
_EPSILON: Final = 1e-3


@keras.saving.register_keras_serializable("qd_pipeline")
class NormalizedConvolution(keras.layers.Layer):
    """A convolution, batch normalisation (Ioffe and Szegedy, 2015) and ReLU.

    Keras' normalisation takes several passes over its values on TensorFlow and a CPU; this calls
    TensorFlow's fused kernel, with which a training step takes a fifth less time here. Trained
    networks have plain convolutions instead (`post_processing.fold_normalization`).

    Args:
        width: Output channels.
        size: Height and width of the kernel.
        stride: In both directions.

    Input: `float32 (n, height, width, channels)`; the output is as high and wide, over `stride`.
    """

    def __init__(self, width: int, size: Sequence[int], stride: int = 1, **settings: Any) -> None:
        super().__init__(**settings)
        self._width, self._size, self._stride = width, size, stride

    def build(self, shape: tuple[int | None, ...]) -> None:
        """Make the weights, with the initial values of Keras' layers."""
        self.kernel = self.add_weight(
            (*self._size, shape[-1], self._width), "he_normal", name="kernel"
        )
        self.gamma = self._of_channels("gamma", "ones")
        self.beta = self._of_channels("beta", "zeros")
        self.mean = self._of_channels("mean", "zeros", trainable=False)
        self.variance = self._of_channels("variance", "ones", trainable=False)

    def _of_channels(self, name: str, initial: str, *, trainable: bool = True) -> Any:
        # The kernel takes them in full precision, whatever that of the values is.
        return self.add_weight(
            (self._width,), initial, trainable=trainable, autocast=False, name=name
        )

    def call(self, value: Any, *, training: bool = False) -> Any:
        """Normalise by the batch's moments in training, else by their moving averages."""
        tf = backend.tf
        value = tf.nn.conv2d(value, self.kernel, self._stride, "SAME")
        moments = {} if training else {"mean": self.mean, "variance": self.variance}
        value, mean, variance = tf.compat.v1.nn.fused_batch_norm(
            value, self.gamma, self.beta, epsilon=_EPSILON, is_training=training, **moments
        )
        if training:
            for average, new in ((self.mean, mean), (self.variance, variance)):
                average.assign(average * _MOMENTUM + new * (1 - _MOMENTUM))
        return tf.nn.relu(value)

    def folded(self) -> keras.layers.Conv2D:
        """Return the plain convolution that computes the same outside training."""
        plain = keras.layers.Conv2D(
            self._width, self._size, self._stride, padding="same", activation="relu"
        )
        kernel, gamma, beta, mean, variance = self.get_weights()
        plain.build((None, None, None, kernel.shape[-2]))
        scale = gamma / np.sqrt(variance + _EPSILON)
        plain.set_weights([kernel * scale, beta - mean * scale])
        return plain

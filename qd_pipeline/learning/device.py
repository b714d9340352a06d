"""What the device decides: on a GPU networks are trained in mixed precision."""

from __future__ import annotations

from typing import TYPE_CHECKING

from qd_pipeline.learning import backend

if TYPE_CHECKING:
    from collections.abc import Callable

    import keras


def has_gpu() -> bool:
    """Return whether TensorFlow sees a GPU."""
    return bool(backend.tf.config.list_physical_devices("GPU"))


def in_mixed_precision(build: Callable[[], keras.Model]) -> keras.Model:
    """Build a network that computes in `float16`; its weights and probabilities stay `float32`."""
    config = backend.keras.config
    before = config.dtype_policy()
    config.set_dtype_policy("mixed_float16")
    try:
        network = build()
        network.layers[-1].dtype_policy = "float32"
    finally:
        config.set_dtype_policy(before)
    return network

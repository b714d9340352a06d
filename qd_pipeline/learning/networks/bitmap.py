"""Networks that take bitmaps."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from qd_pipeline.learning import backend
from qd_pipeline.learning.networks.registry import network
from qd_pipeline.quickdraw import BITMAP_SIDE

if TYPE_CHECKING:
    from collections.abc import Sequence

    import keras

COMPACT: Final = (16, 32, 64, 128)
"""Widths of `compact_cnn`."""


@network
def seed_cnn(class_count: int, side: int = BITMAP_SIDE, units: int = 128) -> keras.Model:
    """Build the notebook's convolutional network.

    From the notebook "Quick, Draw! animals": two convolutions with max pooling, dropout, and
    two dense layers. At 28 × 28 with 8 classes it has 454,410 parameters; two cores train on
    some 5,700 bitmaps a second. The notebook reached 95.8, 87.8 and 88.5 % on 2, 4 and 8
    animals of 10,000 drawings each, and also searched 16, 32 and 64 units in place of 128.
    """
    layers = backend.keras.layers
    return backend.keras.Sequential(
        [
            backend.keras.Input((side, side, 1)),
            layers.Conv2D(32, 5, activation="relu"),
            layers.MaxPooling2D(2),
            layers.Conv2D(128, 3, activation="relu"),
            layers.MaxPooling2D(2),
            layers.Dropout(0.4),
            layers.Flatten(),
            layers.Dense(units, activation="relu"),
            layers.Dense(50, activation="relu"),
            layers.Dense(class_count, activation="softmax"),
        ],
        name="seed_cnn",
    )


@network
def dense_baseline(class_count: int, side: int = 56, units: int = 512) -> keras.Model:
    """Build the notebook's baseline without convolutions.

    From the notebook, which fed it 56 × 56 pixels and trained it with RMSprop at 0.0001 for
    30 epochs: one dense layer of 512 ReLU units, then softmax. 1,610,248 parameters at
    56 × 56 with 8 classes (406,024 at 28 × 28), and as many multiplications a bitmap. It
    stays clearly behind any convolution.
    """
    layers = backend.keras.layers
    return backend.keras.Sequential(
        [
            backend.keras.Input((side, side, 1)),
            layers.Flatten(),
            layers.Dense(units, activation="relu"),
            layers.Dense(class_count, activation="softmax"),
        ],
        name="dense_baseline",
    )


@network
def compact_cnn(class_count: int, side: int = BITMAP_SIDE) -> keras.Model:
    """Build a small network that is fast to train.

    Ours, of known parts: convolutions with batch normalisation (Ioffe and Szegedy, 2015) and
    global average pooling (Lin et al., "Network in network", 2014) in place of wide dense
    layers. The first convolution already halves the bitmap, so that the rest is cheap:
    3.1 million multiplications a bitmap, where `seed_cnn` takes 4.6. 99,160 parameters with 8
    classes; a bitmap takes 0.7 of `seed_cnn`'s time in training and in classification. It needs
    a high learning rate (AdamW at 0.03) and augmentation.
    """
    return _classifier("compact_cnn", class_count, side, features(COMPACT))


@network
def deep_cnn(class_count: int, side: int = BITMAP_SIDE) -> keras.Model:
    """Build `compact_cnn`, half as wide again and twice as deep.

    Two convolutions at each size, as in VGG (Simonyan and Zisserman, 2015), and dropout before
    the last layer. 658,112 parameters with 8 classes, 20.3 million multiplications a bitmap:
    training takes three times as long as `seed_cnn`'s. With augmentation it improves for dozens
    of epochs.
    """
    dropout = backend.keras.layers.Dropout(0.3)
    layers = [*features((24, 48, 96, 192), repeats=2), dropout]
    return _classifier("deep_cnn", class_count, side, layers)


def features(widths: Sequence[int], *, repeats: int = 1) -> list[Any]:
    """Return layers from bitmaps to features: `convolutions` and global average pooling."""
    layers = backend.keras.layers
    return [*convolutions(widths, repeats=repeats), layers.GlobalAveragePooling2D()]


def convolutions(widths: Sequence[int], *, repeats: int = 1) -> list[Any]:
    """Return the layers of normalised convolutions on bitmaps.

    The resolution is halved after each width. The first convolution is 5 × 5 with stride 2: a
    line is about 1.5 pixels wide at side 28.
    """
    # It imports TensorFlow.
    from qd_pipeline.learning.networks.convolution import NormalizedConvolution  # noqa: PLC0415

    first, *others = widths
    parts = [NormalizedConvolution(first, (5, 5), stride=2)]
    for stage, width in enumerate(others):
        if stage:
            parts.append(backend.keras.layers.MaxPooling2D(2, padding="same"))
        parts += [NormalizedConvolution(width, (3, 3)) for _ in range(repeats)]
    return parts


def _classifier(name: str, class_count: int, side: int, layers: Sequence[Any]) -> keras.Model:
    keras = backend.keras
    last = keras.layers.Dense(class_count, activation="softmax")
    return keras.Sequential([keras.Input((side, side, 1)), *layers, last], name=name)

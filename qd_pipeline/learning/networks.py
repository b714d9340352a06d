"""Registry of network architectures: functions that build untrained networks.

To add a network, write a function of the class count and the side of the bitmaps and decorate
it with `@network`; its name is then a setting everywhere, and so is the width of its hidden
dense layer if it has a third argument, `units`. The default of its `side` is the size of the
bitmaps that it is trained on. Its last layer is a dense softmax (`build` checks it). Its
docstring states its origin, its parameters and its cost; measured accuracies stand in
`docs/benchmarks/learning.json` alone.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, Final

from qd_pipeline.errors import BadSetting
from qd_pipeline.learning import backend
from qd_pipeline.learning.bounds import Bounds
from qd_pipeline.quickdraw import BITMAP_SIDE

if TYPE_CHECKING:
    import keras

Builder = Callable[..., "keras.Model"]

NETWORKS: dict[str, Builder] = {}
"""Name → function of (class count, side of the bitmaps in pixels), some also of `units`."""

UNITS: Final = Bounds(ge=1, whole=True)
"""Widths that a hidden dense layer can have."""


def network(builder: Builder) -> Builder:
    """Register a function under its own name."""
    NETWORKS[builder.__name__] = builder
    return builder


def check_name(name: str) -> None:
    """Raise an error for an unknown network.

    Raises:
        BadSetting: The network is not known; the message lists those that are.

    >>> check_name("seed_cmn")
    Traceback (most recent call last):
    qd_pipeline.errors.BadSetting: network 'seed_cmn' is not known: \
give one of compact_cnn, deep_cnn, dense_baseline, seed_cnn.
    """
    if name not in NETWORKS:
        raise BadSetting(
            f"network {name!r}", "is not known", f"give one of {', '.join(sorted(NETWORKS))}"
        )


def check_units(name: str, units: int) -> None:
    """Raise an error for a width of the hidden dense layer that a network cannot have.

    Raises:
        BadSetting: The width is below 1, or the network has no such setting.

    >>> check_units("seed_cnn", 0)
    Traceback (most recent call last):
    qd_pipeline.errors.BadSetting: units is 0: give a whole number from 1.
    """
    UNITS.check("units", units)
    with_units = sorted(each for each in NETWORKS if default_units(each) is not None)
    if name not in with_units:
        raise BadSetting(
            f"network {name!r}",
            "has no units to set",
            f"leave them out, or take one of {', '.join(with_units)}",
        )


def default_units(name: str) -> int | None:
    """Return the width of a network's hidden dense layer where none is set; None without one.

    >>> default_units("seed_cnn"), default_units("compact_cnn")
    (128, None)
    """
    parameters = inspect.signature(NETWORKS[name]).parameters
    return int(parameters["units"].default) if "units" in parameters else None


def side_of(name: str) -> int:
    """Return the height and width of the bitmaps that a network is trained on, in pixels.

    Raises:
        BadSetting: The network is not known.

    >>> side_of("seed_cnn"), side_of("dense_baseline")
    (28, 56)
    """
    check_name(name)
    return int(inspect.signature(NETWORKS[name]).parameters["side"].default)


def build(
    name: str, class_count: int, side: int = BITMAP_SIDE, *, units: int | None = None
) -> keras.Model:
    """Build an untrained network.

    Args:
        name: One of `NETWORKS`.
        class_count: Number of categories, at least 2.
        side: Height and width of the bitmaps, in pixels.
        units: Width of the hidden dense layer (of the first, where there are more), for
            networks that have this setting; by default their own.

    Returns:
        A model from `float32 (n, side, side, 1)`, ink 1 on ground 0, to the probabilities of
        the categories, `float32 (n, class_count)`.

    Raises:
        BadSetting: The network is not known, has no such width, or does not end in a dense
            softmax layer; or there are fewer than two categories.
    """
    check_name(name)
    if class_count < 2:  # noqa: PLR2004 - a classifier needs two
        raise BadSetting("class count", f"is {class_count}", "give two categories or more")
    if units is None:
        built = NETWORKS[name](class_count, side)
    else:
        check_units(name, units)
        built = NETWORKS[name](class_count, side, units)
    _check_last_layer(name, built)
    return built


def _check_last_layer(name: str, built: keras.Model) -> None:
    """Check that calibration can divide the logits of a network by a temperature."""
    last = built.layers[-1]
    dense = isinstance(last, backend.keras.layers.Dense)
    if not dense or last.activation is not backend.keras.activations.softmax:
        raise BadSetting(
            f"network {name!r}",
            f"ends in a layer {type(last).__name__} that is no dense softmax, so its "
            "probabilities cannot be calibrated",
            'make Dense(class_count, activation="softmax") its last layer',
        )


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
    """Build the network of the preset `default`: small and fast to train.

    Ours, of known parts: convolutions with batch normalisation (Ioffe and Szegedy, 2015) and
    global average pooling (Lin et al., "Network in network", 2014) in place of wide dense
    layers. The first convolution already halves the bitmap, so that the rest is cheap:
    3.1 million multiplications a bitmap, where `seed_cnn` takes 4.6. 99,160 parameters with 8
    classes; training on a bitmap takes 0.8 of `seed_cnn`'s time, classification 0.7. It needs
    a high learning rate (AdamW at 0.03) and augmentation.
    """
    return _normalised_cnn("compact_cnn", class_count, side, (16, 32, 64, 128), repeats=1)


@network
def deep_cnn(class_count: int, side: int = BITMAP_SIDE) -> keras.Model:
    """Build the network of the preset `best`: `compact_cnn`, half as wide again, twice as deep.

    Two convolutions at each size, as in VGG (Simonyan and Zisserman, 2015), and dropout before
    the last layer. 658,112 parameters with 8 classes, 20.3 million multiplications a bitmap:
    training takes three times as long as `seed_cnn`'s. With augmentation it improves for dozens
    of epochs.
    """
    widths = (24, 48, 96, 192)
    return _normalised_cnn("deep_cnn", class_count, side, widths, repeats=2, dropout=0.3)


def _normalised_cnn(
    name: str,
    class_count: int,
    side: int,
    widths: tuple[int, ...],
    *,
    repeats: int,
    dropout: float = 0.0,
) -> keras.Model:
    """Build a stack of normalised convolutions, the resolution halved after each width.

    The first convolution is 5 × 5 with stride 2: a line is about 1.5 pixels wide at side 28.
    """
    keras, layers = backend.keras, backend.keras.layers

    def convolution(width: int, size: int, step: int) -> list[Any]:
        return [
            layers.Conv2D(
                width,
                size,
                strides=step,
                padding="same",
                use_bias=False,
                kernel_initializer="he_normal",
            ),
            layers.BatchNormalization(momentum=0.9),
            layers.ReLU(),
        ]

    first, *others = widths
    parts = [keras.Input((side, side, 1)), *convolution(first, 5, 2)]
    for stage, width in enumerate(others):
        if stage:
            parts.append(layers.MaxPooling2D(2, padding="same"))
        for _ in range(repeats):
            parts += convolution(width, 3, 1)
    parts.append(layers.GlobalAveragePooling2D())
    if dropout:
        parts.append(layers.Dropout(dropout))
    parts.append(layers.Dense(class_count, activation="softmax"))
    return keras.Sequential(parts, name=name)

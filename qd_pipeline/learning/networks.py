"""The networks: a registry of functions, each building an untrained one.

To add a network, write a function of the class count and the side of the pictures, and
decorate it with `@network`; its name is then a setting everywhere, and so is the width of its
hidden dense layer if it has a third argument, `units`. The default of its `side` is the size of
the pictures that a training gives it. Its docstring says where it comes from, its parameters,
its cost and what to expect of it.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from qd_pipeline.errors import BadSetting
from qd_pipeline.learning import backend

if TYPE_CHECKING:
    import keras

Builder = Callable[..., "keras.Model"]

NETWORKS: dict[str, Builder] = {}
"""Name → function of (class count, side of the pictures in pixels), some also of `units`."""


def network(builder: Builder) -> Builder:
    """Enter a function into the registry under its own name."""
    NETWORKS[builder.__name__] = builder
    return builder


def check_name(name: str) -> None:
    """Refuse a network that is not there.

    Raises:
        BadSetting: with the names there are.

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
    """Refuse a width that a network cannot have.

    Raises:
        BadSetting: when it is below 1, or the network has no width to set.

    >>> check_units("seed_cnn", 0)
    Traceback (most recent call last):
    qd_pipeline.errors.BadSetting: units is 0: give a whole number from 1.
    """
    if units < 1:
        raise BadSetting("units", f"is {units}", "give a whole number from 1")
    with_units = sorted(each for each, builder in NETWORKS.items() if _has_units(builder))
    if name not in with_units:
        raise BadSetting(
            f"network {name!r}",
            "has no units to set",
            f"leave them out, or take one of {', '.join(with_units)}",
        )


def _has_units(builder: Builder) -> bool:
    return "units" in inspect.signature(builder).parameters


def side_of(name: str) -> int:
    """Give the height and width of the pictures that a network is trained on, in pixels.

    Raises:
        BadSetting: when the network is not known.

    >>> side_of("seed_cnn"), side_of("dense_baseline")
    (28, 56)
    """
    check_name(name)
    return int(inspect.signature(NETWORKS[name]).parameters["side"].default)


def build(name: str, class_count: int, side: int = 28, *, units: int | None = None) -> keras.Model:
    """Build an untrained network.

    Args:
        name: One of `NETWORKS`.
        class_count: Number of categories to tell apart, at least 2.
        side: Height and width of the pictures, in pixels.
        units: Width of the hidden dense layer (of the first, where there are more), for
            networks that have this setting; by default their own.

    Returns:
        A model from `float32 (n, side, side, 1)`, ink 1 on ground 0, to the probabilities of
        the categories, `float32 (n, class_count)`.

    Raises:
        BadSetting: when the network is not known or has no such width, or fewer than two
            classes are asked for.
    """
    check_name(name)
    if class_count < 2:  # noqa: PLR2004 - two is what telling apart takes
        raise BadSetting("class count", f"is {class_count}", "give two categories or more")
    if units is None:
        return NETWORKS[name](class_count, side)
    check_units(name, units)
    return NETWORKS[name](class_count, side, units)


@network
def seed_cnn(class_count: int, side: int = 28, units: int = 128) -> keras.Model:
    """Build the convolutional network that the project started from.

    From the notebook "Quick, Draw! animals": two convolutions with max pooling, dropout, and
    two dense layers. At 28 × 28 with 8 classes it has 454,410 parameters; two cores
    train on some 5,700 pictures a second. Expect 81 % on 15 categories of 500 drawings, and
    the notebook's 95.8, 87.8 and 88.5 % on 2, 4 and 8 animals of 10,000 each. The notebook
    also searched 16, 32 and 64 units in place of 128.
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
    """Build the baseline without convolutions: what pixels alone give.

    From the notebook, which fed it 56 × 56 pixels and trained it with RMSprop at 0.0001 for
    30 epochs: one dense layer of 512 ReLU units, then softmax. 1,610,248 parameters at
    56 × 56 with 8 classes (406,024 at 28 × 28), and as many multiplications a picture. Expect it
    to stay clearly behind any convolution.
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
def compact_cnn(class_count: int, side: int = 28) -> keras.Model:
    """Build the network of the default recipe: as much learning as fits into little time.

    Ours, of known parts: convolutions with batch normalisation (Ioffe and Szegedy, 2015) and
    global average pooling (Lin et al., "Network in network", 2014) in place of wide dense
    layers. The first convolution already halves the picture, so that the rest is cheap:
    3.1 million multiplications a picture, where `seed_cnn` takes 4.6. 99,160 parameters with 8
    classes; the training of a picture takes 0.8 of `seed_cnn`'s time, its classification 0.7.
    It wants a high learning rate (AdamW at 0.03) and drawings redrawn in each epoch; expect
    then 90 % on 15 categories of 500 drawings.
    """
    return _normalised_cnn("compact_cnn", class_count, side, (16, 32, 64, 128), repeats=1)


@network
def deep_cnn(class_count: int, side: int = 28) -> keras.Model:
    """Build the network of the best recipe: `compact_cnn`, half as wide again, twice as deep.

    Two convolutions at each size, as in VGG (Simonyan and Zisserman, 2015), and dropout before
    the answer. 658,112 parameters with 8 classes, 20.3 million multiplications a picture: training
    takes three times as long as `seed_cnn`'s. It goes on learning for dozens of epochs, if each
    is of other drawings; expect 92 % on 15 categories of 500 drawings after 60.
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
    """Build a stack of normalised convolutions, the size of the picture halved after each width.

    The first width takes one of 5 × 5 in steps of two: a line is about 1.5 pixels wide at 28.
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

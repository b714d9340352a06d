"""The registry of networks: their names, inputs and settings."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, Final

from qd_pipeline.errors import BadSetting
from qd_pipeline.learning import backend
from qd_pipeline.learning.bounds import Bounds
from qd_pipeline.learning.networks.input_spec import InputSpec
from qd_pipeline.quickdraw import BITMAP_SIDE

if TYPE_CHECKING:
    import keras

Builder = Callable[..., "keras.Model"]

NETWORKS: dict[str, Builder] = {}
"""Name → function of the class count, and of those of `side`, `length` and `units` it has."""

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
give one of compact_cnn, deep_cnn, dense_baseline, large_picture_and_strokes, \
picture_and_strokes, seed_cnn, stroke_cnn, wide_picture_and_strokes.
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
    default = _defaults(name).get("units")
    return None if default is None else int(default)


def _defaults(name: str) -> dict[str, Any]:
    """Return the defaults of a builder's parameters, by name."""
    parameters = inspect.signature(NETWORKS[name]).parameters.values()
    return {each.name: each.default for each in parameters if each.default is not each.empty}


def input_spec(name: str) -> InputSpec:
    """Return the input that a network is trained on: the defaults of its `side` and `length`.

    Raises:
        BadSetting: The network is not known.

    >>> input_spec("dense_baseline"), input_spec("stroke_cnn")
    (InputSpec(side=56, length=None), InputSpec(side=None, length=96))
    """
    check_name(name)
    defaults = _defaults(name)
    return InputSpec(defaults.get("side"), defaults.get("length"))


def build(
    name: str,
    class_count: int,
    side: int | None = BITMAP_SIDE,
    *,
    length: int | None = None,
    units: int | None = None,
) -> keras.Model:
    """Build an untrained network.

    Args:
        name: One of `NETWORKS`.
        class_count: Number of categories, at least 2.
        side: Height and width of the bitmaps, in pixels; for networks that take bitmaps.
        length: Places of the sequences, by default the network's; for networks that take
            sequences.
        units: Width of the hidden dense layer (of the first, where there are more), by default
            the network's; for networks that have this setting.

    Returns:
        A model to the probabilities of the categories, `float32 (n, class_count)`. Its input is
        bitmaps, `float32 (n, side, side, 1)`, ink 1 on ground 0; or sequences,
        `float32 (n, length, 6)`; or a dictionary of both, named `bitmap` and `sequence`.

    Raises:
        BadSetting: The network is not known, has no such width, or does not end in a dense
            softmax layer; or there are fewer than two categories.
    """
    check_name(name)
    if class_count < 2:  # noqa: PLR2004 - a classifier needs two
        raise BadSetting("class count", f"is {class_count}", "give two categories or more")
    if units is not None:
        check_units(name, units)
    given = {"side": side, "length": length, "units": units}
    settings = {
        setting: default if given[setting] is None else given[setting]
        for setting, default in _defaults(name).items()
    }
    built = NETWORKS[name](class_count, **settings)
    _check_last_layer(name, built, class_count)
    return built


def _check_last_layer(name: str, built: keras.Model, class_count: int) -> None:
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
    shapes = [tuple(output.shape) for output in built.outputs]
    if shapes != [(None, class_count)]:
        raise BadSetting(
            f"network {name!r}",
            f"has outputs of shape {', '.join(map(str, shapes))} for {class_count} categories",
            'make Dense(class_count, activation="softmax") its last layer and only output',
        )

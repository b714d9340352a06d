"""Networks that take the strokes in their order, alone or beside the bitmap.

After D. Ha and D. Eck, "A neural representation of sketch drawings", 2017, who showed what the
order of the dataset's strokes holds; here it is read by convolutions along the ink, which train
several times as fast as recurrent layers on a CPU.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from qd_pipeline.learning import backend
from qd_pipeline.learning.networks.bitmap import COMPACT, convolutions, features
from qd_pipeline.learning.networks.registry import network
from qd_pipeline.quickdraw import BITMAP_SIDE, SEQUENCE_COLUMNS

if TYPE_CHECKING:
    from collections.abc import Sequence

    import keras

PLACES: Final = 96
"""Places of a sequence; 64 cost accuracy."""

_NARROW: Final = (32, 48, 96)
_NARROW_SEEN: Final = (16, 24, 48, 96)
_WIDTHS: Final = (32, 64, 128)
_KERNEL: Final = 5


@network
def stroke_cnn(class_count: int, length: int = PLACES) -> keras.Model:
    """Build the network of the preset `fast`: the strokes alone, the fastest to train.

    Three normalised convolutions along the ink, then mean and maximum over all places. 33,928
    parameters with 8 classes; a drawing takes 0.4 of `seed_cnn`'s time in training. It needs the
    order in which a drawing was drawn: it misjudges many that were traced from pictures.
    """
    keras = backend.keras
    sequence = _sequence(length)
    last = keras.layers.Dense(class_count, activation="softmax")
    return keras.Model(sequence, last(_along_the_ink(sequence, _NARROW)), name="stroke_cnn")


@network
def picture_and_strokes(
    class_count: int, side: int = BITMAP_SIDE, length: int = PLACES
) -> keras.Model:
    """Build the network of the preset `default`: bitmap and strokes side by side.

    The strokes are read by wider and shorter convolutions than in `stroke_cnn`, the bitmap as in
    a narrower `compact_cnn`, with the maximum beside the mean. The features of both go into one
    dense softmax layer. 92,216 parameters with 8 classes.
    """
    seen = [*convolutions(_NARROW_SEEN), _mean_and_maximum]
    name = "picture_and_strokes"
    return _both(name, class_count, side, length, _WIDTHS, kernel=3, dropout=0.0, seeing=seen)


@network
def wide_picture_and_strokes(
    class_count: int, side: int = BITMAP_SIDE, length: int = 128
) -> keras.Model:
    """Build the network of the preset `best`: `picture_and_strokes`, wider, and with dropout.

    The bitmap is read as in `compact_cnn`, and there are twice as many channels along the ink.
    220,216 parameters with 8 classes. It improves for dozens of epochs with strong augmentation
    and a smooth warp.
    """
    widths = tuple(width * 3 // 2 for width in _WIDTHS)
    seen, name = features(COMPACT), "wide_picture_and_strokes"
    return _both(name, class_count, side, length, widths, dropout=0.3, seeing=seen)


@network
def large_picture_and_strokes(
    class_count: int, side: int = BITMAP_SIDE, length: int = 128
) -> keras.Model:
    """Build the network of the preset `large`: for hundreds of categories, and for a GPU.

    The bitmap is read as in `deep_cnn`, with twice its width, and the strokes with three times the
    width of `picture_and_strokes`. 3,109,384 parameters with 8 classes, 3.5 million with 345.
    Its speed on a GPU stands in docs/presets.md; on a CPU it is slow.
    """
    seen = features((64, 96, 192, 384), repeats=2)
    widths = tuple(width * 3 for width in _WIDTHS)
    name = "large_picture_and_strokes"
    return _both(name, class_count, side, length, widths, dropout=0.3, seeing=seen)


def _both(
    name: str,
    class_count: int,
    side: int,
    length: int,
    widths: Sequence[int],
    *,
    kernel: int = _KERNEL,
    dropout: float,
    seeing: Sequence[Any],
) -> keras.Model:
    keras, layers = backend.keras, backend.keras.layers
    bitmap, sequence = keras.Input((side, side, 1), name="bitmap"), _sequence(length)
    seen = bitmap
    for layer in seeing:
        seen = layer(seen)
    together = layers.Concatenate()([seen, _along_the_ink(sequence, widths, kernel)])
    if dropout:
        together = layers.Dropout(dropout)(together)
    answer = layers.Dense(class_count, activation="softmax")(together)
    return keras.Model({"bitmap": bitmap, "sequence": sequence}, answer, name=name)


def _sequence(length: int) -> Any:
    return backend.keras.Input((length, len(SEQUENCE_COLUMNS)), name="sequence")


def _along_the_ink(sequence: Any, widths: Sequence[int], kernel: int = _KERNEL) -> Any:
    """Return features of sequences: normalised convolutions, mean and maximum over places."""
    # It imports TensorFlow.
    from qd_pipeline.learning.networks.convolution import NormalizedConvolution  # noqa: PLC0415

    layers = backend.keras.layers
    # As images of height 1, for which the kernels are faster.
    value = layers.Reshape((1, *sequence.shape[1:]))(sequence)
    for stage, width in enumerate(widths):
        if stage:
            value = layers.MaxPooling2D((1, 2))(value)
        value = NormalizedConvolution(width, (1, kernel))(value)
    return _mean_and_maximum(value)


def _mean_and_maximum(value: Any) -> Any:
    layers = backend.keras.layers
    return layers.Concatenate()(
        [layers.GlobalAveragePooling2D()(value), layers.GlobalMaxPooling2D()(value)]
    )

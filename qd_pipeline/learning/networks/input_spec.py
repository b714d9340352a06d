"""What a network takes in: a bitmap, a sequence, or both."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Self

if TYPE_CHECKING:
    import keras

_BITMAP_RANK = 4


@dataclass(frozen=True)
class InputSpec:
    """Input of a network.

    Args:
        side: Height and width of its bitmaps, in pixels; None without bitmaps.
        length: Places of its sequences (`qd_pipeline.quickdraw.sequences`); None without
            sequences.
    """

    side: int | None = None
    length: int | None = None

    @classmethod
    def of(cls, network: keras.Model) -> Self:
        """Read the input of a built network."""
        shapes = [tensor.shape for tensor in network.inputs]
        side = next((shape[1] for shape in shapes if len(shape) == _BITMAP_RANK), None)
        length = next((shape[1] for shape in shapes if len(shape) < _BITMAP_RANK), None)
        return cls(side, length)

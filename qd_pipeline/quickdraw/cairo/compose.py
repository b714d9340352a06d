"""From measured areas to ink on the bitmap [cairo-image-compositor.c]."""

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from qd_pipeline.quickdraw.kernels import bare_kernel, inlined

BLOCK = 16
"""Pixels that are inked at once."""


class Canvas(NamedTuple):
    """Buffers for one bitmap, and for what the stroke at hand covers of it.

    Attributes:
        area: int32 (side, over side + 16), covered area in 1/7680 pixel. Zero but for the rows
            of the stroke at hand.
        start: int64 (side,), first pixel of each row that the stroke touches.
        stop: int64 (side,), the pixel after the last one, up to one more than the side; 0 where
            it touches none.
        ink: uint8 (side, over side + 16), white ink so far.
    """

    area: NDArray[np.int32]
    start: NDArray[np.int64]
    stop: NDArray[np.int64]
    ink: NDArray[np.uint8]


def canvas_buffers(side: int) -> Canvas:
    """Allocate buffers for bitmaps of `side` pixels, with whole blocks to the right of them."""
    width = side + 2 * BLOCK
    return Canvas(
        np.zeros((side, width), np.int32),
        np.zeros(side, np.int64),
        np.zeros(side, np.int64),
        np.zeros((side, width), np.uint8),
    )


@inlined
def add_up(area: NDArray[np.int32], start: int, stop: int) -> None:
    """Make areas of the differences from pixel to pixel (`spans`) from `start` to `stop`."""
    whole = np.int32(0)
    for x in range(start, stop + 1):
        whole = np.int32(whole + area[x])
        area[x] = whole


@bare_kernel
def lay_ink(canvas: Canvas, low: int, high: int) -> None:
    """Lay one stroke over the rows low...high-1 of the canvas, and clear its areas."""
    width = min(BLOCK, len(canvas.area[0]))
    for row in range(low, high):
        start, stop = canvas.start[row], canvas.stop[row]
        canvas.stop[row] = 0
        for x in range(start, stop, BLOCK):
            areas = canvas.area[row, x : x + BLOCK]
            ink = canvas.ink[row, x : x + BLOCK]
            for k in range(width):
                # Rows measured at once may add up to more than a pixel: cairo's byte runs over.
                alpha = np.int32((np.int32(17 * areas[k] + 256) >> 9) & 255)
                mixed = np.int32(ink[k] * np.int32(255 - alpha) + 127)
                mixed = np.int32(alpha + (np.int32(mixed + (mixed >> 8)) >> 8))
                ink[k] = np.uint8(min(np.int32(255), mixed))
                areas[k] = 0


@bare_kernel
def lift(canvas: Canvas, bitmap: NDArray[np.uint8]) -> None:
    """Move the ink to a bitmap of uint8 (side, side); leave the canvas black."""
    side = len(bitmap)
    for row in range(side):
        for x in range(side):
            bitmap[row, x] = canvas.ink[row, x]
        for x in range(canvas.ink.shape[1]):
            canvas.ink[row, x] = 0

"""From measured areas to ink on the bitmap [cairo-image-compositor.c]."""

import numpy as np
from numpy.typing import NDArray

from qd_pipeline.quickdraw.kernels import kernel


@kernel
def lay_ink(change: NDArray[np.int64], row: NDArray[np.uint8], start: int, stop: int) -> None:
    """Lay one stroke over the pixels start...stop-1 of a bitmap's row, and clear the areas.

    Args:
        change: int64, covered area less that of the pixel before, in 1/7680 pixel.
        row: uint8 (side,), white ink so far.
        start: First pixel that the stroke touches.
        stop: Pixel after the last one.
    """
    area = 0
    for x in range(start, stop):
        area += change[x]
        change[x] = 0
        alpha = (17 * area + 256) >> 9
        mixed = row[x] * (255 - alpha) + 127
        row[x] = min(255, alpha + ((mixed + (mixed >> 8)) >> 8))
    change[stop] = 0
    change[stop + 1] = 0

"""From measured areas to ink on the bitmap [cairo-image-compositor.c]."""

import numpy as np
from numpy.typing import NDArray

from qd_pipeline.quickdraw.kernels import kernel


@kernel
def ink(covered: NDArray[np.int64], uncovered: NDArray[np.int64], row: NDArray[np.uint8]) -> None:
    """Lay one stroke's coverage over a row of the bitmap, and clear the sums.

    Args:
        covered: int64 (side + 2,), sub-rows of which a span opens (less those that close) in
            each pixel.
        uncovered: int64 (side + 2,), their part left of the span, in 1/512 pixel.
        row: uint8 (side,), white ink so far.
    """
    cover = 0
    for x in range(len(row)):
        cover += 512 * covered[x]
        alpha = (17 * (cover - uncovered[x]) + 256) >> 9
        covered[x] = 0
        uncovered[x] = 0
        if alpha:
            mixed = row[x] * (255 - alpha) + 127
            row[x] = min(255, alpha + ((mixed + (mixed >> 8)) >> 8))
    covered[len(row)] = 0
    uncovered[len(row)] = 0

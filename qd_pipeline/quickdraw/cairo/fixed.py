"""From stroke coordinates to cairo's grid of 1/256 pixel."""

import numpy as np
from numpy.typing import NDArray

from qd_pipeline.quickdraw.kernels import kernel

BOX = 256.0
LINE = 16.0
PADDING = 24.0
ROOM = BOX + 2 * PADDING
"""Drawings are centred in a box of 256 with 24 around it: 16 of padding, 8 for half a line."""

LIMIT = float(1 << 20)
"""Points beyond 4096 pixels are held there: nothing of them shows, and no product overflows."""


@kernel
def place(
    xs: NDArray[np.uint8],
    ys: NDArray[np.uint8],
    left: float,
    above: float,
    affine: NDArray[np.float64],
    side: int,
    px: NDArray[np.int64],
    py: NDArray[np.int64],
) -> int:
    """Write a stroke's points in 1/256 pixel, without those that change nothing.

    Cairo drops a point equal to the last one, and the middle one of two steps straight on
    [cairo-path-fixed.c].

    Args:
        xs: uint8 (n,).
        ys: uint8 (n,).
        left: Units to add to x so that the drawing is centred in its box.
        above: Units to add to y.
        affine: float64 (2, 3), or (0, 3) for none: applied to the centred points.
        side: Width and height of the bitmap in pixels.
        px: Takes up to n points.
        py: Takes up to n points.

    Returns:
        The number of points written.
    """
    scale = side / ROOM
    shift = scale * PADDING
    mapped = affine.shape[0] == 2
    count = 0
    for i in range(len(xs)):
        x = xs[i] + left
        y = ys[i] + above
        if mapped:
            x, y = (
                affine[0, 0] * x + affine[0, 1] * y + affine[0, 2],
                affine[1, 0] * x + affine[1, 1] * y + affine[1, 2],
            )
        qx = int(min(LIMIT, max(-LIMIT, np.rint(256.0 * (scale * x + shift)))))
        qy = int(min(LIMIT, max(-LIMIT, np.rint(256.0 * (scale * y + shift)))))
        if count > 0:
            if qx == px[count - 1] and qy == py[count - 1]:
                continue
            if count > 1:
                dx, dy = px[count - 1] - px[count - 2], py[count - 1] - py[count - 2]
                ex, ey = qx - px[count - 1], qy - py[count - 1]
                if dx * ey == dy * ex and dx * ex + dy * ey >= 0:
                    count -= 1
        px[count] = qx
        py[count] = qy
        count += 1
    return count

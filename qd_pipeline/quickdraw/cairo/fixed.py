"""From stroke coordinates to cairo's grid of 1/256 pixel."""

import numpy as np
from numpy.typing import NDArray

from qd_pipeline.quickdraw.kernels import bare_kernel
from qd_pipeline.quickdraw.mapping import BOX, map_points

LINE = 16.0
PADDING = 24.0
EXTENT = BOX + 2 * PADDING
"""Drawings are centred in a box of 256 with 24 around it: 16 of padding, 8 for half a line."""

LIMIT = float(1 << 20)
"""Points beyond 4096 pixels are held there: nothing of them shows, and no product overflows."""


@bare_kernel
def place(
    xs: NDArray[np.uint8],
    ys: NDArray[np.uint8],
    affine: NDArray[np.float64],
    warp: NDArray[np.float64],
    side: int,
    px: NDArray[np.float64],
    py: NDArray[np.float64],
) -> None:
    """Put a drawing's points, centred and mapped, on the grid.

    Args:
        xs: uint8 (n,).
        ys: uint8 (n,).
        affine: float64 (2, 3), or (0, 3) for none.
        warp: float64 (waves, 5), perhaps no waves.
        side: Width and height of the bitmap in pixels.
        px: Takes n whole numbers.
        py: Takes n whole numbers.
    """
    map_points(xs, ys, affine, warp, px, py)
    scale = side / EXTENT
    shift = scale * PADDING
    for i in range(len(xs)):
        px[i] = min(LIMIT, max(-LIMIT, np.rint(256.0 * (scale * px[i] + shift))))
        py[i] = min(LIMIT, max(-LIMIT, np.rint(256.0 * (scale * py[i] + shift))))


@bare_kernel
def thin(px: NDArray[np.float64], py: NDArray[np.float64], start: int, stop: int, to: int) -> int:
    """Move a stroke's points to `to`, without those that change nothing; return where they end.

    Cairo drops a point equal to the last one, and the middle one of two steps straight on
    [cairo-path-fixed.c]. `to` is at most `start`.
    """
    end = to
    for i in range(start, stop):
        x, y = px[i], py[i]
        if end > to:
            ex, ey = x - px[end - 1], y - py[end - 1]
            if ex == 0.0 and ey == 0.0:
                continue
            if end - to > 1:
                dx, dy = px[end - 1] - px[end - 2], py[end - 1] - py[end - 2]
                if dx * ey == dy * ex and dx * ex + dy * ey >= 0.0:
                    end -= 1
        px[end] = x
        py[end] = y
        end += 1
    return end

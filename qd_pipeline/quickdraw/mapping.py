"""Maps of a drawing's points: centring, smooth warp, affine map."""

import math

import numpy as np
from numpy.typing import NDArray

from qd_pipeline.quickdraw.kernels import bare_kernel, inlined

BOX = 256.0
"""Units of the box in which a drawing is centred."""


@inlined
def centring(values: NDArray[np.uint8]) -> float:
    """Return what centres coordinates in the box, by their largest value."""
    largest = 0
    for i in range(len(values)):
        largest = max(largest, values[i])
    return (BOX - largest) / 2


@bare_kernel
def map_points(
    xs: NDArray[np.uint8],
    ys: NDArray[np.uint8],
    affine: NDArray[np.float64],
    warp: NDArray[np.float64],
    px: NDArray[np.float64],
    py: NDArray[np.float64],
) -> None:
    """Centre the points of a drawing, warp them, and apply an affine map.

    Args:
        xs: uint8 (n,).
        ys: uint8 (n,).
        affine: float64 (2, 3), or (0, 3) for none.
        warp: float64 (waves, 5): sine waves of the plane, each with its wave vector (radians a
            unit), phase (radians) and displacement (units) at its crest.
        px: Takes n numbers, in units of the box.
        py: Takes n numbers.
    """
    left, above = centring(xs), centring(ys)
    for i in range(len(xs)):
        px[i] = xs[i] + left
        py[i] = ys[i] + above
    if warp.shape[0]:
        for i in range(len(xs)):
            x, y = px[i], py[i]
            for w in range(warp.shape[0]):
                wave = math.sin(warp[w, 0] * x + warp[w, 1] * y + warp[w, 2])
                px[i] += warp[w, 3] * wave
                py[i] += warp[w, 4] * wave
    if affine.shape[0]:
        for i in range(len(xs)):
            x, y = px[i], py[i]
            px[i] = affine[0, 0] * x + affine[0, 1] * y + affine[0, 2]
            py[i] = affine[1, 0] * x + affine[1, 1] * y + affine[1, 2]

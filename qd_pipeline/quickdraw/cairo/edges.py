"""The outline's lines as edges: from upper to lower end, with the sub-rows that they cross."""

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from qd_pipeline.quickdraw.cairo.outline import Outline
from qd_pipeline.quickdraw.kernels import bare_kernel, inlined

SUBROWS = 15
"""Cairo looks at every pixel row in 15 sub-rows, at 256 places a pixel along each."""

HAIR = 1e-8
"""Less than any fraction of a place that is not zero, more than the error of a double here."""

BLOCK = 32
"""Edges that the compiler may work on at once."""


class Edges(NamedTuple):
    """Buffers for the edges of one stroke; edge i joins the outline's points i and i + 1.

    Attributes:
        top: int32, first sub-row whose middle the edge crosses.
        bottom: int32, sub-row after the last one; not below `top` where there is none.
        sign: int32, by which the winding changes from the edge's left to its right.
        x: float64, upper end in 1/256 pixel.
        y: float64.
        dx: float64, to the lower end.
        dy: float64, not below 0.
        at: float64, place in the sub-row `top`, half a place further right: its floor is the
            nearest whole place.
        slope: float64, places a sub-row.
    """

    top: NDArray[np.int32]
    bottom: NDArray[np.int32]
    sign: NDArray[np.int32]
    x: NDArray[np.float64]
    y: NDArray[np.float64]
    dx: NDArray[np.float64]
    dy: NDArray[np.float64]
    at: NDArray[np.float64]
    slope: NDArray[np.float64]


def edges_buffers(capacity: int) -> Edges:
    """Allocate buffers for `capacity` edges and for whole blocks of them."""
    capacity += BLOCK
    numbers = [np.empty(capacity, np.int32) for _ in range(3)]
    places = [np.empty(capacity) for _ in range(6)]
    return Edges(*numbers, *places)  # type: ignore[arg-type]


@bare_kernel
def join(outline: Outline, first: int, second: int, third: int, side: int, edges: Edges) -> None:
    """Write the edges of an outline in three pieces that end where told."""
    height = float(SUBROWS * side)
    # Past the end as well, in whole blocks: single edges take as long as a block.
    for i in range((third + BLOCK - 1) // BLOCK * BLOCK):
        x1, y1 = outline.x[i], outline.y[i]
        x2, y2 = outline.x[i + 1], outline.y[i + 1]
        down = y2 > y1
        x = x1 if down else x2
        y = y1 if down else y2
        dx = x2 - x1 if down else x1 - x2
        dy = y2 - y1 if down else y1 - y2
        top = max(0.0, np.floor((SUBROWS * y + 128.0) / 256.0))
        bottom = min(height, np.floor((SUBROWS * (y + dy) + 128.0) / 256.0))
        slope = dx / (2 * SUBROWS * dy)
        edges.x[i] = x
        edges.y[i] = y
        edges.dx[i] = dx
        edges.dy[i] = dy
        edges.at[i] = x + ((2.0 * top + 1.0) * 256.0 - 2 * SUBROWS * y) * slope + (0.5 + HAIR)
        edges.slope[i] = 512.0 * slope
        edges.top[i] = int(top)
        edges.bottom[i] = int(bottom)
        edges.sign[i] = -1 if down == (i < second) else 1
    edges.bottom[first - 1] = 0
    edges.bottom[second - 1] = 0


@inlined
def cell(at: float, slope: float, steps: int) -> int:
    """Find the place, in 1/256 pixel, of an edge so many sub-rows below its top."""
    return int(np.floor(at + steps * slope))

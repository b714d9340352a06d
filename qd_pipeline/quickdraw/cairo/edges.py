"""The outline's lines as edges: descending, with the sub-rows that they cross."""

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from qd_pipeline.quickdraw.cairo.outline import Outline
from qd_pipeline.quickdraw.kernels import kernel

SUBROWS = 15
"""Cairo looks at every pixel row in 15 sub-rows, at 256 places a pixel along each."""

HAIR = 1e-8
"""Less than any fraction of a place that is not zero, more than the error of a double here."""


class Edges(NamedTuple):
    """Room for the edges of one stroke, in cairo's order.

    Attributes:
        top: int64, first sub-row.
        bottom: int64, sub-row after the last one.
        sign: int64, 1 where the outline goes down on the left of what it encloses, or -1.
        x: int64, upper end in 1/256 pixel.
        y: int64, upper end.
        dx: int64, to the lower end.
        dy: int64, to the lower end, above 0.
        at: float64, place in the sub-row `top` such that its floor is the nearest whole one.
        slope: float64, places a sub-row.
    """

    top: NDArray[np.int64]
    bottom: NDArray[np.int64]
    sign: NDArray[np.int64]
    x: NDArray[np.int64]
    y: NDArray[np.int64]
    dx: NDArray[np.int64]
    dy: NDArray[np.int64]
    at: NDArray[np.float64]
    slope: NDArray[np.float64]


def edges_room(capacity: int) -> Edges:
    """Make room for `capacity` edges."""
    whole = [np.empty(capacity, np.int64) for _ in range(7)]
    return Edges(*whole, np.empty(capacity), np.empty(capacity))


@kernel
def collect(outline: Outline, side: int, edges: Edges) -> int:
    """Write the edges of an outline that cross a sub-row of the bitmap; return their number."""
    count = 0
    split = outline.used[2]
    for part in range(3):
        line = 1 if part == 2 else 0
        start = split if part == 1 else 0
        stop = split if part == 0 else outline.used[line]
        for i in range(start, stop - 1):
            x1, y1 = outline.x[line, i], outline.y[line, i]
            x2, y2 = outline.x[line, i + 1], outline.y[line, i + 1]
            sign = 1 if part == 2 else -1
            if y1 > y2:
                x1, y1, x2, y2, sign = x2, y2, x1, y1, -sign
            top = max(0, (SUBROWS * y1 + 128) >> 8)
            bottom = min(SUBROWS * side, (SUBROWS * y2 + 128) >> 8)
            if bottom <= top:
                continue
            dx, dy = x2 - x1, y2 - y1
            slope = dx / (2 * SUBROWS * dy)
            edges.top[count] = top
            edges.bottom[count] = bottom
            edges.sign[count] = sign
            edges.x[count] = x1
            edges.y[count] = y1
            edges.dx[count] = dx
            edges.dy[count] = dy
            edges.at[count] = x1 + ((2 * top + 1) * 256 - 2 * SUBROWS * y1) * slope + (0.5 + HAIR)
            edges.slope[count] = 512 * slope
            count += 1
    return count


@kernel
def cell(edges: Edges, edge: int, subrow: int) -> int:
    """Find the place, in 1/256 pixel, at which an edge crosses a sub-row's middle."""
    return int(np.floor(edges.at[edge] + (subrow - edges.top[edge]) * edges.slope[edge]))

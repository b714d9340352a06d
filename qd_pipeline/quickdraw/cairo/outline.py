"""The way around a stroke: two long sides, joins and round ends [cairo-path-stroke-polygon.c].

Inside is whatever this way winds around. One side begins at P+o of the stroke's first point and
turns around its end, the start has a piece of its own, and the other side begins at P-o; the
pieces stand one after the other, as cairo has them.
"""

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from qd_pipeline.quickdraw.cairo.pen import Pen
from qd_pipeline.quickdraw.cairo.steps import Steps
from qd_pipeline.quickdraw.kernels import bare_kernel, inlined


class Outline(NamedTuple):
    """Buffers for the outline of one stroke, in 1/256 pixel.

    Attributes:
        x: float64 (capacity,).
        y: float64 (capacity,).
        other_x: float64 (capacity,), the other side before it is appended.
        other_y: float64 (capacity,).
    """

    x: NDArray[np.float64]
    y: NDArray[np.float64]
    other_x: NDArray[np.float64]
    other_y: NDArray[np.float64]


def outline_buffers(points: int, pen: Pen) -> Outline:
    """Allocate buffers for the outline of a stroke of up to `points` points.

    A join adds at most all vertices of the pen and four points more to both sides together, and
    so does an end.
    """
    capacity = (points + 3) * (len(pen.x) // 3 + 6) + 64
    return Outline(*(np.zeros(capacity) for _ in range(4)))


@inlined
def fan(
    ax: NDArray[np.float64],
    ay: NDArray[np.float64],
    pen: Pen,
    at: int,
    x: float,
    y: float,
    first: int,
    last: int,
) -> int:
    """Write the pen's vertices from `first` anticlockwise to `last`; return where they end."""
    around = len(pen.x) // 3
    if first == last:
        return at
    if first < last:
        first += around
    for i in range(first - last + 1):
        ax[at + i] = x + pen.x[first - i]
        ay[at + i] = y + pen.y[first - i]
    return at + first - last + 1


@inlined
def turns_clockwise(ax: float, ay: float, bx: float, by: float) -> bool:
    """Return whether a to b is a clockwise turn, about-turns by cairo's rule [cairo-slope.c]."""
    cross = ax * by - ay * bx
    back = cross == 0.0 and ax * bx + ay * by < 0.0
    return cross > 0.0 or (back and (ax > 0.0 or (ax == 0.0 and ay > 0.0)))


@bare_kernel
def trace(
    px: NDArray[np.float64],
    py: NDArray[np.float64],
    start: int,
    stop: int,
    steps: Steps,
    pen: Pen,
    outline: Outline,
) -> tuple[int, int, int]:
    """Write the outline of a stroke of at least two points, no two neighbours equal.

    Returns:
        Where its three pieces end.
    """
    around = len(pen.x) // 3
    ax, ay, bx, by = outline.x, outline.y, outline.other_x, outline.other_y
    ox, oy = steps.ox[start], steps.oy[start]
    ax[0] = px[start] + ox
    ay[0] = py[start] + oy
    bx[0] = px[start] - ox
    by[0] = py[start] - oy
    m, n = 1, 1
    for i in range(start, stop - 2):
        x, y = px[i + 1], py[i + 1]
        ox, oy = steps.ox[i], steps.oy[i]
        qx, qy = steps.ox[i + 1], steps.oy[i + 1]
        ax[m] = x + ox
        ay[m] = y + oy
        bx[n] = x - ox
        by[n] = y - oy
        m += 1
        n += 1
        dx, dy, ex, ey = steps.dx[i], steps.dy[i], steps.dx[i + 1], steps.dy[i + 1]
        apart = ox != qx or oy != qy
        if turns_clockwise(dx, dy, ex, ey):
            if apart:
                first, last = steps.cw[i], steps.sector[i + 1]
                if not turns_clockwise(ex, ey, pen.ex[first + 1], pen.ey[first + 1]):
                    if last < first:
                        last += around
                    for k in range(first, last):
                        bx[n] = x + pen.x[k]
                        by[n] = y + pen.y[k]
                        n += 1
                bx[n] = x - qx
                by[n] = y - qy
                n += 1
            ax[m] = x
            ay[m] = y
            ax[m + 1] = x + qx
            ay[m + 1] = y + qy
            m += 2
        else:
            if apart:
                m = fan(ax, ay, pen, m, x, y, steps.ccw[i], steps.ccw[i + 1])
                ax[m] = x + qx
                ay[m] = y + qy
                m += 1
            bx[n] = x
            by[n] = y
            bx[n + 1] = x - qx
            by[n + 1] = y - qy
            n += 2
    end = stop - 2
    x, y = px[stop - 1], py[stop - 1]
    ox, oy = steps.ox[end], steps.oy[end]
    ax[m] = x + ox
    ay[m] = y + oy
    bx[n] = x - ox
    by[n] = y - oy
    n += 1
    m = fan(ax, ay, pen, m + 1, x, y, steps.ccw[end], steps.ccw_back[end])
    ax[m] = x - ox
    ay[m] = y - oy
    first_end = m + 1
    x, y = px[start], py[start]
    ox, oy = steps.ox[start], steps.oy[start]
    ax[m + 1] = x - ox
    ay[m + 1] = y - oy
    m = fan(ax, ay, pen, m + 2, x, y, steps.ccw_back[start], steps.ccw[start])
    ax[m] = x + ox
    ay[m] = y + oy
    m += 1
    for i in range(n):
        ax[m + i] = bx[i]
        ay[m + i] = by[i]
    return first_end, m, m + n


@bare_kernel
def trace_dot(
    x: float, y: float, east: int, west: int, pen: Pen, outline: Outline
) -> tuple[int, int, int]:
    """Write the outline of a stroke that stays where it is: one piece.

    Args:
        x: The dot.
        y: The dot.
        east: Vertex that an anticlockwise fan begins with for the direction (1, 0).
        west: The same for the way back.
        pen: For bitmaps of this size.
        outline: Takes the points.
    """
    radius = np.rint(pen.radius)
    ax, ay = outline.x, outline.y
    m = fan(ax, ay, pen, 0, x, y, west, east)
    ax[m] = x
    ay[m] = y + radius
    m = fan(ax, ay, pen, m + 1, x, y, east, west)
    ax[m] = x
    ay[m] = y - radius
    ax[m + 1] = ax[0]
    ay[m + 1] = ay[0]
    return m + 2, m + 2, m + 2

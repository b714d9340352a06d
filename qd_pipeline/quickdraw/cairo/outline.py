"""The way around a stroke: two long sides, joins and round ends [cairo-path-stroke-polygon.c].

Of the stroke's two sides the one at P+o comes with the way back around its start (side 0), the
other one, P-o, alone (side 1). Together they close; inside is whatever they wind around.
"""

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from qd_pipeline.quickdraw.cairo.pen import Pen, sector, turns_clockwise
from qd_pipeline.quickdraw.kernels import kernel


class Outline(NamedTuple):
    """Room for the outline of one stroke, in 1/256 pixel.

    Attributes:
        x: int64 (2, capacity), a row for each side.
        y: int64 (2, capacity).
        used: int64 (3,): points of side 0 and of side 1, and where side 0 is interrupted.
    """

    x: NDArray[np.int64]
    y: NDArray[np.int64]
    used: NDArray[np.int64]


def outline_room(points: int, pen: Pen) -> Outline:
    """Make room for the outline of a stroke of up to `points` points.

    A join adds at most all vertices of the pen and four points more, an end half as much.
    """
    capacity = (points + 2) * (len(pen.x) + 5)
    return Outline(
        np.empty((2, capacity), np.int64), np.empty((2, capacity), np.int64), np.zeros(3, np.int64)
    )


@kernel
def add(outline: Outline, line: int, x: int, y: int) -> None:
    """Append a point to one side."""
    at = outline.used[line]
    outline.x[line, at] = x
    outline.y[line, at] = y
    outline.used[line] = at + 1


@kernel
def fan(
    outline: Outline, pen: Pen, line: int, x: int, y: int, first: int, count: int, step: int
) -> None:
    """Append `count` vertices of the pen held at (x, y), from `first` on, up or down."""
    i = first
    for _ in range(count):
        add(outline, line, x + pen.x[i], y + pen.y[i])
        i += step
        if i == len(pen.x):
            i = 0
        elif i < 0:
            i += len(pen.x)


@kernel
def back_vertex(pen: Pen, dx: int, dy: int) -> int:
    """Find the vertex that an anticlockwise fan begins or ends with for a direction."""
    count = len(pen.x)
    q, along = sector(pen, -dx, -dy)
    if along and not (dx > 0 or (dx == 0 and dy > 0)):
        q -= 1
    return q % count


@kernel
def anticlockwise(
    outline: Outline, pen: Pen, line: int, x: int, y: int, ax: int, ay: int, bx: int, by: int
) -> None:
    """Append the fan from direction a anticlockwise to direction b."""
    first, last = back_vertex(pen, ax, ay), back_vertex(pen, bx, by)
    if first != last:
        fan(outline, pen, line, x, y, first, (first - last) % len(pen.x) + 1, -1)


@kernel
def clockwise(
    outline: Outline, pen: Pen, line: int, x: int, y: int, ax: int, ay: int, bx: int, by: int
) -> None:
    """Append the fan from direction a clockwise to direction b."""
    count = len(pen.x)
    q, along = sector(pen, ax, ay)
    first = q if along else (q + 1) % count
    after = (first + 1) % count
    if not turns_clockwise(bx, by, pen.ex[after], pen.ey[after]):
        stop, _ = sector(pen, bx, by)
        fan(outline, pen, line, x, y, first, (stop - first) % count, 1)


@kernel
def trace(
    px: NDArray[np.int64], py: NDArray[np.int64], count: int, pen: Pen, outline: Outline
) -> None:
    """Write the outline of a stroke of `count` points, no two neighbours equal."""
    outline.used[:] = 0
    if count == 1:
        trace_dot(px[0], py[0], pen, outline)
        return
    ax, ay, ox, oy = 0, 0, 0, 0
    firstx, firsty = 0, 0
    for i in range(count - 1):
        x, y = px[i], py[i]
        bx, by = px[i + 1] - x, py[i + 1] - y
        length = np.sqrt(float(bx * bx + by * by))
        qx = int(np.rint(-by * pen.radius / length))
        qy = int(np.rint(bx * pen.radius / length))
        if i == 0:
            add(outline, 0, x + qx, y + qy)
            add(outline, 1, x - qx, y - qy)
            firstx, firsty = qx, qy
        else:
            right = turns_clockwise(ax, ay, bx, by)
            outer = 1 if right else 0
            sign = -1 if right else 1
            if ox != qx or oy != qy:
                if right:
                    clockwise(outline, pen, 1, x, y, ax, ay, bx, by)
                else:
                    anticlockwise(outline, pen, 0, x, y, ax, ay, bx, by)
                add(outline, outer, x + sign * qx, y + sign * qy)
            add(outline, 1 - outer, x, y)
            add(outline, 1 - outer, x - sign * qx, y - sign * qy)
        add(outline, 0, x + bx + qx, y + by + qy)
        add(outline, 1, x + bx - qx, y + by - qy)
        ax, ay, ox, oy = bx, by, qx, qy
    x, y = px[count - 1], py[count - 1]
    anticlockwise(outline, pen, 0, x, y, ax, ay, -ax, -ay)
    add(outline, 0, x - ox, y - oy)
    outline.used[2] = outline.used[0]
    bx, by = px[1] - px[0], py[1] - py[0]
    add(outline, 0, px[0] - firstx, py[0] - firsty)
    anticlockwise(outline, pen, 0, px[0], py[0], -bx, -by, bx, by)
    add(outline, 0, px[0] + firstx, py[0] + firsty)


@kernel
def trace_dot(x: int, y: int, pen: Pen, outline: Outline) -> None:
    """Write the outline of a stroke that stays where it is."""
    radius = int(np.rint(pen.radius))
    anticlockwise(outline, pen, 0, x, y, -1, 0, 1, 0)
    add(outline, 0, x, y + radius)
    anticlockwise(outline, pen, 0, x, y, 1, 0, -1, 0)
    add(outline, 0, x, y - radius)
    add(outline, 0, outline.x[0, 0], outline.y[0, 0])
    outline.used[2] = outline.used[0]

"""The polygon that stands for the round tip of the pen."""

import math
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from qd_pipeline.quickdraw.cairo.fixed import LINE, ROOM
from qd_pipeline.quickdraw.kernels import kernel

TOLERANCE = 0.1
"""How far the polygon may stray from the circle, in pixels: cairo's default."""


class Pen(NamedTuple):
    """A pen for one bitmap size, in 1/256 pixel.

    Attributes:
        x: int64 (n,) of vertex i, n even, anticlockwise as seen with y upwards.
        y: int64 (n,) of vertex i.
        ex: int64 (n,), from vertex i-1 to vertex i.
        ey: int64 (n,), from vertex i-1 to vertex i.
        radius: Of the circle.
    """

    x: NDArray[np.int64]
    y: NDArray[np.int64]
    ex: NDArray[np.int64]
    ey: NDArray[np.int64]
    radius: float


def round_pen(side: int) -> Pen:
    """Make the pen for bitmaps of `side` pixels [cairo-pen.c].

    >>> pen = round_pen(28)
    >>> list(zip(pen.x.tolist(), pen.y.tolist()))[:4]
    [(189, 0), (163, 94), (94, 163), (0, 189)]
    """
    radius = LINE / 2 * side / ROOM
    if radius > TOLERANCE:
        count = math.ceil(2 * math.pi / math.acos(1 - TOLERANCE / radius))
        count = max(4, count + count % 2)
    else:
        count = 4
    angles = 2 * math.pi * np.arange(count) / count
    x = np.rint(256 * radius * np.cos(angles)).astype(np.int64)
    y = np.rint(256 * radius * np.sin(angles)).astype(np.int64)
    return Pen(x, y, x - np.roll(x, 1), y - np.roll(y, 1), 256 * radius)


@kernel
def sector(pen: Pen, dx: int, dy: int) -> tuple[int, bool]:
    """Find the edges of the pen between which a direction lies.

    Returns:
        q, with the direction in [edge q, edge q+1) by angle, and whether it is that of edge q.
    """
    half = len(pen.x) // 2
    first = pen.ex[0] * dy - pen.ey[0] * dx
    turned = first < 0 or (first == 0 and pen.ex[0] * dx + pen.ey[0] * dy < 0)
    if turned:
        dx, dy = -dx, -dy
    passed = 0
    for q in range(half):
        passed += pen.ex[q] * dy >= pen.ey[q] * dx
    q = passed - 1
    along = pen.ex[q] * dy == pen.ey[q] * dx
    return (q + half if turned else q), along


@kernel
def turns_clockwise(ax: int, ay: int, bx: int, by: int) -> bool:
    """Tell whether the turn from a to b is clockwise, about-turns by cairo's rule."""
    cross = ax * by - ay * bx
    if cross != 0:
        return cross > 0
    return ax * bx + ay * by < 0 and (ax > 0 or (ax == 0 and ay > 0))

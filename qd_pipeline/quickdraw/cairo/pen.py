"""The polygon that stands for the round tip of the pen [cairo-pen.c]."""

import math
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from qd_pipeline.quickdraw.cairo.fixed import EXTENT, LINE

TOLERANCE = 0.1
"""How far the polygon may stray from the circle, in pixels: cairo's default."""


class Pen(NamedTuple):
    """A pen for one bitmap size, in 1/256 pixel; whole numbers all but the radius.

    Attributes:
        x: float64 (3 n,) of the n vertices by angle from the x axis towards the y axis, three
            times over, so that a walk around the pen need not wrap.
        y: float64 (3 n,).
        ex: float64 (3 n,), from vertex i-1 to vertex i.
        ey: float64 (3 n,).
        radius: Of the circle.
    """

    x: NDArray[np.float64]
    y: NDArray[np.float64]
    ex: NDArray[np.float64]
    ey: NDArray[np.float64]
    radius: float


def round_pen(side: int) -> Pen:
    """Make the pen for bitmaps of `side` pixels.

    >>> pen = round_pen(28)
    >>> len(pen.x) // 3, list(zip(pen.x.tolist(), pen.y.tolist()))[:3]
    (12, [(189.0, 0.0), (163.0, 94.0), (94.0, 163.0)])
    """
    radius = LINE / 2 * side / EXTENT
    count = 4
    if radius > TOLERANCE:
        needed = math.ceil(2 * math.pi / math.acos(1 - TOLERANCE / radius))
        count = max(count, needed + needed % 2)
    angles = 2 * math.pi * np.arange(count) / count
    x = np.rint(256 * radius * np.cos(angles)) + 0.0
    y = np.rint(256 * radius * np.sin(angles)) + 0.0
    x, y, ex, ey = (np.tile(v, 3) for v in (x, y, x - np.roll(x, 1), y - np.roll(y, 1)))
    return Pen(x, y, ex, ey, 256 * radius)

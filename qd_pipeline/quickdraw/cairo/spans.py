"""What an edge adds to the areas of a pixel row [cairo-tor-scan-converter.c].

Areas are in 1/512 pixel and 1/15 row. A row's are kept as differences from pixel to pixel:
opening a span changes all pixels to its right.
"""

import numpy as np
from numpy.typing import NDArray

from qd_pipeline.quickdraw.cairo.edges import SUBROWS, Edges
from qd_pipeline.quickdraw.kernels import inlined


@inlined
def open_at(change: NDArray[np.int32], x: int, left: int, sign: int, side: int) -> None:
    """Open a span (sign 1 for each sub-row, or -1 to close it) `left` / 512 into pixel x."""
    if x < 0:
        change[0] += sign * 512
    else:
        at = min(x, side)
        change[at] += sign * (512 - left)
        change[at + 1] += sign * left


@inlined
def open_along(
    change: NDArray[np.int32], edges: Edges, edge: int, row: int, sign: int, side: int
) -> tuple[int, int]:
    """Open or close a span along an edge through all sub-rows of a pixel row at once.

    Cairo steps back half a sub-row from the first middle, in whole numbers: half a place is
    lost where the step is odd, which shows, so it is lost here too.

    Returns:
        The first and the last pixel that the edge passes through, `side` for all beyond.
    """
    dx, dy = int(edges.dx[edge]), 2 * SUBROWS * int(edges.dy[edge])
    step = abs(512 * dx) // dy
    if dx < 0:
        step = -step
    rest = 512 * dx - step * dy
    half = abs(step) >> 1
    if step < 0:
        half = -half
    middle = (2 * SUBROWS * row + 1) * 256 - 2 * SUBROWS * int(edges.y[edge])
    start = int(edges.x[edge]) * dy + middle * dx - half * dy - rest // 2
    stop = start + SUBROWS * 512 * dx
    if stop < start:
        start, stop = stop, start
    first, last = start // dy, stop // dy
    begin, end = first >> 8, last >> 8
    if begin == end:
        open_at(change, begin, (first & 255) + (last & 255), sign * SUBROWS, side)
    else:
        passed = 0
        left = 256 + (first & 255)
        for x in range(begin, end):
            reached = SUBROWS * ((x + 1) * 256 * dy - start) // (stop - start)
            open_at(change, x, left, sign * (reached - passed), side)
            passed = reached
            left = 256
        open_at(change, end, last & 255, sign * (SUBROWS - passed), side)
    return min(max(begin, 0), side), min(max(end, 0), side)

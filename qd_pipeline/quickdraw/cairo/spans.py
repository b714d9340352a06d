"""What an edge adds to the areas of a pixel row [cairo-tor-scan-converter.c].

Areas are in 1/512 pixel and 1/15 row. A row's are kept as differences from pixel to pixel:
opening a span changes all pixels to its right.
"""

import numpy as np
from numpy.typing import NDArray

from qd_pipeline.quickdraw.cairo.edges import SUBROWS, Edges
from qd_pipeline.quickdraw.kernels import inlined


@inlined
def open_at(change: NDArray[np.int32], place: int, sign: int) -> None:
    """Open (sign 1) or close (sign -1) a span at a place of one sub-row."""
    change[place >> 8] += sign * 2 * (256 - (place & 255))
    change[(place >> 8) + 1] += sign * 2 * (place & 255)


@inlined
def open_along(
    change: NDArray[np.int32], edges: Edges, edge: int, row: int, sign: int
) -> tuple[int, int]:
    """Open or close a span along an edge through all sub-rows of a pixel row at once.

    Cairo steps back half a sub-row from the first middle, in whole numbers: half a place is
    lost where the step is odd, which shows, so it is lost here too.

    Returns:
        The first and the last pixel that the edge passes through.
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
    left = first & 255
    passed = 0
    if begin == end:
        left += last & 255
        change[begin] += sign * SUBROWS * (512 - left)
        change[begin + 1] += sign * SUBROWS * left
        return begin, end
    left += 256
    for x in range(begin, end):
        reached = SUBROWS * ((x + 1) * 256 * dy - start) // (stop - start)
        change[x] += sign * (reached - passed) * (512 - left)
        change[x + 1] += sign * (reached - passed) * left
        passed = reached
        left = 256
    left = last & 255
    change[end] += sign * (SUBROWS - passed) * (512 - left)
    change[end + 1] += sign * (SUBROWS - passed) * left
    return begin, end

"""What an edge adds to the sums of a pixel row [cairo-tor-scan-converter.c]."""

import numpy as np
from numpy.typing import NDArray

from qd_pipeline.quickdraw.cairo.edges import SUBROWS, Edges
from qd_pipeline.quickdraw.kernels import kernel


@kernel
def add_place(
    covered: NDArray[np.int64], uncovered: NDArray[np.int64], place: int, sign: int
) -> None:
    """Open (sign 1) or close (sign -1) a span at a place of one sub-row."""
    x = min(max(place, 0), 256 * (len(covered) - 2))
    covered[x >> 8] += sign
    uncovered[x >> 8] += sign * 2 * (x & 255)


@kernel
def add_full(
    covered: NDArray[np.int64],
    uncovered: NDArray[np.int64],
    edges: Edges,
    edge: int,
    row: int,
    sign: int,
) -> None:
    """Open or close a span along an edge through all sub-rows of a pixel row at once.

    Cairo steps back half a sub-row from the first middle, in whole numbers: half a place is
    lost where the step is odd, which shows, so it is lost here too.
    """
    dx, dy = edges.dx[edge], 2 * SUBROWS * edges.dy[edge]
    step = abs(512 * dx) // dy
    if dx < 0:
        step = -step
    rest = 512 * dx - step * dy
    half = abs(step) >> 1
    if step < 0:
        half = -half
    middle = (2 * SUBROWS * row + 1) * 256 - 2 * SUBROWS * edges.y[edge]
    start = edges.x[edge] * dy + middle * dx - half * dy - rest // 2
    stop = start + SUBROWS * 512 * dx
    if stop < start:
        start, stop = stop, start
    first, last = start // dy, stop // dy
    x, end = first >> 8, last >> 8
    if x == end:
        covered[x] += sign * SUBROWS
        uncovered[x] += sign * SUBROWS * ((first & 255) + (last & 255))
        return
    passed = 0
    left = 256 + (first & 255)
    while x < end:
        reached = SUBROWS * ((x + 1) * 256 * dy - start) // (stop - start)
        covered[x] += sign * (reached - passed)
        uncovered[x] += sign * (reached - passed) * left
        passed = reached
        left = 256
        x += 1
    covered[x] += sign * (SUBROWS - passed)
    uncovered[x] += sign * (SUBROWS - passed) * (last & 255)

"""What an edge adds to the areas of a pixel row [cairo-tor-scan-converter.c].

Areas are in 1/512 pixel and 1/15 row. Here a row's are differences from pixel to pixel, since
opening a span changes all pixels to its right; `compose.add_up` makes areas of them.
"""

import numpy as np
from numpy.typing import NDArray

from qd_pipeline.quickdraw.cairo.edges import SUBROWS
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
    change: NDArray[np.int32],
    x: float,
    y: float,
    dx: float,
    dy: float,
    row: int,
    sign: int,
    side: int,
) -> tuple[int, int]:
    """Open or close a span along the edge from (x, y) on, all 15 sub-rows at once.

    Cairo steps back half a sub-row from the first middle, in whole numbers: half a place is
    lost where the step is odd, which shows, so it is lost here too.

    Returns:
        The first and the last pixel that the edge passes through, `side` for all beyond.
    """
    rise, run = 2 * SUBROWS * int(dy), 512 * int(dx)
    step = abs(run) // rise
    if run < 0:
        step = -step
    rest = run - step * rise
    half = abs(step) >> 1
    if step < 0:
        half = -half
    middle = (2 * SUBROWS * row + 1) * 256 - 2 * SUBROWS * int(y)
    start = int(x) * rise + middle * int(dx) - half * rise - rest // 2
    stop = start + SUBROWS * run
    if stop < start:
        start, stop = stop, start
    first, last = start // rise, stop // rise
    begin, end = first >> 8, last >> 8
    if begin == end:
        open_at(change, begin, (first & 255) + (last & 255), sign * SUBROWS, side)
    else:
        passed = 0
        left = 256 + (first & 255)
        for pixel in range(begin, end):
            reached = SUBROWS * ((pixel + 1) * 256 * rise - start) // (stop - start)
            open_at(change, pixel, left, sign * (reached - passed), side)
            passed = reached
            left = 256
        open_at(change, end, last & 255, sign * (SUBROWS - passed), side)
    return min(max(begin, 0), side), min(max(end, 0), side)

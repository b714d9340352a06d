"""From edges to crossings of sub-rows, ready to be sorted."""

import numpy as np

from qd_pipeline.quickdraw.cairo.edges import SUBROWS, Edges
from qd_pipeline.quickdraw.cairo.lanes import DEPTH, NOTHING, WIDTH, Lanes
from qd_pipeline.quickdraw.kernels import kernel

BLOCK = 8
"""Crossings that are worked out at once; what overshoots the edge is overwritten by the next."""


@kernel
def gather(edges: Edges, count: int, lanes: Lanes) -> tuple[int, int, bool]:
    """Put the crossings of `count` edges into the slots of their pixel rows.

    Edges that go on in the same direction form one trail and share its slots.

    Returns:
        The first pixel row and the one after the last, and whether there was room for all.
    """
    side = len(lanes.used)
    width = 256.0 * side
    low, high = side, 0
    top, bottom, kind = 0, 0, 0
    for i in range(count):
        first, last = int(edges.top[i]), int(edges.bottom[i])
        if last <= first:
            continue
        lanes.ends[first] = 1
        lanes.ends[last] = 1
        down = edges.down[i] == 1
        here = 2 * edges.sign[i] + edges.down[i]
        if here != kind or (first != bottom if down else last != top):
            if bottom > top:
                if not store(lanes, top, bottom):
                    return low, high, False
                low, high = min(low, top), max(high, bottom)
            kind = here
            top, bottom = first, last
        elif down:
            bottom = last
        else:
            top = first
        at, slope, sign = edges.at[i], edges.slope[i], edges.sign[i] + 1
        blocks = (last - first + BLOCK - 1) // BLOCK
        for block in range(blocks):
            begin = first + BLOCK * block if down else last - BLOCK * (block + 1)
            trail = lanes.trail[WIDTH + begin : WIDTH + begin + BLOCK]
            start = float(begin - first)
            for k in range(BLOCK):
                place = np.int32(min(width, max(0.0, at + (start + k) * slope)))
                trail[k] = np.int32(4 * place + sign)
    if bottom > top:
        if not store(lanes, top, bottom):
            return low, high, False
        low, high = min(low, top), max(high, bottom)
    return low // SUBROWS, (high + SUBROWS - 1) // SUBROWS, True


@kernel
def store(lanes: Lanes, top: int, bottom: int) -> bool:
    """Move the trail through the sub-rows top...bottom-1 to the slots; tell whether it fits."""
    above = lanes.trail[top : top + WIDTH]
    below = lanes.trail[WIDTH + bottom : 2 * WIDTH + bottom]
    for k in range(WIDTH):
        above[k] = NOTHING
        below[k] = NOTHING
    for row in range(top // SUBROWS, (bottom - 1) // SUBROWS + 1):
        used = lanes.used[row]
        if used == DEPTH:
            return False
        piece = lanes.trail[WIDTH + SUBROWS * row : 2 * WIDTH + SUBROWS * row]
        slot = lanes.slots[row, used]
        for k in range(WIDTH):
            slot[k] = piece[k]
        slot[SUBROWS] = NOTHING
        lanes.used[row] = used + 1
    return True

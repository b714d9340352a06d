"""From edges to crossings of sub-rows, ready to be sorted."""

import numpy as np

from qd_pipeline.quickdraw.cairo.edges import SUBROWS, Edges
from qd_pipeline.quickdraw.cairo.lanes import DEPTH, WIDTH, Lanes
from qd_pipeline.quickdraw.kernels import inlined, kernel


@kernel
def gather(edges: Edges, count: int, lanes: Lanes) -> tuple[int, int, int]:
    """Put the crossings of `count` edges into the slots of their pixel rows.

    Edges that go on in the same direction form one trail and share its slots. A row's last slot
    is written over when there are too many.

    Returns:
        The first pixel row, the one after the last, and the most slots that a row needed.
    """
    end = 256.0 * len(lanes.used)
    width = min(WIDTH, lanes.width)
    low, high, most = SUBROWS * len(lanes.used), 0, 0
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
            most = max(most, store(lanes, top, bottom, width))
            kind = here
            low, high = min(low, first), max(high, last)
            top, bottom = first, last
        elif down:
            bottom = last
            high = max(high, last)
        else:
            top = first
            low = min(low, first)
        at, slope, sign = edges.at[i], edges.slope[i], np.int32(edges.sign[i] + 1)
        for block in range(0, last - first, WIDTH):
            # What overshoots the edge is written over by the next one or by `store`.
            begin = first + block if down else last - block - WIDTH
            trail = lanes.trail[WIDTH + begin : WIDTH + begin + WIDTH]
            start = float(begin - first)
            for k in range(width):
                place = np.int32(min(end, max(0.0, at + (start + k) * slope)))
                trail[k] = 4 * place + sign
    most = max(most, store(lanes, top, bottom, width))
    return low // SUBROWS, (high + SUBROWS - 1) // SUBROWS, most


@inlined
def store(lanes: Lanes, top: int, bottom: int, width: int) -> int:
    """Move the trail through the sub-rows top...bottom-1 to the slots of its pixel rows.

    Returns:
        The most slots that one of these rows needed so far.
    """
    above = lanes.trail[top : top + WIDTH]
    below = lanes.trail[WIDTH + bottom : WIDTH + bottom + WIDTH]
    for k in range(width):
        above[k] = lanes.nothing
        below[k] = lanes.nothing
    most = 0
    for row in range(top // SUBROWS, (bottom + SUBROWS - 1) // SUBROWS):
        used = lanes.used[row]
        begin = WIDTH + SUBROWS * row
        piece = lanes.trail[begin : begin + WIDTH]
        slot = lanes.slots[row, WIDTH * min(used, DEPTH - 1) :]
        for k in range(width):
            slot[k] = piece[k]
        slot[SUBROWS] = lanes.nothing
        lanes.used[row] = used + 1
        most = max(most, used + 1)
    return most

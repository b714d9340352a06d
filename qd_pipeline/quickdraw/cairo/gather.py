"""From edges to crossings of sub-rows, ready to be sorted."""

from typing import Any

import numpy as np

from qd_pipeline.quickdraw.cairo.edges import SUBROWS, Edges
from qd_pipeline.quickdraw.cairo.lanes import BROKEN, DEPTH, FULL, LANES, STRIDE, USED, Lanes
from qd_pipeline.quickdraw.cairo.slots import write
from qd_pipeline.quickdraw.cairo.vectors import WIDTH
from qd_pipeline.quickdraw.kernels import bare_kernel


@bare_kernel
def gather(edges: Edges, count: int, lanes: Lanes) -> tuple[int, int]:
    """Put the crossings of `count` edges into the slots of their pixel rows.

    A row's last slot is written over when there are too many.

    Returns:
        The first pixel row, and the one after the last.
    """
    # Unsigned numbers as indices, of which numba need not ask whether they count from the end.
    u: Any = np.uint32
    side = len(lanes.rows)
    end = 256.0 * side
    low, high = SUBROWS * side, 0
    for i in range(count):
        first, last = int(edges.top[i]), int(edges.bottom[i])
        if last <= first:
            continue
        low, high = min(low, first), max(high, last)
        at, slope, tag = edges.at[i], edges.slope[i], np.int32(edges.sign[i] + 1)
        row = u(u(first) // u(SUBROWS))
        begin, stop = SUBROWS * row - first, last - first
        while begin < stop:
            crossed = (LANES << max(0, -begin)) & LANES
            if stop - begin < SUBROWS:
                crossed &= (1 << (stop - begin)) - 1
            known = lanes.rows[row]
            taken = (known & crossed) != 0
            # All bits set below the number of slots, and one more: a new slot, all of it free.
            known = ((known | FULL) + 1 if taken else known) | crossed
            if crossed != LANES:
                known |= BROKEN
            lanes.rows[row] = known
            slot = u(min(u(known >> USED) - 1, DEPTH - 1))
            lanes.edge[u(row * u(DEPTH)) + slot] = i
            start = u(row * u(STRIDE)) + WIDTH * slot
            write(
                lanes.slots, start, at, slope, float(begin), tag, crossed, taken, lanes.nothing, end
            )
            row = u(row + u(1))
            begin += SUBROWS
    return low // SUBROWS, (high + SUBROWS - 1) // SUBROWS

"""The quick scan: how much of each pixel a stroke covers, a pixel row at a time."""

import numpy as np

from qd_pipeline.quickdraw.cairo.compose import Sheet
from qd_pipeline.quickdraw.cairo.edges import SUBROWS, Edges, cell
from qd_pipeline.quickdraw.cairo.lanes import SIGNS, SUMS, WIDTH, Lanes
from qd_pipeline.quickdraw.cairo.spans import open_along
from qd_pipeline.quickdraw.kernels import kernel

BY_SUBROWS, AT_ONCE, BY_LIST = 0, 1, 2


@kernel
def measure_at_once(
    edges: Edges, count: int, lanes: Lanes, sheet: Sheet, low: int, high: int
) -> int:
    """Measure the pixel rows that cairo measures at once: no start, no end, no crossing in them.

    Where different lines share a place in such a row, only cairo's list tells their order.

    Returns:
        The first row that takes the list, or `high`.
    """
    side = len(lanes.used)
    listed = high
    for row in range(low, high):
        ends = lanes.ends[SUBROWS * row : SUBROWS * (row + 1)]
        inner = 0
        for k in range(1, SUBROWS):
            inner |= ends[k]
        lanes.way[row] = BY_SUBROWS
        used = lanes.used[row]
        if inner or used == 0:
            continue
        find(edges, count, lanes, row)
        way = AT_ONCE
        for i in range(1, used):
            if lanes.reached[i] < lanes.reached[i - 1]:
                way = BY_SUBROWS
        if way == BY_SUBROWS:
            continue
        for i in range(1, used):
            one, other = lanes.edge[i - 1], lanes.edge[i]
            dx, dy = edges.dx[one], edges.dy[one]
            if lanes.begun[i - 1] == lanes.begun[i] and (
                dx * edges.dy[other] != dy * edges.dx[other]
                or (edges.x[other] - edges.x[one]) * dy != (edges.y[other] - edges.y[one]) * dx
            ):
                way = BY_LIST
        if way == BY_LIST:
            listed = row
            break
        lanes.way[row] = AT_ONCE
        winding = 0
        inside = False
        start, stop = side, 0
        for i in range(used):
            edge = lanes.edge[i]
            winding += edges.sign[edge]
            if inside and (winding != 0 or (i + 1 < used and lanes.begun[i + 1] == lanes.begun[i])):
                continue
            inside = not inside
            sign = 1 if inside else -1
            x, y, dx, dy = edges.x[edge], edges.y[edge], edges.dx[edge], edges.dy[edge]
            left, right = open_along(sheet.change[row], x, y, dx, dy, row, sign, side)
            start, stop = min(start, left), max(stop, right + 1)
        sheet.start[row], sheet.stop[row] = start, stop
    return listed


@kernel
def find(edges: Edges, count: int, lanes: Lanes, row: int) -> None:
    """Write the edges through all of a pixel row to `lanes.edge`, from left to right."""
    first = SUBROWS * row
    found = 0
    for i in range(count):
        if edges.top[i] <= first and edges.bottom[i] >= first + SUBROWS:
            steps = first - edges.top[i]
            begun = cell(edges.at[i], edges.slope[i], steps)
            reached = cell(edges.at[i], edges.slope[i], steps + SUBROWS)
            at = found
            while at > 0 and (
                lanes.begun[at - 1] > begun
                or (lanes.begun[at - 1] == begun and lanes.reached[at - 1] > reached)
            ):
                lanes.edge[at] = lanes.edge[at - 1]
                lanes.begun[at] = lanes.begun[at - 1]
                lanes.reached[at] = lanes.reached[at - 1]
                at -= 1
            lanes.edge[at] = i
            lanes.begun[at] = begun
            lanes.reached[at] = reached
            found += 1


@kernel
def measure_by_subrows(lanes: Lanes, sheet: Sheet, low: int, high: int) -> None:
    """Measure the other pixel rows, their 15 sub-rows side by side.

    In each sub-row the crossings are sorted and their signs summed up; where the sum leaves
    zero a span opens, where it returns to zero the span closes.
    """
    # What a loop over the lanes reads and writes lies in one array: no overlap to look out for.
    width = min(WIDTH, lanes.width)
    number = lanes.work.dtype.type
    keys, signs = lanes.work[:SIGNS], lanes.work[SIGNS:SUMS]
    for row in range(low, high):
        used = lanes.used[row]
        if used == 0 or lanes.way[row] != BY_SUBROWS:
            continue
        slots = lanes.slots[row]
        # A sub-row's first crossing opens a span, and its last one closes one. Three more than
        # nothing comes out, beyond the largest number, as the smallest.
        first, last = lanes.nothing, number(0)
        for k in range(WIDTH * used):
            first = min(first, slots[k])
            last = max(last, number(slots[k] + 3))
        left, right = first >> 10, (last - 3) >> 10
        for k in range(WIDTH * used):
            keys[k] = slots[k]
        for pair in range(lanes.network[used], lanes.network[used + 1]):
            lower = keys[lanes.lower[pair] :]
            upper = keys[lanes.upper[pair] :]
            for k in range(width):
                one, other = lower[k], upper[k]
                lower[k] = min(one, other)
                upper[k] = max(one, other)
        for slot in range(used):
            lane = lanes.work[WIDTH * slot :]
            for k in range(width):
                before = lane[SUMS + k]
                after = number(before + (lane[k] & 3) - 1)
                lane[SUMS + WIDTH + k] = after
                lane[SIGNS + k] = number(number(after != 0) - number(before != 0))
                lane[k] = number(lane[k] >> 2)
        # Four slots at a time.
        count = (used + 3) // 4 * 4 * WIDTH
        for k in range(WIDTH * used, count):
            signs[k] = 0
        before = np.int32(0)
        change = sheet.change[row]
        for pixel in range(left, right + 1):
            end = number(256 * (pixel + 1))
            area = number(0)
            for k in range(count):
                length = min(number(256), max(number(0), number(end - keys[k])))
                area = number(area + number(signs[k] * length))
            change[pixel] = 2 * (np.int32(area) - before)
            before = np.int32(area)
        change[right + 1] = -2 * before
        sheet.start[row], sheet.stop[row] = left, right + 1


@kernel
def clear(lanes: Lanes, low: int, high: int) -> None:
    """Make the pixel rows low...high-1 ready for the next stroke."""
    for row in range(low, high):
        lanes.used[row] = 0
    for subrow in range(SUBROWS * low, SUBROWS * high + 1):
        lanes.ends[subrow] = 0

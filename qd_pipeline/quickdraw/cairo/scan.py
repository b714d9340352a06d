"""The quick scan: how much of each pixel a stroke covers, a pixel row at a time."""

import numpy as np
from numpy.typing import NDArray

from qd_pipeline.quickdraw.cairo.compose import lay_ink
from qd_pipeline.quickdraw.cairo.edges import SUBROWS, Edges, cell
from qd_pipeline.quickdraw.cairo.gather import gather
from qd_pipeline.quickdraw.cairo.lanes import WIDTH, Lanes
from qd_pipeline.quickdraw.cairo.listed import Lists, scan_listed
from qd_pipeline.quickdraw.cairo.spans import open_along
from qd_pipeline.quickdraw.kernels import kernel

BY_SUBROWS, AT_ONCE, BY_LIST = 0, 1, 2


@kernel
def scan(
    edges: Edges,
    count: int,
    lanes: Lanes,
    lists: Lists,
    change: NDArray[np.int64],
    bitmap: NDArray[np.uint8],
) -> None:
    """Draw what `count` edges enclose on a bitmap of uint8 (side, side)."""
    low, high, fits = gather(edges, count, lanes)
    if not fits:
        low, high = 0, len(bitmap)
    for row in range(low, high):
        used = lanes.used[row]
        if used == 0 and fits:
            continue
        way = way_to_measure(edges, count, lanes, row, used) if fits else BY_LIST
        if way == BY_LIST:
            scan_listed(edges, count, lists, row, change, bitmap)
            break
        if way == AT_ONCE:
            start, stop = measure_at_once(edges, lanes, row, used, change)
        else:
            start, stop = measure_by_subrows(lanes, row, used, change)
        lay_ink(change, bitmap[row], start, min(stop, len(bitmap)))
    lanes.used[low:high] = 0
    lanes.ends[SUBROWS * low : SUBROWS * high + 1] = 0


@kernel
def way_to_measure(edges: Edges, count: int, lanes: Lanes, row: int, used: int) -> int:
    """Find out whether cairo measures a pixel row at once: no start, no end, no crossing in it.

    Then the edges stand in `lanes.edge`, from left to right. Where different lines share a
    place, only cairo's list tells their order.
    """
    first = SUBROWS * row
    ends = lanes.ends[first + 1 : first + SUBROWS]
    inner = 0
    for k in range(SUBROWS - 1):
        inner |= ends[k]
    if inner:
        return BY_SUBROWS
    found = 0
    for i in range(count):
        if edges.top[i] <= first and edges.bottom[i] >= first + SUBROWS:
            begun, reached = cell(edges, i, first), cell(edges, i, first + SUBROWS)
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
    width = 256 * len(lanes.used)
    last = 0
    for i in range(used):
        begun, reached = lanes.begun[i], lanes.reached[i]
        if begun < 0 or reached < last or max(begun, reached) >= width - 1:
            return BY_SUBROWS
        last = reached
    for i in range(1, used):
        if lanes.begun[i - 1] == lanes.begun[i] and not one_line(
            edges, lanes.edge[i - 1], lanes.edge[i]
        ):
            return BY_LIST
    return AT_ONCE


@kernel
def one_line(edges: Edges, one: int, other: int) -> bool:
    """Tell whether two edges are parts of the same line."""
    dx, dy = edges.dx[one], edges.dy[one]
    return (
        dx * edges.dy[other] == dy * edges.dx[other]
        and (edges.x[other] - edges.x[one]) * dy == (edges.y[other] - edges.y[one]) * dx
    )


@kernel
def measure_at_once(
    edges: Edges, lanes: Lanes, row: int, used: int, change: NDArray[np.int64]
) -> tuple[int, int]:
    """Add the spans between the edges in `lanes.edge`; return the pixels that they touch."""
    winding = 0
    inside = False
    start, stop = len(lanes.used), 0
    for i in range(used):
        edge = lanes.edge[i]
        winding += edges.sign[edge]
        if not inside:
            inside = True
            left, right = open_along(change, edges, edge, row, 1)
        elif winding == 0 and (i + 1 == used or lanes.begun[i + 1] != lanes.begun[i]):
            inside = False
            left, right = open_along(change, edges, edge, row, -1)
        else:
            continue
        start, stop = min(start, left), max(stop, right + 1)
    return start, stop


@kernel
def measure_by_subrows(
    lanes: Lanes, row: int, used: int, change: NDArray[np.int64]
) -> tuple[int, int]:
    """Add the spans of each sub-row of a pixel row; return the pixels that they touch."""
    slots = lanes.slots[row]
    for pair in range(lanes.network[used], lanes.network[used + 1]):
        lower, upper = slots[lanes.lower[pair]], slots[lanes.upper[pair]]
        for k in range(WIDTH):
            one, other = lower[k], upper[k]
            lower[k] = min(one, other)
            upper[k] = max(one, other)
    winding, place, sign = lanes.winding, lanes.place, lanes.sign
    for k in range(WIDTH):
        winding[k] = 0
    start, stop = len(lanes.used), 0
    for slot in range(used):
        crossing = slots[slot]
        left, right, total = np.int32(1 << 20), np.int32(-1), np.int32(0)
        for k in range(WIDTH):
            before = winding[k]
            after = np.int32(before + (crossing[k] & 3) - 1)
            opens = np.int32(np.int32(after != 0) - np.int32(before != 0))
            winding[k] = after
            sign[k] = opens
            place[k] = crossing[k] >> 2
            pixel = np.int32(crossing[k] >> 10)
            left = min(left, pixel if opens != 0 else np.int32(1 << 20))
            right = max(right, pixel if opens != 0 else np.int32(-1))
            total = np.int32(total + opens)
        if right < 0:
            continue
        start, stop = min(start, left), max(stop, right + 1)
        before = 0
        for pixel in range(left, right + 1):
            end = np.int32(256 * (pixel + 1))
            covered = np.int32(0)
            for k in range(WIDTH):
                length = min(np.int32(256), max(np.int32(0), np.int32(end - place[k])))
                covered = np.int32(covered + sign[k] * length)
            change[pixel] += 2 * covered - before
            before = 2 * covered
        change[right + 1] += 512 * total - before
    return start, stop

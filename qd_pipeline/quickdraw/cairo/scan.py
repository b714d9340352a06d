"""The quick scan: how much of each pixel a stroke covers, a pixel row at a time."""

import numpy as np

from qd_pipeline.quickdraw.cairo.compose import Canvas, add_up
from qd_pipeline.quickdraw.cairo.edges import SUBROWS, Edges, cell
from qd_pipeline.quickdraw.cairo.lanes import BROKEN, COUNT, DEPTH, FULL, STRIDE, USED, Lanes
from qd_pipeline.quickdraw.cairo.slots import PIXEL, cover, open_spans
from qd_pipeline.quickdraw.cairo.sort import sort
from qd_pipeline.quickdraw.cairo.spans import open_along
from qd_pipeline.quickdraw.cairo.vectors import WIDTH
from qd_pipeline.quickdraw.kernels import bare_kernel, inlined

BY_SUBROWS, AT_ONCE, BY_LIST = 0, 1, 2


@bare_kernel
def scan(edges: Edges, lanes: Lanes, canvas: Canvas, low: int, high: int) -> int:
    """Measure the pixel rows low...high-1, and forget their crossings.

    Cairo measures a pixel row at once where no edge begins, ends or crosses another one in it,
    and by its sub-rows elsewhere. Where different lines share a place in a row measured at once,
    only cairo's list of edges tells their order; it also takes what crosses a row too often.

    Returns:
        The first row that takes the list, or `high`.
    """
    listed = high
    for row in range(low, high):
        known = lanes.rows[row]
        used = (known >> USED) & COUNT
        lanes.rows[row] = FULL
        if used == 0 or listed < high:
            continue
        if used > DEPTH:
            way = BY_LIST
        elif known & BROKEN:
            way = BY_SUBROWS
        else:
            way = find(edges, lanes, row, used)
        if way == BY_SUBROWS:
            measure_by_subrows(lanes, canvas, row, used)
        elif way == AT_ONCE:
            measure_at_once(edges, lanes, canvas, row, used)
        else:
            listed = row
    return listed


@inlined
def find(edges: Edges, lanes: Lanes, row: int, used: int) -> int:
    """Write the edges through all of a pixel row to `lanes.through`, from left to right.

    Returns:
        How the row is to be measured.
    """
    u = np.uint32
    for i in range(used):
        edge = lanes.edge[u(row * DEPTH + i)]
        steps = SUBROWS * row - edges.top[edge]
        begun = cell(edges.at[edge], edges.slope[edge], steps)
        reached = cell(edges.at[edge], edges.slope[edge], steps + SUBROWS)
        at = i
        while at > 0 and (
            lanes.begun[at - 1] > begun
            or (lanes.begun[at - 1] == begun and lanes.reached[at - 1] > reached)
        ):
            lanes.through[at] = lanes.through[at - 1]
            lanes.begun[at] = lanes.begun[at - 1]
            lanes.reached[at] = lanes.reached[at - 1]
            at -= 1
        lanes.through[at] = edge
        lanes.begun[at] = begun
        lanes.reached[at] = reached
    way = AT_ONCE
    for i in range(1, used):
        if lanes.reached[i] < lanes.reached[i - 1]:
            return BY_SUBROWS
        one, other = lanes.through[i - 1], lanes.through[i]
        dx, dy = edges.dx[one], edges.dy[one]
        if lanes.begun[i - 1] == lanes.begun[i] and (
            dx * edges.dy[other] != dy * edges.dx[other]
            or (edges.x[other] - edges.x[one]) * dy != (edges.y[other] - edges.y[one]) * dx
        ):
            way = BY_LIST
    return way


@inlined
def measure_at_once(edges: Edges, lanes: Lanes, canvas: Canvas, row: int, used: int) -> None:
    """Measure a pixel row along the edges through all of it."""
    side = len(lanes.rows)
    winding = 0
    inside = False
    start, stop = side, 0
    for i in range(used):
        edge = lanes.through[i]
        winding += edges.sign[edge]
        if inside and (winding != 0 or (i + 1 < used and lanes.begun[i + 1] == lanes.begun[i])):
            continue
        inside = not inside
        sign = 1 if inside else -1
        x, y, dx, dy = edges.x[edge], edges.y[edge], edges.dx[edge], edges.dy[edge]
        left, right = open_along(canvas.area[row], x, y, dx, dy, row, sign, side)
        start, stop = min(start, left), max(stop, right + 1)
    add_up(canvas.area[row], start, stop)
    canvas.start[row], canvas.stop[row] = start, stop


@inlined
def measure_by_subrows(lanes: Lanes, canvas: Canvas, row: int, used: int) -> None:
    """Measure a pixel row by its 15 sub-rows, side by side.

    In each sub-row the crossings are sorted and their signs summed up; where the sum leaves
    zero a span opens, where it returns to zero the span closes.
    """
    start = np.uint32(row * STRIDE)
    count = np.uint32(used + used % 2)
    if count > used:
        for k in range(start + WIDTH * used, start + WIDTH * count):
            lanes.slots[k] = lanes.nothing
    sort(lanes.slots, start, count, lanes.pairs)
    first, last = open_spans(lanes.slots, start, count, lanes.signs)
    left, right = first // PIXEL, last // PIXEL
    for pixel in range(left, right + 1):
        end = PIXEL * (pixel + 1)
        canvas.area[row, pixel] = 2 * cover(lanes.slots, start, count, lanes.signs, end)
    canvas.start[row], canvas.stop[row] = left, right + 1

"""Scan conversion with cairo's active edge list, in exactly cairo's order.

The order of edges that cross a sub-row at the same place decides whether cairo measures a whole
pixel row at once, and along which of them. So new edges are merged into the list, and edges that
have crossed others are moved back, as cairo does.
"""

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from qd_pipeline.quickdraw.cairo.compose import Canvas, add_up, lay_ink
from qd_pipeline.quickdraw.cairo.edges import SUBROWS, Edges, cell
from qd_pipeline.quickdraw.cairo.spans import open_along, open_at
from qd_pipeline.quickdraw.kernels import bare_kernel

BEYOND = 1 << 60
"""Greater than every place."""


class ActiveList(NamedTuple):
    """Buffers for the active edge list of one stroke; edges are indices into `Edges`.

    Attributes:
        starts: int64 (15 * side + 2,), where the edges of each sub-row begin in `order`.
        order: int64 (capacity,), edges by first sub-row, those of one as they came.
        active: int64 (capacity,), edges that cross the sub-row, from left to right.
        spare: int64 (capacity,).
        place: int64 (capacity,), where each active edge crosses the sub-row.
        runs: int64 (65,), beginnings of sorted runs.
    """

    starts: NDArray[np.int64]
    order: NDArray[np.int64]
    active: NDArray[np.int64]
    spare: NDArray[np.int64]
    place: NDArray[np.int64]
    runs: NDArray[np.int64]


def active_list_buffers(side: int, capacity: int) -> ActiveList:
    """Allocate buffers for `capacity` edges."""
    order, active, spare, place = (np.empty(capacity, np.int64) for _ in range(4))
    starts, runs = np.zeros(SUBROWS * side + 2, np.int64), np.empty(65, np.int64)
    return ActiveList(starts, order, active, spare, place, runs)


@bare_kernel
def sort_by_start(edges: Edges, count: int, lists: ActiveList) -> None:
    """Group the edges by their first sub-row."""
    starts = lists.starts
    starts[:] = 0
    for edge in range(count):
        if edges.bottom[edge] > edges.top[edge]:
            starts[edges.top[edge] + 2] += 1
    for subrow in range(2, len(starts)):
        starts[subrow] += starts[subrow - 1]
    for edge in range(count):
        if edges.bottom[edge] > edges.top[edge]:
            at = starts[edges.top[edge] + 1]
            lists.order[at] = edge
            starts[edges.top[edge] + 1] = at + 1


@bare_kernel
def merge(
    place: NDArray[np.int64],
    left: NDArray[np.int64],
    right: NDArray[np.int64],
    merged: NDArray[np.int64],
) -> None:
    """Merge two sorted lists; at equal places go on taking from the same list."""
    i, j = 0, 0
    from_left = len(left) > 0 and len(right) > 0 and place[left[0]] <= place[right[0]]
    for k in range(len(left) + len(right)):
        if i == len(left):
            from_left = False
        elif j == len(right):
            from_left = True
        elif from_left:
            from_left = place[left[i]] <= place[right[j]]
        else:
            from_left = place[right[j]] > place[left[i]]
        if from_left:
            merged[k] = left[i]
            i += 1
        else:
            merged[k] = right[j]
            j += 1


@bare_kernel
def sort_new(lists: ActiveList, start: int, stop: int) -> None:
    """Merge-sort new edges as cairo does: pairs, neighbouring runs of equal length, then all."""
    order, place, runs = lists.order, lists.place, lists.runs
    count = 0
    for first in range(start, stop, 2):
        if first + 1 < stop and place[order[first]] > place[order[first + 1]]:
            order[first], order[first + 1] = order[first + 1], order[first]
        runs[count] = first
        count += 1
        end = min(first + 2, stop)
        last = end == stop
        while count > 1 and (last or runs[count - 1] * 2 == runs[count - 2] + end):
            begin, middle = runs[count - 2], runs[count - 1]
            merge(place, order[begin:middle], order[middle:end], lists.spare[: end - begin])
            for i in range(begin, end):
                order[i] = lists.spare[i - begin]
            count -= 1


@bare_kernel
def enter(edges: Edges, lists: ActiveList, active: int, subrow: int) -> int:
    """Merge the edges that start in a sub-row into the list; return its length."""
    start, stop = int(lists.starts[subrow]), int(lists.starts[subrow + 1])
    if start == stop:
        return active
    for i in range(start, stop):
        edge = lists.order[i]
        steps = subrow - edges.top[edge]
        lists.place[edge] = cell(edges.at[edge], edges.slope[edge], steps)
    sort_new(lists, start, stop)
    total = active + stop - start
    merge(lists.place, lists.active[:active], lists.order[start:stop], lists.spare[:total])
    for i in range(total):
        lists.active[i] = lists.spare[i]
    return total


@bare_kernel
def may_step_full(edges: Edges, lists: ActiveList, active: int, row: int) -> bool:
    """Return whether cairo measures a pixel row at once: no edge starts, ends or crosses in it."""
    subrow = SUBROWS * row
    if lists.starts[subrow + 1] != lists.starts[subrow + SUBROWS]:
        return False
    last = -BEYOND
    for i in range(active):
        edge = lists.active[i]
        steps = subrow + SUBROWS - edges.top[edge]
        reached = cell(edges.at[edge], edges.slope[edge], steps)
        if edges.bottom[edge] < subrow + SUBROWS or reached < last:
            return False
        last = reached
    return True


@bare_kernel
def step(edges: Edges, lists: ActiveList, active: int, subrow: int) -> int:
    """Advance the list to a later sub-row: drop edges that end, re-sort edges that cross."""
    kept = 0
    for i in range(active):
        edge = lists.active[i]
        if edges.bottom[edge] <= subrow:
            continue
        place = cell(edges.at[edge], edges.slope[edge], subrow - edges.top[edge])
        lists.place[edge] = place
        at = kept
        while at > 0 and lists.place[lists.active[at - 1]] > place:
            lists.active[at] = lists.active[at - 1]
            at -= 1
        lists.active[at] = edge
        kept += 1
    return kept


@bare_kernel
def add_spans(
    edges: Edges,
    lists: ActiveList,
    active: int,
    row: int,
    full: bool,
    side: int,
    change: NDArray[np.int32],
) -> None:
    """Add what lies inside the outline, along one sub-row or a full pixel row."""
    winding = 0
    inside = False
    for i in range(active):
        edge = lists.active[i]
        place = lists.place[edge]
        winding += edges.sign[edge]
        if not inside:
            inside = True
            sign = 1
        elif winding == 0 and (i + 1 == active or lists.place[lists.active[i + 1]] != place):
            inside = False
            sign = -1
        else:
            continue
        if full:
            x, y, dx, dy = edges.x[edge], edges.y[edge], edges.dx[edge], edges.dy[edge]
            open_along(change, x, y, dx, dy, row, sign, side)
        else:
            open_at(change, place >> 8, 2 * (place & 255), sign, side)


@bare_kernel
def scan_active_list(
    edges: Edges, count: int, lists: ActiveList, start: int, canvas: Canvas
) -> None:
    """Draw what `count` edges enclose on the canvas, from row `start` on."""
    side = len(canvas.start)
    sort_by_start(edges, count, lists)
    active = 0
    for row in range(side):
        subrow = SUBROWS * row
        change = canvas.area[row]
        active = enter(edges, lists, active, subrow)
        if active == 0 and lists.starts[subrow] == lists.starts[subrow + SUBROWS]:
            continue
        if may_step_full(edges, lists, active, row):
            add_spans(edges, lists, active, row, True, side, change)
            active = step(edges, lists, active, subrow + SUBROWS)
        else:
            for sub in range(SUBROWS):
                active = enter(edges, lists, active, subrow + sub) if sub else active
                add_spans(edges, lists, active, row, False, side, change)
                active = step(edges, lists, active, subrow + sub + 1)
        if row < start:
            change[:] = 0
        else:
            add_up(change, 0, side + 1)
            canvas.start[row], canvas.stop[row] = 0, side + 1
            lay_ink(canvas, row, row + 1)

"""From the flat coordinates of a column of drawings to their bitmaps."""

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from qd_pipeline.quickdraw.cairo.edges import Edges, collect, edges_room
from qd_pipeline.quickdraw.cairo.fixed import BOX, place
from qd_pipeline.quickdraw.cairo.listed import Lists, lists_room, scan_listed
from qd_pipeline.quickdraw.cairo.outline import Outline, outline_room, trace
from qd_pipeline.quickdraw.cairo.pen import Pen
from qd_pipeline.quickdraw.kernels import kernel


class Room(NamedTuple):
    """Room for all that is known of one stroke."""

    px: NDArray[np.int64]
    py: NDArray[np.int64]
    outline: Outline
    edges: Edges
    lists: Lists


def room(side: int, points: int, pen: Pen) -> Room:
    """Make room for strokes of up to `points` points."""
    outline = outline_room(points, pen)
    capacity = outline.x.size
    px, py = np.empty((2, points), np.int64)
    return Room(px, py, outline, edges_room(capacity), lists_room(side, capacity))


@kernel
def draw(
    drawings: NDArray[np.int32],
    x_strokes: NDArray[np.int32],
    y_strokes: NDArray[np.int32],
    xs: NDArray[np.uint8],
    ys: NDArray[np.uint8],
    affine: NDArray[np.float64],
    pen: Pen,
    room: Room,
    bitmaps: NDArray[np.uint8],
) -> None:
    """Draw each drawing on its black bitmap.

    Args:
        drawings: int32 (n + 1,), where the strokes of each drawing begin.
        x_strokes: int32, where the x of each stroke begin.
        y_strokes: int32, where the y of each stroke begin.
        xs: uint8.
        ys: uint8.
        affine: float64 (n, 2, 3), a map of each centred drawing, or (n, 0, 3).
        pen: For bitmaps of this size.
        room: For the longest stroke.
        bitmaps: uint8 (n, channels, side, side), zeros.
    """
    px, py, outline, edges, lists = room
    n, channels, side, _ = bitmaps.shape
    covered = np.zeros(side + 2, np.int64)
    uncovered = np.zeros(side + 2, np.int64)
    for i in range(n):
        first, last = drawings[i], drawings[i + 1]
        right, below = 0, 0
        for k in range(x_strokes[first], x_strokes[last]):
            right = max(right, xs[k])
        for k in range(y_strokes[first], y_strokes[last]):
            below = max(below, ys[k])
        left, above = (BOX - right) / 2, (BOX - below) / 2
        for stroke in range(first, last):
            count = place(
                xs[x_strokes[stroke] : x_strokes[stroke + 1]],
                ys[y_strokes[stroke] : y_strokes[stroke + 1]],
                left,
                above,
                affine[i],
                side,
                px,
                py,
            )
            if count == 0:
                continue
            trace(px, py, count, pen, outline)
            found = collect(outline, side, edges)
            channel = (stroke - first) * channels // (last - first)
            scan_listed(edges, found, lists, covered, uncovered, bitmaps[i, channel])

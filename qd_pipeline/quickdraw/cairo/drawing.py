"""From the flat coordinates of a column of drawings to their bitmaps."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final, NamedTuple

import numpy as np
from numpy.typing import NDArray

from qd_pipeline.quickdraw.cairo.active_list import (
    ActiveList,
    active_list_buffers,
    scan_active_list,
)
from qd_pipeline.quickdraw.cairo.compose import Canvas, canvas_buffers, lay_ink, lift
from qd_pipeline.quickdraw.cairo.edges import Edges, edges_buffers, join
from qd_pipeline.quickdraw.cairo.fixed import place, thin
from qd_pipeline.quickdraw.cairo.gather import gather
from qd_pipeline.quickdraw.cairo.lanes import Lanes, lanes_buffers
from qd_pipeline.quickdraw.cairo.outline import Outline, outline_buffers, trace, trace_dot
from qd_pipeline.quickdraw.cairo.pen import Pen, round_pen
from qd_pipeline.quickdraw.cairo.scan import scan
from qd_pipeline.quickdraw.cairo.steps import Steps, measure, steps_buffers
from qd_pipeline.quickdraw.kernels import bare_kernel


class Scratch(NamedTuple):
    """Scratch buffers for one drawing.

    Attributes:
        px: float64, its points in 1/256 pixel.
        py: float64.
        ends: int64, where each stroke's points end.
        steps: From point to point.
        outline: Of one stroke.
        edges: Of one stroke.
        lanes: Of one stroke.
        lists: Of one stroke.
        canvas: For one bitmap.
    """

    px: NDArray[np.float64]
    py: NDArray[np.float64]
    ends: NDArray[np.int64]
    steps: Steps
    outline: Outline
    edges: Edges
    lanes: Lanes
    lists: ActiveList
    canvas: Canvas


_SPARE: Final[dict[int, list[tuple[tuple[int, ...], Scratch]]]] = {}


@contextmanager
def borrowed_scratch(side: int, strokes: int, points: int, longest: int) -> Iterator[Scratch]:
    """Lend scratch buffers for drawings of up to so many strokes and points.

    Buffers that are returned are lent again, one set a thread: allocating fresh memory takes as
    long as a hundred drawings take.

    Args:
        side: Of the bitmaps, in pixels.
        strokes: Of the largest drawing.
        points: Of the largest drawing.
        longest: Points of the longest stroke.
    """
    needed = (strokes, points, longest)
    spare = _SPARE.setdefault(side, [])
    try:
        sizes, scratch = spare.pop()
    except IndexError:
        sizes, scratch = needed, _scratch(side, *needed)
    if any(size < need for size, need in zip(sizes, needed, strict=True)):
        # Larger than needed now, so that it soon is large enough.
        sizes = tuple(max(size, 2 * need) for size, need in zip(sizes, needed, strict=True))
        scratch = _scratch(side, *sizes)
    yield scratch
    spare.append((sizes, scratch))


def _scratch(side: int, strokes: int, points: int, longest: int) -> Scratch:
    pen = round_pen(side)
    outline = outline_buffers(longest, pen)
    capacity = len(outline.x)
    points = max(2, points)
    return Scratch(
        np.zeros(points),
        np.zeros(points),
        np.empty(strokes, np.int64),
        steps_buffers(points),
        outline,
        edges_buffers(capacity),
        lanes_buffers(side),
        active_list_buffers(side, capacity),
        canvas_buffers(side),
    )


@bare_kernel
def draw(
    drawings: NDArray[np.int32],
    x_strokes: NDArray[np.int32],
    y_strokes: NDArray[np.int32],
    xs: NDArray[np.uint8],
    ys: NDArray[np.uint8],
    affine: NDArray[np.float64],
    warp: NDArray[np.float64],
    pen: Pen,
    scratch: Scratch,
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
        warp: float64 (n, waves, 5), applied before that; perhaps no waves.
        pen: For bitmaps of this size.
        scratch: For the largest drawing and the longest stroke.
        bitmaps: uint8 (n, channels, side, side), zeros.
    """
    n, channels, side, _ = bitmaps.shape
    px, py, ends, steps, outline, edges, lanes, lists, canvas = scratch
    px[0], py[0], px[1], py[1] = 0.0, 0.0, 1.0, 0.0
    measure(px, py, 2, pen, steps)
    east, west = steps.ccw[0], steps.ccw_back[0]
    for i in range(n):
        first, last = drawings[i], drawings[i + 1]
        begin, y_begin = x_strokes[first], y_strokes[first]
        length = x_strokes[last] - begin
        place(
            xs[begin : begin + length],
            ys[y_begin : y_begin + length],
            affine[i],
            warp[i],
            side,
            px,
            py,
        )
        end = 0
        for j in range(last - first):
            start, stop = x_strokes[first + j] - begin, x_strokes[first + j + 1] - begin
            end = thin(px, py, start, stop, end)
            ends[j] = end
        measure(px, py, end, pen, steps)
        start = 0
        channel = 0
        for j in range(last - first):
            if j * channels // (last - first) != channel:
                lift(canvas, bitmaps[i, channel])
                channel = j * channels // (last - first)
            stop = ends[j]
            if stop == start:
                continue
            if stop - start == 1:
                pieces = trace_dot(px[start], py[start], east, west, pen, outline)
            else:
                pieces = trace(px, py, start, stop, steps, pen, outline)
            join(outline, pieces[0], pieces[1], pieces[2], side, edges)
            count = pieces[2] - 1
            low, high = gather(edges, count, lanes)
            listed = scan(edges, lanes, canvas, low, high)
            lay_ink(canvas, low, listed)
            if listed < high:
                scan_active_list(edges, count, lists, listed, canvas)
            start = stop
        lift(canvas, bitmaps[i, channel])

"""What the outline needs to know of each step from point to point."""

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from qd_pipeline.quickdraw.cairo.pen import Pen
from qd_pipeline.quickdraw.kernels import bare_kernel


class Steps(NamedTuple):
    """Buffers for the steps between a drawing's points; step i leads from point i to point i + 1.

    The pen's edges divide all directions into sectors: a direction in sector q lies, by angle,
    in [edge q, edge q + 1).

    Attributes:
        dx: float64, 1/256 pixel.
        dy: float64.
        ox: float64, from the line to one of its sides: half the line's width, to the right of
            the step where y points down on paper as here.
        oy: float64.
        turned: float64, -1.0 if the direction lies beyond half the pen's edges, or 1.0.
        passed: float64, edges of that half up to the direction.
        along: float64, 1.0 if the direction is that of an edge.
        sector: int64.
        cw: int64, vertex with which a clockwise fan begins.
        ccw: int64, vertex with which an anticlockwise fan begins or ends.
        ccw_back: int64, the same for the way back.
    """

    dx: NDArray[np.float64]
    dy: NDArray[np.float64]
    ox: NDArray[np.float64]
    oy: NDArray[np.float64]
    turned: NDArray[np.float64]
    passed: NDArray[np.float64]
    along: NDArray[np.float64]
    sector: NDArray[np.int64]
    cw: NDArray[np.int64]
    ccw: NDArray[np.int64]
    ccw_back: NDArray[np.int64]


def steps_buffers(points: int) -> Steps:
    """Allocate buffers for the steps between `points` points."""
    places = [np.zeros(points) for _ in range(7)]
    numbers = [np.zeros(points, np.int64) for _ in range(4)]
    return Steps(*places, *numbers)  # type: ignore[arg-type]


@bare_kernel
def measure(
    px: NDArray[np.float64], py: NDArray[np.float64], count: int, pen: Pen, steps: Steps
) -> None:
    """Measure the steps between `count` points, those between two strokes as well.

    Loops of the plainest kind, over one array after the other: the compiler makes them work on
    several steps at once.
    """
    half = len(pen.x) // 6
    zx, zy = pen.ex[0], pen.ey[0]
    for i in range(count - 1):
        dx = px[i + 1] - px[i]
        dy = py[i + 1] - py[i]
        length = max(1.0, np.sqrt(dx * dx + dy * dy))
        steps.dx[i] = dx
        steps.dy[i] = dy
        steps.ox[i] = np.rint(-dy * pen.radius / length)
        steps.oy[i] = np.rint(dx * pen.radius / length)
        cross = zx * dy - zy * dx
        beyond = (cross < 0.0) | ((cross == 0.0) & (zx * dx + zy * dy < 0.0))
        steps.turned[i] = -1.0 if beyond else 1.0
        steps.passed[i] = 0.0
        steps.along[i] = 0.0
    for q in range(half):
        ex, ey = pen.ex[q], pen.ey[q]
        for i in range(count - 1):
            cross = steps.turned[i] * (ex * steps.dy[i] - ey * steps.dx[i])
            steps.passed[i] += 1.0 if cross >= 0.0 else 0.0
            steps.along[i] += 1.0 if cross == 0.0 else 0.0
    for i in range(count - 1):
        along = steps.along[i] > 0.0
        ahead = (steps.dx[i] > 0.0) | ((steps.dx[i] == 0.0) & (steps.dy[i] > 0.0))
        sector = int(steps.passed[i]) - 1 + (half if steps.turned[i] < 0.0 else 0)
        cw = sector if along else sector + 1
        ccw = sector - half if sector >= half else sector + half
        ccw = ccw - 1 if along & (not ahead) else ccw
        back = sector - 1 if along & ahead else sector
        steps.sector[i] = sector
        steps.cw[i] = 0 if cw == 2 * half else cw
        steps.ccw[i] = ccw + 2 * half if ccw < 0 else ccw
        steps.ccw_back[i] = back + 2 * half if back < 0 else back

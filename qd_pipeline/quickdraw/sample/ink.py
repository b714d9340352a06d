"""What comes out of the pen: planned strokes become the dataset's integer polylines."""

from math import ceil, pi, sin

import numpy as np
from numpy.typing import NDArray

from qd_pipeline.quickdraw.kernels import kernel
from qd_pipeline.quickdraw.sketches.simplify import SIDE, simplify_scaled

CHANCES_PER_STROKE = 12
"""How many uniform numbers the imprecision of one stroke takes."""

_STEP = 0.02
# The pen strays in slow waves and in quick ones, by parts of the points' unit; whole strokes
# are turned (radians), scaled and misplaced.
_DRIFT, _TREMOR, _AIM = 0.016, 0.004, 0.09


@kernel
def trace(
    points: NDArray[np.complex128],
    starts: NDArray[np.int64],
    chances: NDArray[np.float64],
    shake: float,
) -> tuple[NDArray[np.complex128], NDArray[np.int64]]:
    """Draw planned strokes as an unsteady pen does.

    The pen passes the points on a Catmull–Rom spline; a point given twice is a corner.

    Args:
        points: `complex128 (n,)`: the planned strokes' points, one after the other.
        starts: `int64 (strokes + 1,)`: where each stroke starts; the last is n.
        chances: `float64 (strokes, CHANCES_PER_STROKE)` in [0, 1).
        shake: How unsteady the pen is: 0 not at all, 1 as usual.

    Returns:
        Points about 1/50 unit apart and their starts, as in the arguments.
    """
    drift, tremor, aim = _DRIFT * shake, _TREMOR * shake, _AIM * shake
    length = 0.0
    for i in range(1, len(points)):
        length += abs(points[i] - points[i - 1])
    traced = np.empty(2 * len(points) + ceil(length / _STEP) + 2, np.complex128)
    traced_starts = np.empty(len(starts), np.int64)
    end = 0
    for stroke in range(len(starts) - 1):
        first, last = starts[stroke], starts[stroke + 1] - 1
        chance = chances[stroke]
        middle = points[first : last + 1].mean()
        turn = 1 + aim * complex(2 * chance[0] - 1, 2 * chance[1] - 1)
        shift = aim * 0.4 * complex(2 * chance[2] - 1, 2 * chance[3] - 1)
        traced_starts[stroke] = end
        traced[end] = points[first]
        end += 1
        for i in range(first, last):
            here, there = points[i], points[i + 1]
            distance = abs(there - here)
            if distance == 0.0:
                continue
            leave = (there - points[max(i - 1, first)]) * 0.5
            arrive = (points[min(i + 2, last)] - here) * 0.5
            steps = ceil(distance / _STEP)
            for step in range(1, steps + 1):
                t = step / steps
                u = 1 - t
                traced[end] = (
                    here * (u * u * (1 + 2 * t))
                    + leave * (t * u * u)
                    - arrive * (t * t * u)
                    + there * (t * t * (3 - 2 * t))
                )
                end += 1
        if end == traced_starts[stroke] + 1:
            traced[end] = traced[end - 1]
            end += 1
        travelled = 0.0
        before = traced[traced_starts[stroke]]
        for i in range(traced_starts[stroke], end):
            travelled += abs(traced[i] - before)
            before = traced[i]
            slow = travelled * (0.6 + chance[4])
            quick = travelled * (3.0 + 3.0 * chance[5])
            stray = complex(
                drift * sin(2 * pi * (slow + chance[6]))
                + tremor * sin(2 * pi * (quick + chance[7])),
                drift * sin(2 * pi * (slow * (0.7 + 0.6 * chance[8]) + chance[9]))
                + tremor * sin(2 * pi * (quick * (0.7 + 0.6 * chance[10]) + chance[11])),
            )
            traced[i] = middle + (before - middle) * turn + shift + stray
    traced_starts[-1] = end
    return traced[:end], traced_starts


@kernel
def simplify_traced(
    points: NDArray[np.complex128], starts: NDArray[np.int64]
) -> tuple[NDArray[np.uint8], NDArray[np.uint8], NDArray[np.int64]]:
    """Align, scale and simplify traced strokes as the dataset's were.

    Args:
        points: `complex128 (n,)`, n at least 1.
        starts: `int64 (strokes + 1,)`, as `trace` takes them.

    Returns:
        x and y, each `uint8 (m,)`, and the ends of the strokes in them.
    """
    left, top = points.real.min(), points.imag.min()
    size = max(points.real.max() - left, points.imag.max() - top)
    scale = SIDE / size if size > 0 else 1.0
    scaled = np.empty((len(points), 2))
    scaled[:, 0] = (points.real - left) * scale
    scaled[:, 1] = (points.imag - top) * scale
    length = scale * np.abs(np.diff(points)).sum()
    xs, ys, ends = simplify_scaled(scaled, starts[1:], length)
    return xs, ys, ends

"""Simplification of raw strokes, as in the dataset's simplified files.

The dataset's description gives four steps (align, scale, resample, Ramer-Douglas-Peucker);
it leaves the arithmetic open, which was inferred from drawings that the dataset holds raw and
simplified. Every rounding matters: the points of an axis-parallel line are equally far from a
chord, so that rounding errors alone decide which one is kept.

Sources: https://github.com/googlecreativelab/quickdraw-dataset#simplified-drawing-files-ndjson;
Ramer (1972), doi:10.1016/S0146-664X(72)80017-0; Douglas and Peucker (1973),
doi:10.3138/FM57-6770-U75U-7727.
"""

from collections.abc import Sequence
from typing import Any, TypeAlias

import numpy as np
import numpy.typing as npt

from qd_pipeline.errors import BadDrawing
from qd_pipeline.quickdraw.kernels import kernel

Points: TypeAlias = npt.NDArray[np.float64]
RawStroke: TypeAlias = Sequence[Sequence[float] | npt.NDArray[Any]] | npt.NDArray[Any]
Stroke: TypeAlias = tuple[npt.NDArray[np.uint8], npt.NDArray[np.uint8]]

SIDE = 255.0
EPSILON = 2.0
_ROWS = {2, 3}
MAX_LENGTH = 100_000
"""Maximum length of ink, in pixels after scaling: no drawing made by hand is longer."""


def simplify(strokes: Sequence[RawStroke]) -> list[Stroke]:
    """Simplify one drawing: align, scale, resample, Ramer-Douglas-Peucker, round.

    Args:
        strokes: Each stroke is `(x, y)` or, as in the dataset's raw files, `(x, y, time)`:
            equally long sequences of finite numbers in any unit, y downwards. Strokes without
            points are left out.

    Returns:
        One pair of `uint8` arrays `(x, y)` a stroke, in 0-255, of at least two points: a dot
        is two equal points.

    Raises:
        BadDrawing: A stroke is not such a pair, or there is no point in any, or more ink than
            `MAX_LENGTH`.

    >>> simplify([[[10, 20, 30], [5, 5, 5]], [[30], [15]]])
    [(array([  0, 255], dtype=uint8), array([0, 0], dtype=uint8)), \
(array([255, 255], dtype=uint8), array([128, 128], dtype=uint8))]
    """
    drawn = [points for points in map(_points, strokes) if len(points)]
    if not drawn:
        raise BadDrawing("the drawing", "has no strokes", "draw at least one")
    return simplify_points(drawn)


def simplify_points(strokes: Sequence[Points]) -> list[Stroke]:
    """Simplify strokes that are finite points already, as `simplify` does.

    Args:
        strokes: One or more, each `float64 (points, 2)`, of at least one point.

    Raises:
        BadDrawing: There is more ink than `MAX_LENGTH`.
    """
    ends = np.cumsum([len(points) for points in strokes])
    scaled = _scaled(np.concatenate(strokes))
    length = sum(map(_length, np.split(scaled, ends[:-1])))
    if length > MAX_LENGTH:
        raise BadDrawing(
            "the drawing",
            f"holds more than {MAX_LENGTH:,} pixels of ink",
            "draw it with shorter strokes",
        )
    xs, ys, kept = simplify_scaled(scaled, ends, length)
    begins = [0, *kept[:-1].tolist()]
    return [(xs[a:b], ys[a:b]) for a, b in zip(begins, kept.tolist(), strict=True)]


def _points(stroke: RawStroke) -> Points:
    """Return a stroke as float64 (points, 2)."""
    try:
        points = np.array([stroke[0], stroke[1]], np.float64).T
    except (TypeError, ValueError, IndexError, KeyError, OverflowError) as error:
        raise BadDrawing(
            "a stroke", "is no pair of equally long rows of numbers", "give it as [[x, …], [y, …]]"
        ) from error
    if points.ndim != 2 or len(stroke) not in _ROWS:  # noqa: PLR2004 (a table)
        raise BadDrawing(
            "a stroke",
            "is neither two rows of numbers nor three, with times",
            "give it as [[x, …], [y, …]]",
        )
    # Differences, too, must be finite.
    if not (np.abs(points) < np.finfo(np.float64).max / (4 * SIDE)).all():
        raise BadDrawing("a stroke", "holds a number that is not finite", "leave that point out")
    return points


def _scaled(points: Points) -> Points:
    """Align to the top-left, and scale both axes by one factor to a maximum of `SIDE`."""
    aligned: Points = points - points.min(0)
    extent = aligned.max()
    if extent > 0:
        # The order of the operations decides the rounding.
        aligned = aligned * SIDE / extent
    return aligned


@kernel
def _length(points: Points) -> float:
    length = 0.0
    for i in range(1, len(points)):
        length += np.hypot(points[i, 0] - points[i - 1, 0], points[i, 1] - points[i - 1, 1])
    return length


@kernel
def simplify_scaled(
    points: Points, ends: npt.NDArray[np.int64], length: float
) -> tuple[npt.NDArray[np.uint8], npt.NDArray[np.uint8], npt.NDArray[np.int64]]:
    """Resample strokes that are aligned and scaled already, simplify and round them.

    Args:
        points: `float64 (n, 2)`, in 0-`SIDE`.
        ends: `int64 (strokes,)`, before which points the strokes end, each of one point at least.
        length: That of all strokes together, or more.

    Returns:
        x and y, each `uint8 (m,)`, and the ends of the strokes in them. Compiled, and may be
        called from kernels.
    """
    most = int(length) + 3 * len(ends)  # resampled: a point a unit, and both ends
    xs, ys = np.empty(most, np.uint8), np.empty(most, np.uint8)
    kept_ends = np.empty_like(ends)
    first = count = 0
    for stroke, end in enumerate(ends):
        kept = ramer_douglas_peucker(resample(points[first:end]), EPSILON)
        xs[count : count + len(kept)] = np.rint(kept[:, 0]).astype(np.uint8)
        ys[count : count + len(kept)] = np.rint(kept[:, 1]).astype(np.uint8)
        count += len(kept)
        kept_ends[stroke] = count
        first = end
    return xs[:count], ys[:count], kept_ends


@kernel
def resample(points: Points) -> Points:
    """Resample a polyline: its first point, one after each unit of length, and its last.

    Args:
        points: `float64 (n, 2)`, n at least 1.

    Returns:
        `float64 (m, 2)`, m at least 2: the last point is included however near the one before
        it is. Compiled, and may be called from kernels.

    >>> resample(np.array([[0.0, 0.0], [2.5, 0.0]])).tolist()
    [[0.0, 0.0], [1.0, 0.0], [2.0, 0.0], [2.5, 0.0]]
    """
    # Rounding differs from the sum below, so one point more may be taken.
    taken = np.empty((int(_length(points)) + 3, 2))
    taken[0] = points[0]
    count = 1
    walked = 0.0
    for i in range(1, len(points)):
        dx = points[i, 0] - points[i - 1, 0]
        dy = points[i, 1] - points[i - 1, 1]
        step = np.sqrt(dx * dx + dy * dy)
        while step > 0 and count <= walked + step:
            share = (count - walked) / step
            taken[count, 0] = points[i - 1, 0] * (1 - share) + points[i, 0] * share
            taken[count, 1] = points[i - 1, 1] * (1 - share) + points[i, 1] * share
            count += 1
        walked += step
    taken[count] = points[-1]
    return taken[: count + 1]


@kernel
def ramer_douglas_peucker(points: Points, epsilon: float) -> Points:
    """Simplify a polyline with the Ramer-Douglas-Peucker algorithm.

    A span of points is split at the point farthest from the line through its ends (from the
    ends themselves where they coincide), the first of equals, if that is farther than
    `epsilon`; otherwise only the ends are kept.

    Args:
        points: `float64 (n, 2)`.
        epsilon: Distance in the points' unit, from 0.

    Returns:
        `float64 (m, 2)`, m at most n, with the first and the last point. Compiled, and may be
        called from kernels.

    >>> ramer_douglas_peucker(np.array([[0.0, 0.0], [5.0, 1.0], [9.0, 9.0]]), 2.0).tolist()
    [[0.0, 0.0], [5.0, 1.0], [9.0, 9.0]]
    >>> ramer_douglas_peucker(np.array([[0.0, 0.0], [5.0, 4.0], [9.0, 9.0]]), 2.0).tolist()
    [[0.0, 0.0], [9.0, 9.0]]
    """
    kept = np.empty_like(points)
    if len(points) == 0:
        return kept
    kept[0] = points[0]
    count = 1
    first = 0
    # A stack of the ends of the spans that remain, the nearest on top.
    ends = np.empty(len(points), np.int64)
    ends[0] = len(points) - 1
    waiting = min(1, len(points) - 1)
    while waiting:
        last = ends[waiting - 1]
        farthest, distance = _farthest(points, first, last)
        if distance > epsilon:
            ends[waiting] = farthest
            waiting += 1
        else:
            kept[count] = points[last]
            count += 1
            first = last
            waiting -= 1
    return kept[:count]


@kernel
def _farthest(points: Points, first: int, last: int) -> tuple[int, float]:
    """Return the point between two that is farthest from the line through them, and how far."""
    x, y = points[first]
    dx = points[last, 0] - x
    dy = points[last, 1] - y
    chord = np.sqrt(dx * dx + dy * dy)
    farthest, distance = first, 0.0
    for i in range(first + 1, last):
        if chord == 0:
            away = np.sqrt((points[i, 0] - x) ** 2 + (points[i, 1] - y) ** 2)
        else:
            away = abs(dx * (points[i, 1] - y) - dy * (points[i, 0] - x)) / chord
        if away > distance:
            farthest, distance = i, away
    return farthest, distance

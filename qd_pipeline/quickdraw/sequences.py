"""Drawings as sequences of places along their ink, in the order in which they were drawn."""

from typing import Final

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from qd_pipeline.errors import BadSetting
from qd_pipeline.quickdraw import SEQUENCE_COLUMNS
from qd_pipeline.quickdraw.flat import Flat, checked_affine, checked_warp, flatten
from qd_pipeline.quickdraw.kernels import bare_kernel
from qd_pipeline.quickdraw.mapping import BOX, map_points
from qd_pipeline.quickdraw.threads import in_threads

LENGTHS: Final = range(1, 4097)
"""Numbers of places that a sequence can have."""

_POINT_LENGTH: Final = 0.001
"""Length of a point in units of the box, so that dots have places too."""


def sequences(
    drawings: pa.Array | pa.ChunkedArray,
    length: int = 96,
    *,
    affine: NDArray[np.floating] | None = None,
    warp: NDArray[np.floating] | None = None,
    threads: int | None = None,
) -> NDArray[np.float32]:
    """Resample drawings to equally many places along their ink.

    A drawing is centred as `rasterize` does, its ink is divided into `length` equal parts, and
    each part is represented by its middle. Pen lifts have no length; each point adds 0.001
    units. Within a stroke, places are interpolated linearly.

    Args:
        drawings: The column `drawing` of a stroke table, as `rasterize` takes it, of length n.
        length: Places of a sequence, 1...4096.
        affine: (n, 2, 3), as `rasterize` takes it: the same maps give the same drawings.
        warp: (n, waves, 5), as `rasterize` takes it.
        threads: Threads to use, by default one a core.

    Returns:
        float32 (n, length, 6). Columns: x and y, -1...1 across the box of 256 units (mapped
        drawings may leave it); the unit direction of the stroke there, (0, 0) at its first
        point; 1 where the stroke is not that of the place before, else 0; the length of all
        ink in 1000 units. Drawings without points are all 0.

    Raises:
        BadDrawing: A null, a stroke with more x than y or the reverse, or another type.
        BadSetting: A length, map or warp that cannot be used.

    >>> line_right, line_down = {"x": [0, 128], "y": [0, 0]}, {"x": [128, 128], "y": [0, 128]}
    >>> sequences(pa.array([[line_right, line_down]]), 4).round(2)[0].tolist()[1:3]
    [[0.25, -0.5, 1.0, 0.0, 0.0, 0.25999999046325684], [0.5, -0.25, 0.0, 1.0, 1.0, \
0.25999999046325684]]
    """
    if length not in LENGTHS:
        raise BadSetting("length", f"is {length}", f"give 1 to {LENGTHS.stop - 1} places")
    affine, warp = checked_affine(affine, len(drawings)), checked_warp(warp, len(drawings))
    places = np.zeros((len(drawings), length, len(SEQUENCE_COLUMNS)), np.float32)
    chunks = drawings.chunks if isinstance(drawings, pa.ChunkedArray) else [drawings]
    done = 0
    for chunk in chunks:
        which = slice(done, done + len(chunk))
        if len(chunk):
            _resample_chunk(flatten(chunk), affine[which], warp[which], places[which], threads)
        done = which.stop
    return places


def _resample_chunk(
    flat: Flat,
    affine: NDArray[np.float64],
    warp: NDArray[np.float64],
    places: NDArray[np.float32],
    threads: int | None,
) -> None:
    points = flat.most_points

    def work(start: int, stop: int) -> None:
        _resample(
            flat.drawings[start : stop + 1],
            *flat[1:],
            affine[start:stop],
            warp[start:stop],
            np.empty(points),
            np.empty(points),
            places[start:stop],
        )

    in_threads(work, len(places), threads=threads)


@bare_kernel
def _resample(
    drawings: NDArray[np.int32],
    x_strokes: NDArray[np.int32],
    y_strokes: NDArray[np.int32],
    xs: NDArray[np.uint8],
    ys: NDArray[np.uint8],
    affine: NDArray[np.float64],
    warp: NDArray[np.float64],
    px: NDArray[np.float64],
    py: NDArray[np.float64],
    places: NDArray[np.float32],
) -> None:
    """Fill the places of each drawing, which are zeros."""
    count = places.shape[1]
    for i in range(len(places)):
        first, last = drawings[i], drawings[i + 1]
        begin, y_begin = x_strokes[first], y_strokes[first]
        points = x_strokes[last] - begin
        if points == 0:
            continue
        x_end, y_end = begin + points, y_begin + points
        map_points(xs[begin:x_end], ys[y_begin:y_end], affine[i], warp[i], px, py)
        total = points * _POINT_LENGTH
        for j in range(first, last):
            for p in range(x_strokes[j] - begin + 1, x_strokes[j + 1] - begin):
                dx, dy = px[p] - px[p - 1], py[p] - py[p - 1]
                total += np.sqrt(dx * dx + dy * dy)
        part = total / count
        reached, k, before = 0.0, 0, 0
        for j in range(first, last):
            start, stop = x_strokes[j] - begin, x_strokes[j + 1] - begin
            for p in range(start, stop):
                dx = px[p] - px[p - 1] if p > start else 0.0
                dy = py[p] - py[p - 1] if p > start else 0.0
                ink = np.sqrt(dx * dx + dy * dy)
                per_ink = 1.0 / ink if ink > 0.0 else 0.0
                per_length = 1.0 / (ink + _POINT_LENGTH)
                end = reached + ink + _POINT_LENGTH
                target = (k + 0.5) * part
                # Rounding leaves no place over at the last point.
                while k < count and (target < end or p == points - 1):
                    back = (end - target) * per_length
                    places[i, k, 0] = (px[p] - back * dx) * (2.0 / BOX) - 1.0
                    places[i, k, 1] = (py[p] - back * dy) * (2.0 / BOX) - 1.0
                    places[i, k, 2] = dx * per_ink
                    places[i, k, 3] = dy * per_ink
                    places[i, k, 4] = 0.0 if k == 0 or j == before else 1.0
                    places[i, k, 5] = total * 0.001
                    before = j
                    k += 1
                    target = (k + 0.5) * part
                reached = end

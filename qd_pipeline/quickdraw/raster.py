"""Drawings to bitmaps, bit for bit as the dataset's makers drew them."""

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from qd_pipeline.errors import BadSetting
from qd_pipeline.quickdraw import BITMAP_SIDE
from qd_pipeline.quickdraw.flat import DRAWING, Flat, checked_affine, checked_warp, flatten
from qd_pipeline.quickdraw.threads import in_threads

__all__ = ["DRAWING", "SIDES", "rasterize"]

SIDES = range(4, 513)
"""Bitmap sizes that can be drawn, in pixels."""


def rasterize(
    drawings: pa.Array | pa.ChunkedArray,
    side: int = BITMAP_SIDE,
    *,
    affine: NDArray[np.floating] | None = None,
    warp: NDArray[np.floating] | None = None,
    channels: int = 1,
    threads: int | None = None,
) -> NDArray[np.uint8]:
    """Draw drawings in white on black.

    At the default side, 28, the bitmaps are those of the dataset (`full/numpy_bitmap`), and at
    every side those of cairo 1.16 with the parameters of their makers (issue 19 of
    googlecreativelab/quickdraw-dataset): a drawing is centred, by its largest x and y, in a box
    of 256 units with 24 more on every side, and drawn with round-ended lines of width 16, each
    stroke over those before it. A single dot is drawn; a stroke without points is not.

    Args:
        drawings: The column `drawing` of a stroke table, list<struct<x: list<uint8>, y:
            list<uint8>>>, of length n, without nulls.
        side: Width and height of a bitmap in pixels, 4...512.
        affine: (n, 2, 3), a map for each drawing: x' = a00 x + a01 y + a02 and
            y' = a10 x + a11 y + a12, in units of the box once the drawing is centred in it, so
            that (128, 128) is the bitmap's middle and a shift moves the drawing. The pen stays
            round and as wide; ink that leaves the bitmap is lost; points are held within 4096
            pixels of its corner.
        warp: (n, waves, 5), a smooth warp of each drawing's points before that map: for each
            sine wave of the plane its wave vector (kx, ky, radians a unit), phase (radians) and
            displacement (dx, dy, units), which is multiplied by sin(kx x + ky y + phase).
        channels: Spread the strokes by their order over so many pictures of their own: of s
            strokes, stroke j goes to channel j * channels // s.
        threads: Threads to use, by default one a core.

    Returns:
        uint8 (n, side, side), rows downwards; with more than one channel
        (n, side, side, channels).

    Raises:
        BadDrawing: A null, a stroke with more x than y or the reverse, or another type.
        BadSetting: A side, number of channels, map or warp that cannot be drawn with.

    >>> corner = pa.array([[{"x": [0, 100, 100], "y": [0, 50, 0]}]], DRAWING)
    >>> rasterize(corner)[0, 14, 12:20]
    array([ 22, 136, 246, 249, 153,  61, 255,  88], dtype=uint8)
    """
    if side not in SIDES:
        raise BadSetting("side", f"is {side}", f"give {SIDES.start} to {SIDES.stop - 1} pixels")
    if channels < 1:
        raise BadSetting("channels", f"is {channels}", "give a whole number from 1")
    affine, warp = checked_affine(affine, len(drawings)), checked_warp(warp, len(drawings))
    bitmaps = np.zeros((len(drawings), channels, side, side), np.uint8)
    chunks = drawings.chunks if isinstance(drawings, pa.ChunkedArray) else [drawings]
    done = 0
    for chunk in chunks:
        stop = done + len(chunk)
        if stop > done:
            which = slice(done, stop)
            _draw_chunk(flatten(chunk), affine[which], warp[which], bitmaps[which], threads)
        done = stop
    return bitmaps[:, 0] if channels == 1 else np.ascontiguousarray(np.moveaxis(bitmaps, 1, -1))


def _draw_chunk(
    flat: Flat,
    affine: NDArray[np.float64],
    warp: NDArray[np.float64],
    bitmaps: NDArray[np.uint8],
    threads: int | None,
) -> None:
    if len(flat.xs) == 0:
        return
    # Numba takes a second to import, and what has nothing to draw should not wait for it.
    from qd_pipeline.quickdraw.cairo.drawing import borrowed_scratch, draw  # noqa: PLC0415
    from qd_pipeline.quickdraw.cairo.pen import round_pen  # noqa: PLC0415

    side = bitmaps.shape[-1]
    pen = round_pen(side)
    strokes = int(np.diff(flat.drawings).max())
    points = flat.most_points
    longest = int(np.diff(flat.xs_of).max())

    def work(start: int, stop: int) -> None:
        with borrowed_scratch(side, strokes, points, longest) as scratch:
            draw(
                flat.drawings[start : stop + 1],
                *flat[1:],
                affine[start:stop],
                warp[start:stop],
                pen,
                scratch,
                bitmaps[start:stop],
            )

    in_threads(work, len(bitmaps), threads=threads)

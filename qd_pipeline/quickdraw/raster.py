"""Drawings to bitmaps, bit for bit as the dataset's makers drew them."""

from typing import NamedTuple

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from qd_pipeline.errors import BadDrawing, BadSetting
from qd_pipeline.quickdraw import BITMAP_SIDE
from qd_pipeline.quickdraw.cairo.drawing import borrowed_room, draw
from qd_pipeline.quickdraw.cairo.pen import round_pen
from qd_pipeline.quickdraw.kernels import in_threads

DRAWING = pa.list_(pa.struct({"x": pa.list_(pa.uint8()), "y": pa.list_(pa.uint8())}))
"""Arrow type of a drawing: its strokes, each with the x and the y of its points, 0...255."""

SIDES = range(4, 513)
"""Bitmap sizes that can be drawn, in pixels."""


class Flat(NamedTuple):
    """A column of drawings as Arrow holds it: offsets into offsets into coordinates.

    Attributes:
        drawings: int32 (n + 1,), where the strokes of each drawing begin.
        xs_of: int32 (strokes + 1,), where the x of each stroke begin.
        ys_of: int32 (strokes + 1,), where the y of each stroke begin.
        xs: uint8.
        ys: uint8.
    """

    drawings: NDArray[np.int32]
    xs_of: NDArray[np.int32]
    ys_of: NDArray[np.int32]
    xs: NDArray[np.uint8]
    ys: NDArray[np.uint8]


def rasterize(
    drawings: pa.Array | pa.ChunkedArray,
    side: int = BITMAP_SIDE,
    *,
    affine: NDArray[np.floating] | None = None,
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
        channels: Spread the strokes by their order over so many pictures of their own: of s
            strokes, stroke j goes to channel j * channels // s.
        threads: Threads to use, by default one a core.

    Returns:
        uint8 (n, side, side), rows downwards; with more than one channel
        (n, side, side, channels).

    Raises:
        BadDrawing: A null, a stroke with more x than y or the reverse, or another type.
        BadSetting: A side, number of channels or map that cannot be drawn with.

    >>> corner = pa.array([[{"x": [0, 100, 100], "y": [0, 50, 0]}]], DRAWING)
    >>> rasterize(corner)[0, 14, 12:20]
    array([ 22, 136, 246, 249, 153,  61, 255,  88], dtype=uint8)
    """
    if side not in SIDES:
        raise BadSetting("side", f"is {side}", f"give {SIDES.start} to {SIDES.stop - 1} pixels")
    if channels < 1:
        raise BadSetting("channels", f"is {channels}", "give a whole number from 1")
    maps = _maps(affine, len(drawings))
    bitmaps = np.zeros((len(drawings), channels, side, side), np.uint8)
    chunks = drawings.chunks if isinstance(drawings, pa.ChunkedArray) else [drawings]
    done = 0
    for chunk in chunks:
        stop = done + len(chunk)
        if stop > done:
            _draw_chunk(_flat(chunk), maps[done:stop], bitmaps[done:stop], threads)
        done = stop
    return bitmaps[:, 0] if channels == 1 else np.ascontiguousarray(np.moveaxis(bitmaps, 1, -1))


def _draw_chunk(
    flat: Flat, maps: NDArray[np.float64], bitmaps: NDArray[np.uint8], threads: int | None
) -> None:
    if len(flat.xs) == 0:
        return
    side = bitmaps.shape[-1]
    pen = round_pen(side)
    strokes = int(np.diff(flat.drawings).max())
    points = int(np.diff(flat.xs_of[flat.drawings]).max())
    longest = int(np.diff(flat.xs_of).max())

    def work(start: int, stop: int) -> None:
        with borrowed_room(side, strokes, points, longest) as room:
            draw(
                flat.drawings[start : stop + 1],
                *flat[1:],
                maps[start:stop],
                pen,
                room,
                bitmaps[start:stop],
            )

    in_threads(work, len(bitmaps), threads=threads)


def _maps(affine: NDArray[np.floating] | None, count: int) -> NDArray[np.float64]:
    """Return the maps as float64 (n, 2, 3), or (n, 0, 3) for none."""
    if affine is None:
        return np.empty((count, 0, 3))
    maps = np.array(affine, np.float64, order="C")
    if maps.shape != (count, 2, 3):
        raise BadSetting(
            "affine", f"has the shape {maps.shape}", f"give a map for each drawing, {count, 2, 3}"
        )
    if not np.isfinite(maps).all():
        raise BadSetting("affine", "holds a number that is not finite", "give finite maps")
    return maps


def _flat(drawings: pa.Array) -> Flat:
    """Look into the buffers of a column without copying them."""
    if drawings.type != DRAWING:
        try:
            drawings = drawings.cast(DRAWING)
        except (pa.ArrowInvalid, pa.ArrowNotImplementedError, pa.ArrowTypeError) as error:
            raise BadDrawing(
                "the column of drawings", f"is {drawings.type}: {error}", f"give {DRAWING}"
            ) from error
    offsets = drawings.offsets
    strokes = drawings.values.slice(offsets[0].as_py(), offsets[-1].as_py() - offsets[0].as_py())
    xs, ys = strokes.field("x"), strokes.field("y")
    nulls = [drawings, strokes, xs, ys, xs.flatten(), ys.flatten()]
    if any(array.null_count for array in nulls):
        raise BadDrawing(
            "the column of drawings", "holds nulls", "drop those rows, or convert them again"
        )
    xs_of, ys_of = _offsets(xs), _offsets(ys)
    if not np.array_equal(np.diff(xs_of), np.diff(ys_of)):
        raise BadDrawing(
            "a stroke", "has not as many x as y", "drop its drawing, or convert it again"
        )
    drawings_of = np.from_dlpack(offsets) - offsets[0].as_py()
    return Flat(drawings_of, xs_of, ys_of, _coordinates(xs.values), _coordinates(ys.values))


def _offsets(lists: pa.ListArray) -> NDArray[np.int32]:
    if not len(lists):
        return np.zeros(1, np.int32)
    return np.from_dlpack(lists.offsets).astype(np.int32, copy=False)


def _coordinates(values: pa.UInt8Array) -> NDArray[np.uint8]:
    """Look at the values of a column, nulls that a slice leaves out among them."""
    coordinates = np.frombuffer(values.buffers()[1] or b"", np.uint8)
    # Compiled code is made anew for arrays that may be written to.
    coordinates.flags.writeable = False
    return coordinates[values.offset : values.offset + len(values)]

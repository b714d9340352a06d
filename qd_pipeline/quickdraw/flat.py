"""Columns of drawings, and maps of their points, as the flat arrays that kernels take."""

from typing import NamedTuple

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from qd_pipeline.errors import BadDrawing, BadSetting

DRAWING = pa.list_(pa.struct({"x": pa.list_(pa.uint8()), "y": pa.list_(pa.uint8())}))
"""Arrow type of a drawing: its strokes, each with the x and the y of its points, 0...255."""


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

    @property
    def most_points(self) -> int:
        """Points of the largest drawing."""
        return int(np.diff(self.xs_of[self.drawings]).max())


def flatten(drawings: pa.Array) -> Flat:
    """Return views of the buffers of a column, which are not copied.

    Raises:
        BadDrawing: A null, a stroke with more x than y or the reverse, or another type.
    """
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
    """Return a view of the values of a column, with the nulls that a slice leaves out."""
    coordinates = np.frombuffer(values.buffers()[1] or b"", np.uint8)
    # A kernel is compiled separately for arrays that can be written to.
    coordinates.flags.writeable = False
    return coordinates[values.offset : values.offset + len(values)]


def checked_affine(affine: NDArray[np.floating] | None, count: int) -> NDArray[np.float64]:
    """Return affine maps of drawings as kernels take them: float64 (n, 2, 3), or (n, 0, 3).

    Raises:
        BadSetting: Their shape is another, or a number is not finite.
    """
    if affine is None:
        return np.empty((count, 0, 3))
    return _checked("affine", affine, (count, 2, 3))


def checked_warp(warp: NDArray[np.floating] | None, count: int) -> NDArray[np.float64]:
    """Return warps of drawings as kernels take them: float64 (n, waves, 5), perhaps no waves.

    Raises:
        BadSetting: Their shape is another, or a number is not finite.
    """
    if warp is None:
        return np.empty((count, 0, 5))
    waves = np.shape(warp)[1] if np.ndim(warp) > 1 else 0
    return _checked("warp", warp, (count, waves, 5))


def _checked(name: str, given: NDArray[np.floating], shape: tuple[int, ...]) -> NDArray[np.float64]:
    array = np.array(given, np.float64, order="C")
    if array.shape != shape:
        raise BadSetting(name, f"has the shape {array.shape}", f"give {shape}")
    if not np.isfinite(array).all():
        raise BadSetting(name, "holds a number that is not finite", "give finite numbers")
    return array

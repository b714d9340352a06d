"""Kernels that read the field `drawing`: strokes, pairs of x and y."""

import numpy as np
from numpy.typing import NDArray

from qd_pipeline.quickdraw.kernels import kernel
from qd_pipeline.quickdraw.ndjson.reasons import Reason
from qd_pipeline.quickdraw.ndjson.tokens import (
    CLOSE_LIST,
    COMMA,
    MINUS,
    OPEN_LIST,
    ZERO,
    Bytes,
    is_digit,
    skip_space,
)

Ends = NDArray[np.int32]
"""Where each list of a column ends, in a kernel, as `Bytes` are."""

_DRAWING = -int(Reason.DRAWING)
_NO_STROKE = -int(Reason.NO_STROKE)
_STROKE = -int(Reason.STROKE)
_NO_POINT = -int(Reason.NO_POINT)
_UNEQUAL = -int(Reason.UNEQUAL)
_NOT_INTEGER = -int(Reason.NOT_INTEGER)
_RANGE = -int(Reason.RANGE)

# The buffer of x holds all that the bytes of a block can; y must not have more than x.
_ANY = 1 << 31


@kernel
def _not_coordinate(data: Bytes, at: int) -> int:
    """Return the reason why a coordinate that does not begin with a digit is invalid."""
    return _RANGE if data[at] == MINUS and is_digit(data[at + 1]) else _NOT_INTEGER


@kernel
def _read_coordinates(
    data: Bytes, at: int, out: Bytes, start: int, capacity: int
) -> tuple[int, int]:
    """Read a list of coordinates into `out` from `start`: (place or reason, how many).

    Where there are more than `capacity`, the reason is that x and y differ in length.
    """
    at = skip_space(data, at)
    if data[at] != OPEN_LIST:
        return _STROKE, 0
    at = skip_space(data, at + 1)
    if data[at] == CLOSE_LIST:
        return at + 1, 0
    count = 0
    while True:
        value = data[at] - ZERO
        if not 0 <= value <= 9:
            return _not_coordinate(data, at), count
        at += 1
        if value > 0:
            digit = data[at] - ZERO
            while 0 <= digit <= 9:
                value = value * 10 + digit
                if value > 255:
                    return _RANGE, count
                at += 1
                digit = data[at] - ZERO
        if count == capacity:
            return _UNEQUAL, count
        out[start + count] = value
        count += 1
        byte = data[at]
        if byte != COMMA:
            at = skip_space(data, at)
            if data[at] == CLOSE_LIST:
                return at + 1, count
            if data[at] != COMMA:
                return _NOT_INTEGER, count
        at += 1
        if data[at] <= 32:
            at = skip_space(data, at)


@kernel
def _read_stroke(data: Bytes, at: int, x: Bytes, y: Bytes, start: int) -> tuple[int, int]:
    """Read `[[x, ...], [y, ...]]` into `x` and `y` from `start`: (place or reason, points)."""
    if data[at] != OPEN_LIST:
        return _STROKE, 0
    at, count = _read_coordinates(data, at + 1, x, start, _ANY)
    if at < 0:
        return at, 0
    at = skip_space(data, at)
    if data[at] != COMMA:
        return _STROKE, 0
    at, y_count = _read_coordinates(data, at + 1, y, start, count)
    if at < 0:
        return at, 0
    if y_count != count:
        return _UNEQUAL, 0
    if count == 0:
        return _NO_POINT, 0
    at = skip_space(data, at)
    if data[at] != CLOSE_LIST:
        return _STROKE, 0
    return at + 1, count


@kernel
def read_drawing(
    data: Bytes, at: int, x: Bytes, y: Bytes, ends: Ends, stroke: int
) -> tuple[int, int]:
    """Read a list of strokes, the first of which is number `stroke` of all.

    Args:
        data: Bytes of whole lines.
        at: Where the drawing begins.
        x: Receives the coordinates, from `ends[stroke]` on.
        y: The same.
        ends: Receives in `ends[i + 1]` where the points of stroke i end.
        stroke: The number of strokes before this drawing.

    Returns:
        The place after the drawing, and the number of strokes with it. Or a reason, which
        holds only if what stands there is JSON at all: the rest is not looked at.
    """
    if data[at] != OPEN_LIST:
        return _DRAWING, stroke
    at = skip_space(data, at + 1)
    if data[at] == CLOSE_LIST:
        return _NO_STROKE, stroke
    while True:
        at, count = _read_stroke(data, at, x, y, ends[stroke])
        if at < 0:
            return at, stroke
        ends[stroke + 1] = ends[stroke] + count
        stroke += 1
        at = skip_space(data, at)
        if data[at] == CLOSE_LIST:
            return at + 1, stroke
        if data[at] != COMMA:
            return _DRAWING, stroke
        at = skip_space(data, at + 1)

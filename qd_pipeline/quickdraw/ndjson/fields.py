"""What the fields of a drawing may hold, as kernels over bytes.

The texts come decoded, as `tokens.read_string` gives them: their bytes in `text` and their
length, which is more than `MAX_TEXT` where not all of it is in `text`.
"""

import numpy as np
from numpy.typing import NDArray

from qd_pipeline.quickdraw.kernels import kernel
from qd_pipeline.quickdraw.ndjson.reasons import MAX_TEXT, Reason
from qd_pipeline.quickdraw.ndjson.tokens import (
    CLOSE_LIST,
    COMMA,
    MINUS,
    OPEN_LIST,
    POINT,
    ZERO,
    Bytes,
    is_digit,
    skip_space,
)

Ends = NDArray[np.int32]

_DRAWING = -int(Reason.DRAWING)
_NO_STROKE = -int(Reason.NO_STROKE)
_STROKE = -int(Reason.STROKE)
_NO_POINT = -int(Reason.NO_POINT)
_UNEQUAL = -int(Reason.UNEQUAL)
_NOT_INTEGER = -int(Reason.NOT_INTEGER)
_RANGE = -int(Reason.RANGE)

_SECOND = 1_000_000

# x has room for all that the bytes of a block can hold; y must not have more than x.
_ANY = 1 << 31


@kernel
def is_text(text: Bytes, length: int) -> bool:
    """Tell whether a text is short enough, and free of lone surrogates, which have no UTF-8."""
    if length > MAX_TEXT:
        return False
    for place in range(length - 1):
        if text[place] == 0xED and text[place + 1] >= 0xA0:
            return False
    return True


@kernel
def same(text: Bytes, length: int, other: Bytes, size: int) -> bool:
    """Tell whether a text is just these bytes, at most `MAX_TEXT` of them."""
    if length != size:
        return False
    for place in range(size):
        if text[place] != other[place]:
            return False
    return True


@kernel
def read_key_id(text: Bytes, length: int) -> tuple[bool, np.uint64]:
    """Read a uint64 in decimal digits without leading zeros: (is it one, its value)."""
    value = np.uint64(0)
    if not 1 <= length <= 20 or (text[0] == ZERO and length > 1):
        return False, value
    most = np.uint64(0xFFFFFFFFFFFFFFFF)
    ten = np.uint64(10)
    for place in range(length):
        if not is_digit(text[place]):
            return False, value
        digit = np.uint64(text[place] - ZERO)
        if value > (most - digit) // ten:
            return False, value
        value = value * ten + digit
    return True, value


@kernel
def _number(text: Bytes, start: int, stop: int) -> int:
    """Read decimal digits, at most 18; -1 where something else stands among them."""
    value = 0
    for place in range(start, stop):
        if not is_digit(text[place]):
            return -1
        value = value * 10 + text[place] - ZERO
    return value


@kernel
def _days(year: int, month: int, day: int) -> int:
    """Count the days from 1970-01-01 in the proleptic Gregorian calendar.

    Years begin in March here, which puts the leap day last (H. Hinnant, "chrono-Compatible
    Low-Level Date Algorithms").
    """
    year -= month <= 2
    of_era = year % 400
    of_year = (153 * ((month + 9) % 12) + 2) // 5 + day - 1
    return year // 400 * 146_097 + of_era * 365 + of_era // 4 - of_era // 100 + of_year - 719_468


@kernel
def _month_length(year: int, month: int) -> int:
    if month == 2:
        return 29 if year % 4 == 0 and (year % 100 != 0 or year % 400 == 0) else 28
    return 30 if month == 4 or month == 6 or month == 9 or month == 11 else 31


@kernel
def _fraction(text: Bytes, start: int, stop: int) -> int:
    """Read a second's decimals as whole microseconds, later digits dropped; -1 if it has none."""
    if start == stop:
        return -1
    micros = 0
    unit = _SECOND
    for place in range(start, stop):
        if not is_digit(text[place]):
            return -1
        unit //= 10
        micros += (text[place] - ZERO) * unit
    return micros


@kernel
def read_timestamp(text: Bytes, length: int) -> tuple[bool, int]:
    """Read `2017-03-04 23:08:55.37556 UTC`: (is it one, microseconds since 1970).

    The decimals, any number of them, and their point may be absent.
    """
    if not 23 <= length <= MAX_TEXT:
        return False, 0
    shape = b"0000-00-00 00:00:00"
    for place in range(len(shape)):
        if not (is_digit(text[place]) if shape[place] == ZERO else text[place] == shape[place]):
            return False, 0
    zone = b" UTC"
    for place in range(len(zone)):
        if text[length - len(zone) + place] != zone[place]:
            return False, 0
    year, month, day = _number(text, 0, 4), _number(text, 5, 7), _number(text, 8, 10)
    hour, minute, second = _number(text, 11, 13), _number(text, 14, 16), _number(text, 17, 19)
    if year < 1 or not 1 <= month <= 12 or not 1 <= day <= _month_length(year, month):
        return False, 0
    if hour > 23 or minute > 59 or second > 59:
        return False, 0
    micros = 0
    if length > 23:
        micros = _fraction(text, 20, length - 4) if text[19] == POINT else -1
        if micros < 0:
            return False, 0
    seconds = ((_days(year, month, day) * 24 + hour) * 60 + minute) * 60 + second
    return True, seconds * _SECOND + micros


@kernel
def _not_coordinate(data: Bytes, at: int) -> int:
    """Say what is wrong with a coordinate that does not begin with a digit."""
    return _RANGE if data[at] == MINUS and is_digit(data[at + 1]) else _NOT_INTEGER


@kernel
def _read_coordinates(data: Bytes, at: int, out: Bytes, start: int, room: int) -> tuple[int, int]:
    """Read a list of coordinates into `out` from `start`: (place or reason, how many).

    Where there are more than `room`, the reason is that x and y differ in length.
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
        if count == room:
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
        holds only if what stands there is JSON at all: nobody has looked at the rest.
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

"""From line to line: the kernel that reads a block of drawings into flat columns."""

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from qd_pipeline.quickdraw.kernels import kernel
from qd_pipeline.quickdraw.ndjson.fields import (
    is_text,
    read_drawing,
    read_key_id,
    read_timestamp,
    same,
)
from qd_pipeline.quickdraw.ndjson.pointers import pointer
from qd_pipeline.quickdraw.ndjson.reasons import MAX_TEXT, Reason
from qd_pipeline.quickdraw.ndjson.tokens import (
    CLOSE_OBJECT,
    COMMA,
    NEWLINE,
    OPEN_OBJECT,
    QUOTE,
    Bytes,
    multibyte,
    read_string,
    skip_key,
    skip_space,
    skip_value,
    unexpected,
)

_NUL = int(Reason.NUL)
_ENCODING = int(Reason.ENCODING)
_BLANK = int(Reason.BLANK)
_CUT_SHORT = int(Reason.CUT_SHORT)
_NOT_JSON = int(Reason.NOT_JSON)
_NOT_OBJECT = int(Reason.NOT_OBJECT)

TRUE = ord("t")
FALSE = ord("f")

FIELDS = 6
"""A field's number is what its reasons stand above: `Reason.NO_WORD + 0`, `Reason.WORD + 0`."""
WORD, COUNTRY, TIMESTAMP, RECOGNIZED, KEY_ID, DRAWING = range(FIELDS)
_ABSENT = int(Reason.NO_WORD)
_WRONG = int(Reason.WORD)


class Columns(NamedTuple):
    """Room for what a block of lines holds, row for row and flat."""

    key_id: NDArray[np.uint64]
    timestamp: NDArray[np.int64]
    recognized: NDArray[np.uint8]
    country: Bytes
    country_ends: NDArray[np.int32]
    stroke_ends: NDArray[np.int32]
    point_ends: NDArray[np.int32]
    x: Bytes
    y: Bytes


class Lines(NamedTuple):
    """Room for what is known of each line of a block."""

    starts: NDArray[np.int32]
    reasons: NDArray[np.uint8]


@kernel
def count_lines(data: Bytes) -> int:
    """Count the newlines."""
    count = 0
    for byte in data:
        count += byte == NEWLINE
    return count


@kernel
def _field(text: Bytes, length: int) -> int:
    """Give the number of the field of this name, -1 for any other name."""
    if same(text, length, b"word", 4):
        return WORD
    if same(text, length, b"countrycode", 11):
        return COUNTRY
    if same(text, length, b"timestamp", 9):
        return TIMESTAMP
    if same(text, length, b"recognized", 10):
        return RECOGNIZED
    if same(text, length, b"key_id", 6):
        return KEY_ID
    if same(text, length, b"drawing", 7):
        return DRAWING
    return -1


@kernel
def _keep_text(
    field: int, text: Bytes, length: int, category: Bytes, size: int, columns: Columns, row: int
) -> bool:
    """Put a field that comes as text into its column, if it may be there."""
    if field == WORD:
        return size == 0 or same(text, length, category, size)
    if field == COUNTRY:
        if not is_text(text, length):
            return False
        start = columns.country_ends[row]
        for place in range(length):
            columns.country[start + place] = text[place]
        columns.country_ends[row + 1] = start + length
        return True
    if field == TIMESTAMP:
        valid, columns.timestamp[row] = read_timestamp(text, length)
        return valid
    if field == KEY_ID:
        valid, columns.key_id[row] = read_key_id(text, length)
        return valid
    return False


@kernel
def _read_field(
    data: Bytes,
    at: int,
    field: int,
    category: Bytes,
    size: int,
    columns: Columns,
    row: int,
    stroke: int,
    text: Bytes,
    faults: NDArray[np.int64],
) -> tuple[int, int]:
    """Read a field's value: (place or reason, strokes with it), and its fault, 0 if it is good."""
    start = at
    if field == DRAWING:
        at, stroke = read_drawing(data, at, columns.x, columns.y, columns.point_ends, stroke)
        faults[field] = 0 if at >= 0 else -at
        return at if at >= 0 else skip_value(data, start, 1, text), stroke
    if data[at] != QUOTE or field < 0:
        at = skip_value(data, at, 1, text)
        valid = False
        if field == RECOGNIZED:
            columns.recognized[row] = data[start] == TRUE
            valid = data[start] == TRUE or data[start] == FALSE
    else:
        at, length = read_string(data, at, text)
        valid = at >= 0 and _keep_text(field, text, length, category, size, columns, row)
    if field >= 0:
        faults[field] = 0 if valid else _WRONG + field
    return at, stroke


@kernel
def _read_object(
    data: Bytes,
    at: int,
    category: Bytes,
    size: int,
    columns: Columns,
    row: int,
    stroke: int,
    text: Bytes,
    faults: NDArray[np.int64],
) -> tuple[int, int]:
    """Read the fields of the object that opens at `at`: (place or reason, strokes with it).

    Of a name that comes twice the last counts, as in Python.
    """
    before = stroke
    for field in range(FIELDS):
        faults[field] = _ABSENT + field
    at = skip_space(data, at + 1)
    if data[at] == CLOSE_OBJECT:
        return at + 1, stroke
    while True:
        at, length = skip_key(data, at, text)
        if at < 0:
            return at, stroke
        field = _field(text, length)
        at, strokes = _read_field(
            data, at, field, category, size, columns, row, before, text, faults
        )
        if at < 0:
            return at, stroke
        if field == DRAWING:
            stroke = strokes
        at = skip_space(data, at)
        if data[at] == CLOSE_OBJECT:
            return at + 1, stroke
        if data[at] != COMMA:
            return unexpected(data, at), stroke
        at += 1


@kernel
def _read_line(
    data: Bytes,
    at: int,
    category: Bytes,
    size: int,
    columns: Columns,
    row: int,
    stroke: int,
    text: Bytes,
    faults: NDArray[np.int64],
) -> tuple[int, int]:
    """Read the line that begins at `at` into a row: (its newline or reason, strokes with it)."""
    at = skip_space(data, at)
    if data[at] == NEWLINE:
        return -_BLANK, stroke
    is_object = data[at] == OPEN_OBJECT
    if is_object:
        at, stroke = _read_object(data, at, category, size, columns, row, stroke, text, faults)
    else:
        at = skip_value(data, at, 0, text)
    if at < 0:
        return at, stroke
    at = skip_space(data, at)
    if data[at] != NEWLINE:
        return -_NOT_JSON, stroke
    if not is_object:
        return -_NOT_OBJECT, stroke
    for field in range(FIELDS):
        if faults[field] > 0:
            return -faults[field], stroke
    return at, stroke


@kernel
def _diagnose(data: Bytes, at: int, reason: int) -> int:
    """Look behind a line's not being JSON: bytes that no text may hold explain it better."""
    while data[at] != NEWLINE:
        if data[at] == 0:
            return _NUL
        count = 1 if data[at] < 0x80 else multibyte(data, at)
        if count == 0:
            return _ENCODING
        at += count
    return reason


@kernel
def scan_lines(
    data: Bytes, length: int, category: Bytes, size: int, columns: Columns, lines: Lines
) -> tuple[int, int]:
    """Do `read_lines` on pointers as on arrays."""
    room = np.empty(MAX_TEXT, np.uint8)
    fault_room = np.empty(FIELDS, np.int64)
    text, faults = pointer(room), pointer(fault_room)
    columns.country_ends[0] = 0
    columns.stroke_ends[0] = 0
    columns.point_ends[0] = 0
    at = 0
    line = 0
    row = 0
    stroke = 0
    while at < length:
        lines.starts[line] = at
        lines.reasons[line] = 0
        end, strokes = _read_line(data, at, category, size, columns, row, stroke, text, faults)
        if end >= 0:
            row += 1
            stroke = strokes
            columns.stroke_ends[row] = stroke
        else:
            reason = -end
            if reason == _CUT_SHORT or reason == _NOT_JSON:
                reason = _diagnose(data, at, reason)
            lines.reasons[line] = reason
            end = at
            while data[end] != NEWLINE:
                end += 1
        at = end + 1
        line += 1
    # Pointers keep nothing alive.
    room[0] = fault_room[0] = 0
    return row, stroke


@kernel
def read_lines(data: Bytes, category: Bytes, columns: Columns, lines: Lines) -> tuple[int, int]:
    """Read every line of a block; those that are valid drawings become rows.

    Args:
        data: Bytes of whole lines, the last one a newline.
        category: The word that drawings must have, empty for any.
        columns: Receives the rows.
        lines: Receives where each line begins, and 0 or the reason why it is no row.

    Returns:
        The number of rows and of strokes.
    """
    rows, strokes = scan_lines(
        pointer(data),
        len(data),
        pointer(category),
        len(category),
        Columns(
            pointer(columns.key_id),
            pointer(columns.timestamp),
            pointer(columns.recognized),
            pointer(columns.country),
            pointer(columns.country_ends),
            pointer(columns.stroke_ends),
            pointer(columns.point_ends),
            pointer(columns.x),
            pointer(columns.y),
        ),
        lines,
    )
    return rows, strokes

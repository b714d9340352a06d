"""From field to field: the object that a line must be."""

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from qd_pipeline.quickdraw.kernels import kernel
from qd_pipeline.quickdraw.ndjson.coordinates import read_drawing
from qd_pipeline.quickdraw.ndjson.fields import read_key_id, read_timestamp
from qd_pipeline.quickdraw.ndjson.reasons import Reason
from qd_pipeline.quickdraw.ndjson.texts import is_text, read_string, same
from qd_pipeline.quickdraw.ndjson.tokens import (
    CLOSE_OBJECT,
    COMMA,
    QUOTE,
    Bytes,
    skip_space,
    unexpected,
)
from qd_pipeline.quickdraw.ndjson.values import skip_key, skip_value

TRUE = ord("t")
FALSE = ord("f")

FIELDS = 6
WORD, COUNTRY, TIMESTAMP, RECOGNIZED, KEY_ID, DRAWING = range(FIELDS)

# The reasons for a field's absence, and for its being wrong, come in the order of the fields.
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


@kernel
def _field(text: Bytes, length: int) -> int:
    """Return the number of the field of this name, -1 for any other name."""
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
def read_object(
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

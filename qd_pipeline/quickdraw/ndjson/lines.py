"""The kernel that reads a block of lines into flat columns."""

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from qd_pipeline.quickdraw.kernels import kernel
from qd_pipeline.quickdraw.ndjson.objects import FIELDS, Columns, read_object
from qd_pipeline.quickdraw.ndjson.pointers import pointer
from qd_pipeline.quickdraw.ndjson.reasons import MAX_TEXT, Reason
from qd_pipeline.quickdraw.ndjson.texts import multibyte
from qd_pipeline.quickdraw.ndjson.tokens import NEWLINE, OPEN_OBJECT, Bytes, skip_space
from qd_pipeline.quickdraw.ndjson.values import skip_value

_NUL = int(Reason.NUL)
_ENCODING = int(Reason.ENCODING)
_BLANK = int(Reason.BLANK)
_CUT_SHORT = int(Reason.CUT_SHORT)
_NOT_JSON = int(Reason.NOT_JSON)
_NOT_OBJECT = int(Reason.NOT_OBJECT)


class Lines(NamedTuple):
    """Buffers for each line of a block: its start, and its `Reason` or 0."""

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
        at, stroke = read_object(data, at, category, size, columns, row, stroke, text, faults)
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
    """Return a more exact reason for a line that is not JSON: a NUL byte, or not UTF-8."""
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
    """Do the work of `read_lines` on pointers."""
    text_buffer = np.empty(MAX_TEXT, np.uint8)
    fault_buffer = np.empty(FIELDS, np.int64)
    text, faults = pointer(text_buffer), pointer(fault_buffer)
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
    # A last use of the arrays: pointers do not keep them alive.
    text_buffer[0] = fault_buffer[0] = 0
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

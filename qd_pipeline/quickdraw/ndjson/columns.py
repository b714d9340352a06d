"""A block's lines as Arrow: the drawings as rows, the rest as lines with a reason."""

from collections.abc import Iterator
from dataclasses import dataclass
from io import BufferedIOBase
from typing import Final

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from qd_pipeline.quickdraw.ndjson.blocks import Block, read_blocks
from qd_pipeline.quickdraw.ndjson.lines import Lines, count_lines, read_lines
from qd_pipeline.quickdraw.ndjson.objects import Columns
from qd_pipeline.quickdraw.ndjson.reasons import Reason

_COORDINATES: Final = pa.list_(pa.field("element", pa.uint8()))
_STROKE: Final = pa.struct([("x", _COORDINATES), ("y", _COORDINATES)])

SCHEMA: Final = pa.schema(
    [
        ("key_id", pa.uint64()),
        ("countrycode", pa.dictionary(pa.int32(), pa.string())),
        ("timestamp", pa.timestamp("us", "UTC")),
        ("recognized", pa.bool_()),
        ("drawing", pa.list_(pa.field("element", _STROKE))),
    ]
)
"""Schema of the stroke table: a row a drawing, in the source's order."""

# The fewest bytes of a drawing, a stroke and a coordinate bound how many of each there can be.
_MIN_DRAWING: Final = len(
    '{"word":"","countrycode":"","timestamp":"2017-03-04 23:08:55 UTC",'
    '"recognized":true,"key_id":"0","drawing":[[[0],[0]]]}'
)
_MIN_STROKE: Final = len("[[0],[0]]")
_MIN_COORDINATE: Final = len("0,")


@dataclass(frozen=True)
class Parsed:
    """What a block of lines holds.

    Attributes:
        drawings: The valid drawings, by `SCHEMA`.
        data: The block's bytes.
        starts: int32, where each line begins in them.
        reasons: uint8, each line's `Reason`, 0 for the drawings.
        end: Bytes of the file up to the end of this block.
    """

    drawings: pa.RecordBatch
    data: NDArray[np.uint8]
    starts: NDArray[np.int32]
    reasons: NDArray[np.uint8]
    end: int


def _flat(values: NDArray[np.generic], count: int, kind: pa.DataType) -> pa.Array:
    """Wrap the first values as Arrow, without a copy."""
    return pa.Array.from_buffers(kind, count, [None, pa.py_buffer(values[:count])])


def _batch(columns: Columns, rows: int, strokes: int) -> pa.RecordBatch:
    """Wrap the columns as a batch, without a copy of the coordinates."""
    points = int(columns.point_ends[strokes])
    point_ends = _flat(columns.point_ends, strokes + 1, pa.int32())
    lists = [
        pa.ListArray.from_arrays(point_ends, _flat(values, points, pa.uint8()), type=_COORDINATES)
        for values in (columns.x, columns.y)
    ]
    drawing = pa.ListArray.from_arrays(
        _flat(columns.stroke_ends, rows + 1, pa.int32()),
        pa.StructArray.from_arrays(lists, fields=list(_STROKE)),
        type=SCHEMA.field("drawing").type,
    )
    country = pa.StringArray.from_buffers(
        rows, pa.py_buffer(columns.country_ends), pa.py_buffer(columns.country)
    )
    recognized = np.packbits(columns.recognized[:rows], bitorder="little")
    return pa.RecordBatch.from_arrays(
        [
            _flat(columns.key_id, rows, pa.uint64()),
            country.dictionary_encode(),
            _flat(columns.timestamp, rows, pa.timestamp("us", "UTC")),
            pa.Array.from_buffers(pa.bool_(), rows, [None, pa.py_buffer(recognized)]),
            drawing,
        ],
        schema=SCHEMA,
    )


def empty_columns(size: int, lines: int) -> Columns:
    """Allocate columns for all that a block of so many bytes and lines may hold."""
    rows = min(lines, size // _MIN_DRAWING + 1)
    coordinates = size // _MIN_COORDINATE + 1
    return Columns(
        key_id=np.empty(rows, np.uint64),
        timestamp=np.empty(rows, np.int64),
        recognized=np.empty(rows, np.uint8),
        country=np.empty(size, np.uint8),
        country_ends=np.empty(rows + 1, np.int32),
        stroke_ends=np.empty(rows + 1, np.int32),
        point_ends=np.empty(size // _MIN_STROKE + 2, np.int32),
        x=np.empty(coordinates, np.uint8),
        y=np.empty(coordinates, np.uint8),
    )


def parse(block: Block, category: str | None) -> Parsed:
    """Read the lines of a block.

    Args:
        block: Whole lines.
        category: The word that drawings must have; None for any.
    """
    data = block.data
    if block.overlong:
        starts, reasons = np.zeros(1, np.int32), np.full(1, Reason.OVERLONG, np.uint8)
        return Parsed(pa.RecordBatch.from_pylist([], SCHEMA), data, starts, reasons, block.end)
    count = count_lines(data)
    lines = Lines(np.empty(count, np.int32), np.empty(count, np.uint8))
    columns = empty_columns(len(data), count)
    word = np.array(bytearray((category or "").encode()), np.uint8)
    rows, strokes = read_lines(data, word, columns, lines)
    return Parsed(_batch(columns, rows, strokes), data, lines.starts, lines.reasons, block.end)


def parsed_blocks(file: BufferedIOBase, category: str | None, block_bytes: int) -> Iterator[Parsed]:
    """Read a file's lines block by block."""
    for block in read_blocks(file, block_bytes):
        yield parse(block, category)

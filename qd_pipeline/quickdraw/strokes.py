"""From a category's NDJSON to its stroke table, in bounded memory.

The table has a row for each valid drawing, in the file's order (`SCHEMA`). A line is valid if
it is JSON in UTF-8 with the fields word, countrycode, timestamp, recognized, key_id and drawing;
the word is the category; the drawing has at least one stroke, each a pair of x and y of equal
length with at least one point, all integers from 0 to 255; and no line before it had its key_id.
"""

import os
from collections.abc import Callable, Iterator
from contextlib import closing
from io import BufferedReader
from pathlib import Path
from typing import Final

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from qd_pipeline.errors import BadDrawing, HomeFailed
from qd_pipeline.quickdraw.ndjson.blocks import BLOCK_BYTES
from qd_pipeline.quickdraw.ndjson.columns import SCHEMA, Parsed, parsed_blocks
from qd_pipeline.quickdraw.ndjson.reasons import Reason
from qd_pipeline.quickdraw.ndjson.seen import KeyIds
from qd_pipeline.quickdraw.rejects import Rejects
from qd_pipeline.quickdraw.stroke_metadata import StrokeMetadata, Tally
from qd_pipeline.quickdraw.threads import prefetch

__all__ = ["BLOCK_BYTES", "SCHEMA", "StrokeMetadata", "convert", "read_ndjson"]

# Coordinates have no repetition that a dictionary or zstd would find, and as 32-bit integers,
# which is what Parquet makes of them, three bytes in four are zero: splitting their bytes into
# streams is as small as a dictionary (0.23 of the NDJSON) and 1.5 times as fast.
_COORDINATES: Final = tuple(f"drawing.list.element.{axis}.list.element" for axis in "xy")
_ENCODING: Final = {
    "compression": "zstd",
    "compression_level": 3,
    "use_dictionary": ["countrycode"],
    "column_encoding": dict.fromkeys(("key_id", "timestamp", *_COORDINATES), "BYTE_STREAM_SPLIT"),
    "write_statistics": ["key_id", "countrycode", "timestamp", "recognized"],
}


class _Selection:
    """Select the valid drawings of a file's blocks, each key_id once, and reject other lines."""

    def __init__(self, rejects: Rejects | None) -> None:
        self._rejects = rejects
        self._seen = KeyIds()
        self.lines = 0

    def take(self, parsed: Parsed) -> tuple[pa.RecordBatch, int]:
        """Return a block's drawings, and their bytes of NDJSON."""
        drawings, reasons = parsed.drawings, parsed.reasons
        # `to_numpy` would import pandas: a quarter of a second, and tens of megabytes.
        new = self._seen.add(np.from_dlpack(drawings["key_id"]).astype(np.uint64, copy=False))
        if not new.all():
            drawings = drawings.filter(pa.array(new))
            reasons[np.flatnonzero(reasons == Reason.VALID)[~new]] = Reason.DUPLICATE
        valid = np.flatnonzero(reasons == Reason.VALID)
        if self._rejects:
            self._rejects.add(parsed.data, parsed.starts, reasons, self.lines + 1)
        self.lines += len(reasons)
        sizes = np.diff(parsed.starts, append=len(parsed.data))
        return drawings, int(sizes[valid].sum())


def _why(error: OSError) -> str:
    """Return the operating system's text of an error, without the libraries' additions."""
    return os.strerror(error.errno) if error.errno else str(error)


def _opened(ndjson: Path) -> BufferedReader:
    try:
        return ndjson.open("rb")
    except OSError as error:
        raise _unreadable(ndjson, error) from error


def _unreadable(ndjson: Path, error: OSError) -> HomeFailed:
    cause = f"cannot be read ({_why(error)})"
    return HomeFailed(str(ndjson), cause, "run the stage that makes it again")


def _blocks(file: BufferedReader, ndjson: Path, category: str | None) -> Iterator[Parsed]:
    """Yield the parsed blocks; errors of the disk name the file that is read."""
    try:
        yield from parsed_blocks(file, category, BLOCK_BYTES)
    except OSError as error:
        raise _unreadable(ndjson, error) from error


def _no_drawing(ndjson: Path, category: str, lines: int, rejects: Rejects) -> BadDrawing:
    """Return the error for a file without any valid drawing."""
    cause = "is empty"
    if lines:
        reason, _ = rejects.reasons.most_common(1)[0]
        cause = f"has no valid drawing among {lines:,} lines (most common reason: {reason})"
    return BadDrawing(
        str(ndjson), cause, f"make sure that it is the dataset's simplified NDJSON of {category!r}"
    )


def read_ndjson(path: Path, category: str | None = None) -> pa.Table:
    """Read a file's valid drawings as the stroke table, in the file's order.

    Args:
        path: NDJSON of simplified drawings.
        category: The word that drawings must have; None for any word.

    Returns:
        A table by `SCHEMA`. Lines that are no valid drawings are left out; `convert` says which.

    Raises:
        HomeFailed: The file cannot be read.
    """
    selection = _Selection(None)
    with _opened(path) as file:
        blocks = prefetch(_blocks(file, path, category))
        batches = [selection.take(block)[0] for block in blocks]
    return pa.Table.from_batches(batches, SCHEMA).unify_dictionaries()


def convert(
    ndjson: Path,
    category: str,
    table: Path,
    rejects: Path,
    *,
    on_progress: Callable[[int, int], None] | None = None,
) -> StrokeMetadata:
    """Write a file's valid drawings to a stroke table in Parquet, and its other lines to rejects.

    Memory grows with the file by 18 to 36 bytes a key_id alone, for finding duplicates. One core
    reads while another writes.

    Args:
        ndjson: NDJSON of simplified drawings.
        category: The word that drawings must have.
        table: Where the table goes, by `SCHEMA`, a row group a block.
        rejects: Where the rejected lines go, as NDJSON (`Rejects`).
        on_progress: Called with (bytes read so far, bytes of the file).

    Raises:
        BadDrawing: No line is a valid drawing. There is no table then; the rejects say why.
        HomeFailed: A file cannot be read or written.
    """
    source = _opened(ndjson)
    total = ndjson.stat().st_size
    tally = Tally()
    try:
        with (
            source,
            rejects.open("w", encoding="utf-8", newline="\n") as file,
            pq.ParquetWriter(table, SCHEMA, **_ENCODING) as writer,
            closing(prefetch(_blocks(source, ndjson, category))) as blocks,
        ):
            rejected = Rejects(file)
            selection = _Selection(rejected)
            for block in blocks:
                drawings, size = selection.take(block)
                if drawings.num_rows:
                    writer.write_batch(drawings)
                    tally.add(drawings, size)
                if on_progress:
                    on_progress(block.end, total)
            rejected.finish()
        if not tally.drawings:
            table.unlink()
            raise _no_drawing(ndjson, category, selection.lines, rejected)
        return tally.metadata(table.stat().st_size, rejected)
    except OSError as error:
        table.unlink(missing_ok=True)
        cause = f"cannot be written ({_why(error)})"
        remedy = "free some space, or check its permissions, and run again"
        raise HomeFailed(str(table), cause, remedy) from error

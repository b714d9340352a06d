"""Stroke tables to bitmaps on disk, and bitmaps to pictures for people."""

from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass
from functools import partial
from io import BytesIO
from pathlib import Path
from typing import Any, Final

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from numpy.typing import NDArray

from qd_pipeline.errors import DamagedPartition, disk_failure
from qd_pipeline.quickdraw import BITMAP_SIDE
from qd_pipeline.quickdraw.raster import rasterize
from qd_pipeline.quickdraw.threads import ordered_map

BATCH: Final = 1024
"""Drawings that a core draws at a time."""


@dataclass(frozen=True)
class BitmapMetadata:
    """Metadata of a category's bitmaps.

    Attributes:
        rows: Bitmaps.
        blank: Bitmaps without any ink.
        mean_ink: Mean grey level of all pixels, 0-255.
    """

    rows: int
    blank: int
    mean_ink: float

    def to_json(self) -> dict[str, Any]:
        """Return the metadata by name."""
        return asdict(self)


def draw(
    table: Path,
    target: Path,
    *,
    threads: int | None = None,
    on_progress: Callable[[int, int], None] | None = None,
) -> BitmapMetadata:
    """Draw a stroke table, batch by batch, into one array on disk.

    The array is written as a stream: pages of a memory map would stay resident, and memory
    would grow with the table.

    Args:
        table: Stroke table (Parquet); only its `drawing` column is read.
        target: `.npy` to write: uint8 (n, 28, 28), row i the table's row i; it can be mapped
            into memory.
        threads: Threads to use, by default one a core.
        on_progress: Called with (drawings drawn, drawings in all).

    Raises:
        DamagedPartition: The table cannot be read, or holds no drawings.
        HomeFailed: The array cannot be written.
    """
    rows, blank, ink = 0, 0, 0
    try:
        with _open(table) as source, target.open("wb") as file:
            total = source.metadata.num_rows
            shape = (total, BITMAP_SIDE, BITMAP_SIDE)
            header = {"descr": "|u1", "fortran_order": False, "shape": shape}
            np.lib.format.write_array_header_1_0(file, header)
            one = partial(rasterize, side=BITMAP_SIDE, threads=1)
            for bitmaps in ordered_map(one, _drawings(source, table), threads=threads):
                file.write(bitmaps.data)
                sums = bitmaps.reshape(len(bitmaps), -1).sum(axis=1, dtype=np.uint32)
                rows += len(bitmaps)
                blank += int((sums == 0).sum())
                ink += int(sums.sum())
                if on_progress:
                    on_progress(rows, total)
    except OSError as error:
        raise disk_failure(error, target) from error
    return BitmapMetadata(rows, blank, ink / max(1, rows * BITMAP_SIDE * BITMAP_SIDE))


def _open(table: Path) -> pq.ParquetFile:
    try:
        return pq.ParquetFile(table)
    except (pa.ArrowInvalid, OSError) as error:
        raise _damaged(table, error) from error


def _drawings(source: pq.ParquetFile, table: Path) -> Iterator[pa.Array]:
    batches = source.iter_batches(BATCH, columns=["drawing"])
    try:
        for batch in batches:
            yield batch.column("drawing")
    except (pa.ArrowInvalid, KeyError, OSError) as error:
        raise _damaged(table, error) from error


def _damaged(table: Path, error: Exception) -> DamagedPartition:
    return DamagedPartition(
        str(table), f"is no readable stroke table ({error})", "materialize its strokes again"
    )


def montage(bitmaps: NDArray[np.uint8], columns: int = 12) -> bytes:
    """Lay bitmaps out in rows, left to right, as one PNG.

    Args:
        bitmaps: uint8 (n, side, side), white on black.
        columns: Bitmaps in a row.

    Returns:
        A grey PNG, black on white as on paper, with white where the last row is not full.

    >>> montage(np.zeros((3, 28, 28), np.uint8), columns=2)[1:4]
    b'PNG'
    """
    from PIL import Image  # noqa: PLC0415 (loading the definitions should not wait for it)

    side = bitmaps.shape[1]
    rows = max(1, -(-len(bitmaps) // columns))
    cells = np.zeros((rows * columns, side, side), np.uint8)
    cells[: len(bitmaps)] = bitmaps
    sheet = cells.reshape(rows, columns, side, side).swapaxes(1, 2)
    picture = BytesIO()
    Image.fromarray(255 - sheet.reshape(rows * side, columns * side)).save(picture, "PNG")
    return picture.getvalue()

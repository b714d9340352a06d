"""Stroke tables become one array on disk, row for row."""

from collections.abc import Sequence
from io import BytesIO
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from PIL import Image

from qd_pipeline.errors import BadDrawing, DamagedPartition, HomeFailed
from qd_pipeline.quickdraw.bitmaps import draw, montage
from qd_pipeline.quickdraw.raster import DRAWING, rasterize

DOT = [{"x": [0], "y": [0]}]
LINE = [{"x": [0, 100], "y": [0, 50]}]


def table_of(drawings: Sequence[object], path: Path, rows_a_group: int = 1000) -> Path:
    column = pa.array(drawings, DRAWING)
    keys = pa.array(range(len(drawings)), pa.uint64())
    table = pa.table({"key_id": keys, "drawing": column})
    pq.write_table(table, path, row_group_size=rows_a_group, compression="zstd")
    return path


def test_row_i_of_the_array_is_row_i_of_the_table(tmp_path: Path) -> None:
    drawings = [DOT, LINE, [], LINE, DOT]
    table = table_of(drawings, tmp_path / "cow.parquet", rows_a_group=2)
    draw(table, tmp_path / "cow.npy")
    drawn = np.load(tmp_path / "cow.npy", mmap_mode="r", allow_pickle=False)
    assert drawn.dtype == np.uint8
    assert np.array_equal(drawn, rasterize(pa.array(drawings, DRAWING)))


def test_the_facts_tell_rows_blank_bitmaps_and_mean_ink(tmp_path: Path) -> None:
    table = table_of([LINE, []], tmp_path / "cow.parquet")
    facts = draw(table, tmp_path / "cow.npy")
    assert facts.to_json() == {"rows": 2, "blank": 1, "mean_ink": 4272 / (2 * 784)}


def test_a_table_without_rows_gives_an_array_without_rows(tmp_path: Path) -> None:
    facts = draw(table_of([], tmp_path / "cow.parquet"), tmp_path / "cow.npy")
    assert facts.rows == 0
    assert np.load(tmp_path / "cow.npy", mmap_mode="r").shape == (0, 28, 28)


def test_progress_counts_drawings_up_to_all(tmp_path: Path) -> None:
    told: list[tuple[int, int]] = []
    table = table_of([DOT] * 20_000, tmp_path / "cow.parquet")
    draw(table, tmp_path / "cow.npy", on_progress=lambda done, all_: told.append((done, all_)))
    assert [done for done, _ in told] == sorted({done for done, _ in told})
    assert len(told) > 1
    assert told[-1] == (20_000, 20_000)


def test_a_damaged_table_is_named(tmp_path: Path) -> None:
    table = table_of([DOT] * 100, tmp_path / "cow.parquet")
    table.write_bytes(table.read_bytes()[:-20])
    with pytest.raises(DamagedPartition, match=r"cow\.parquet.*materialize"):
        draw(table, tmp_path / "cow.npy")


def test_a_table_without_drawings_is_named(tmp_path: Path) -> None:
    pq.write_table(pa.table({"key_id": [1]}), tmp_path / "cow.parquet")
    with pytest.raises(DamagedPartition, match=r"cow\.parquet"):
        draw(tmp_path / "cow.parquet", tmp_path / "cow.npy")


def test_a_row_without_a_drawing_is_refused(tmp_path: Path) -> None:
    with pytest.raises(BadDrawing, match="nulls"):
        draw(table_of([DOT, None], tmp_path / "cow.parquet"), tmp_path / "cow.npy")


def test_an_array_that_cannot_be_written_is_named(tmp_path: Path) -> None:
    table = table_of([DOT], tmp_path / "cow.parquet")
    with pytest.raises(HomeFailed, match="missing"):
        draw(table, tmp_path / "missing" / "cow.npy")


def test_a_montage_is_black_on_white_from_left_to_right() -> None:
    bitmaps = rasterize(pa.array([DOT, LINE, DOT], DRAWING))
    sheet = np.asarray(Image.open(BytesIO(montage(bitmaps, columns=2))))
    assert sheet.shape == (56, 56)
    assert np.array_equal(sheet[:28, 28:], 255 - bitmaps[1])
    assert np.array_equal(sheet[28:, :28], 255 - bitmaps[2])
    assert (sheet[28:, 28:] == 255).all()


def test_a_montage_of_nothing_is_a_blank_row() -> None:
    sheet = Image.open(BytesIO(montage(np.zeros((0, 28, 28), np.uint8), columns=3)))
    assert sheet.size == (84, 28)

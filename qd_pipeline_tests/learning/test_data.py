from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from qd_pipeline.errors import BadSetting, DamagedPartition, MissingPartition
from qd_pipeline.learning import data as data_module
from qd_pipeline.learning.data import ClassSetData, load_category
from qd_pipeline.learning.networks import InputSpec
from qd_pipeline.quickdraw.raster import rasterize
from qd_pipeline.quickdraw.sequences import sequences
from qd_pipeline.quickdraw.split import split_of
from qd_pipeline_tests.learning.shapes import (
    draw_shape,
    keys_by_side,
    marks,
    same,
    write_animals,
    write_category,
    write_shapes,
)


def test_a_categorys_columns_come_from_its_stroke_table(tmp_path: Path) -> None:
    data = write_category(
        tmp_path,
        "line",
        draw_shape("line", 3),
        recognized=[True, False, True],
        countries=["DE", "", "FR"],
        strokes=[1, 4, 2],
    )
    assert len(data) == 3
    assert data.recognized.tolist() == [True, False, True]
    assert data.countrycodes.tolist() == ["DE", "", "FR"]
    assert data.stroke_counts.tolist() == [1, 4, 2]


def test_bitmaps_stay_on_disk(tmp_path: Path) -> None:
    data = write_category(tmp_path, "line", draw_shape("line", 3))
    assert isinstance(data.bitmaps, np.memmap)
    assert data.bitmaps.dtype == np.uint8


def test_files_that_are_replaced_meanwhile_are_read_to_the_end(tmp_path: Path) -> None:
    data = write_category(tmp_path, "line", draw_shape("line", 3), strokes=[1, 4, 2])
    for file in tmp_path.iterdir():
        file.unlink()
    assert data.stroke_counts.tolist() == [1, 4, 2]
    assert len(data.drawings) == len(data.countrycodes) == 3
    assert data.bitmaps.any()


def test_every_drawing_is_in_one_split_with_its_own_bitmap(tmp_path: Path) -> None:
    data = write_shapes(tmp_path)
    parts = (data.train, data.validation, data.test)
    assert sum(map(len, parts)) == 3 * 120
    for code, part in enumerate(parts):
        assert (split_of(part.column("key_ids").astype(np.uint64)) == code).all()
        gathered = part.bitmaps(slice(None))
        for bitmap, label, row in zip(gathered, part.labels, part.rows, strict=True):
            assert (bitmap == part.categories[label].bitmaps[row]).all()


def test_a_batch_keeps_the_order_it_was_asked_for_in(tmp_path: Path) -> None:
    keys = [keys_by_side(2, 0, 0, seed=seed) for seed in (1, 2)]
    data = ClassSetData.split(
        [
            write_category(tmp_path, "circle", marks([0, 1]), key_ids=keys[0]),
            write_category(tmp_path, "line", marks([2, 3]), key_ids=keys[1]),
        ]
    )
    batch = data.train.bitmaps(np.array([3, 0, 2, 0]))
    assert batch[:, 0].argmax(axis=1).tolist() == [3, 0, 2, 0]
    assert data.train.labels.tolist() == [0, 0, 1, 1]


def test_strokes_keep_the_order_they_were_asked_for_in(tmp_path: Path) -> None:
    data = ClassSetData.split(
        [
            write_category(
                tmp_path,
                category,
                draw_shape("line", 3),
                key_ids=keys_by_side(3, 0, 0, seed=seed),
                strokes=counts,
            )
            for seed, (category, counts) in enumerate([("circle", [1, 2, 3]), ("line", [4, 5, 6])])
        ]
    )
    taken = data.train.drawings(np.array([5, 0, 3, 2, 0]))
    assert [len(drawing) for drawing in taken.to_pylist()] == [6, 1, 4, 3, 1]
    assert len(data.train.drawings(slice(None))) == 6
    assert len(data.validation.drawings(slice(None))) == 0


def test_bitmaps_of_another_side_are_drawn(tmp_path: Path) -> None:
    data = write_animals(tmp_path, ("cow", "duck"), 20)
    larger = data.train.bitmaps(np.array([3, 0]), 56)
    assert (larger == rasterize(data.train.drawings(np.array([3, 0])), 56)).all()
    assert larger.shape == (2, 56, 56)


def test_inputs_are_what_a_network_takes_in(tmp_path: Path) -> None:
    data = write_animals(tmp_path, ("cow", "duck"), 20)
    which = np.array([3, 0])
    drawings = data.train.drawings(which)
    both = data.train.inputs(which, InputSpec(side=28, length=12))
    assert same(both.bitmaps, rasterize(drawings))
    assert same(both.sequences, sequences(drawings, 12))
    assert data.train.inputs(which, InputSpec(side=28)).sequences is None
    assert data.train.inputs(which, InputSpec(length=12)).bitmaps is None


def test_a_file_that_is_not_there_is_named(tmp_path: Path) -> None:
    write_category(tmp_path, "line", draw_shape("line", 3))
    with pytest.raises(MissingPartition, match=r"line\.npz is not there"):
        load_category("line", tmp_path / "line.parquet", tmp_path / "line.npz")


@pytest.mark.parametrize("name", ["line.parquet", "line.npy"])
def test_a_damaged_file_is_named(tmp_path: Path, name: str) -> None:
    write_category(tmp_path, "line", draw_shape("line", 3))
    (tmp_path / name).write_bytes(b"no such thing")
    with pytest.raises(DamagedPartition, match=name):
        load_category("line", tmp_path / "line.parquet", tmp_path / "line.npy")


@pytest.mark.parametrize(
    "bitmaps",
    [
        np.zeros((2, 28, 28), np.uint8),
        np.zeros((3, 28, 28), np.float32),
        np.zeros((3, 784), np.uint8),
        np.uint8(3),
    ],
    ids=["too few", "of floats", "flat", "none"],
)
def test_bitmaps_that_are_not_the_tables_are_refused(
    tmp_path: Path, bitmaps: np.ndarray[tuple[int, ...], np.dtype[np.generic]]
) -> None:
    write_category(tmp_path, "line", draw_shape("line", 3))
    np.save(tmp_path / "line.npy", bitmaps)
    with pytest.raises(DamagedPartition, match="for 3 drawings: draw line again"):
        load_category("line", tmp_path / "line.parquet", tmp_path / "line.npy")


def test_a_category_without_training_drawings_is_refused(tmp_path: Path) -> None:
    circle = write_category(tmp_path, "circle", draw_shape("circle", 9))
    keys = keys_by_side(0, 1, 2)
    line = write_category(tmp_path, "line", draw_shape("line", 3), key_ids=keys)
    with pytest.raises(BadSetting, match="category line has no training drawing"):
        ClassSetData.split([circle, line])


def test_a_class_set_takes_two_different_categories(tmp_path: Path) -> None:
    line = write_category(tmp_path, "line", draw_shape("line", 9))
    for categories in ([], [line], [line, line]):
        with pytest.raises(BadSetting, match="two categories or more"):
            ClassSetData.split(categories)


def test_of_many_drawings_the_same_is_read_and_nothing_kept(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    data = write_animals(tmp_path, ("cow", "duck"), 40)
    which, spec = np.array([40, 3, 0, 40, 7]), InputSpec(side=28, length=12)
    kept = [data.train.drawings(which), data.train.inputs(which, spec)]
    monkeypatch.setattr(data_module, "IN_MEMORY", 79)
    many = ClassSetData.split(
        [
            load_category(each, tmp_path / f"{each}.parquet", tmp_path / f"{each}.npy")
            for each in ("cow", "duck")
        ]
    )
    assert many.train.drawings(which) == kept[0]
    read = many.train.inputs(which, spec)
    assert same(read.bitmaps, kept[1].bitmaps)
    assert same(read.sequences, kept[1].sequences)
    assert all("drawings" not in vars(category) for category in many.train.categories)


def test_some_drawings_of_a_table_of_several_row_groups_are_found(tmp_path: Path) -> None:
    data = write_animals(tmp_path, ("cow", "duck"), 20).train.categories[0]
    pq.write_table(pq.read_table(data.table), tmp_path / "parts.parquet", row_group_size=3)
    parts = load_category("cow", tmp_path / "parts.parquet", tmp_path / "cow.npy")
    rows = np.array([19, 0, 3, 2, 11, 3])
    assert parts.read_drawings(rows) == data.drawings.take(pa.array(rows))


def test_drawings_in_even_distances_are_of_every_category(tmp_path: Path) -> None:
    data = write_shapes(tmp_path).train
    assert np.bincount(data.evenly(9).labels).tolist() == [3, 3, 3]
    assert len(data.evenly(10_000)) == len(data)

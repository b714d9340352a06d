"""The drawings of a class set for training and evaluation: labelled, split, memory-mapped."""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Final, Self

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
from numpy.typing import NDArray

from qd_pipeline.errors import BadSetting, DamagedPartition, MissingPartition
from qd_pipeline.learning.inputs import Inputs, prepare
from qd_pipeline.learning.networks import InputSpec
from qd_pipeline.quickdraw.raster import rasterize
from qd_pipeline.quickdraw.split import TEST, TRAIN, VALIDATION, split_of

IN_MEMORY: Final = 2**18
"""Drawings of all categories together, up to which their strokes are kept in memory once read."""


@dataclass(frozen=True, eq=False)
class CategoryData:
    """The drawings of one category.

    Args:
        category: Its name as the dataset spells it.
        bitmaps: `uint8 (n, side, side)`, memory-mapped; ink 255 on ground 0.
        key_ids: `uint64 (n,)`.
        recognized: `bool (n,)`: whether the game recognised the drawing.
        table: The stroke table, of which the other columns are read lazily. It is open, so it
            can be read even after it has been replaced; it is not mapped, since mapped pages that
            were read count as memory in use.
    """

    category: str
    bitmaps: NDArray[np.uint8]
    key_ids: NDArray[np.uint64]
    recognized: NDArray[np.bool_]
    table: pa.NativeFile

    def __len__(self) -> int:
        return len(self.key_ids)

    @property
    def side(self) -> int:
        """Height and width of the bitmaps, in pixels."""
        return int(self.bitmaps.shape[-1])

    @cached_property
    def drawings(self) -> pa.Array:
        """The strokes of each drawing, in Arrow's own buffers: some 100 bytes a drawing."""
        return pq.read_table(self.table, columns=["drawing"]).column(0).combine_chunks()

    def read_drawings(self, rows: NDArray[np.int64]) -> pa.Array:
        """Return the strokes of some drawings, of which nothing is kept in memory.

        The row groups that hold them are read, some 3,000 drawings each.
        """
        table = pq.ParquetFile(self.table)
        groups = range(table.num_row_groups)
        sizes = np.array([table.metadata.row_group(group).num_rows for group in groups])
        starts = np.cumsum(sizes) - sizes
        group = np.searchsorted(starts, rows, side="right") - 1
        needed = np.unique(group)
        read = table.read_row_groups(needed.tolist(), columns=["drawing"]).column(0)
        start = np.cumsum(sizes[needed]) - sizes[needed]
        place = start[np.searchsorted(needed, group)] + rows - starts[group]
        return read.combine_chunks().take(pa.array(place))

    @cached_property
    def countrycodes(self) -> NDArray[np.object_]:
        """Country of each drawing, `str (n,)`; empty where there is none."""
        column = pq.read_table(self.table, columns=["countrycode"]).column(0)
        texts = pc.fill_null(column.cast(pa.string()), "")
        return np.asarray(texts.to_numpy(zero_copy_only=False), dtype=np.object_)

    @cached_property
    def stroke_counts(self) -> NDArray[np.int64]:
        """Number of strokes of each drawing, `int64 (n,)`."""
        batches = pq.ParquetFile(self.table).iter_batches(columns=["drawing"])
        counts = [pc.list_value_length(batch.column(0)).to_numpy() for batch in batches]
        return np.concatenate([np.zeros(0, np.int64), *counts]).astype(np.int64)


def load_category(category: str, table: Path, bitmaps: Path) -> CategoryData:
    """Open one category's stroke table and bitmaps.

    Args:
        category: Name, as the dataset spells it.
        table: Stroke table (Parquet).
        bitmaps: Its bitmaps (`.npy`), row i those of the table's row i.

    Raises:
        MissingPartition: A file is not there.
        DamagedPartition: A file cannot be read, or the two do not belong together.
    """
    remedy = f"draw {category} again"
    for path in (table, bitmaps):
        if not path.is_file():
            raise MissingPartition(str(path), "is not there", remedy)
    try:
        opened = pa.OSFile(str(table))
        columns = pq.read_table(opened, columns=["key_id", "recognized"])
    except (OSError, pa.ArrowException) as error:
        raise DamagedPartition(str(table), "is not a stroke table", remedy) from error
    try:
        pictures = np.load(bitmaps, mmap_mode="r", allow_pickle=False)
    except (OSError, ValueError, EOFError) as error:
        raise DamagedPartition(str(bitmaps), "is not an array of bitmaps", remedy) from error
    side = pictures.shape[-1] if pictures.ndim else 0
    if pictures.dtype != np.uint8 or pictures.shape != (columns.num_rows, side, side):
        cause = f"holds {pictures.dtype} {pictures.shape} for {columns.num_rows} drawings"
        raise DamagedPartition(str(bitmaps), cause, remedy)
    return CategoryData(
        category,
        pictures,
        columns["key_id"].to_numpy(),
        columns["recognized"].to_numpy(),
        opened,
    )


@dataclass(frozen=True, eq=False, repr=False)
class LabelledDrawings:
    """Drawings of a class set with their labels.

    Args:
        categories: The class set's drawings, in the order of the network's outputs.
        labels: `int32 (n,)`, the index of each drawing's category.
        rows: `int64 (n,)`, its row in its category's table and bitmaps.
    """

    categories: tuple[CategoryData, ...]
    labels: NDArray[np.int32]
    rows: NDArray[np.int64]

    @classmethod
    def from_masks(
        cls, categories: tuple[CategoryData, ...], masks: Iterable[NDArray[np.bool_]]
    ) -> Self:
        """Select the drawings that are true in their category's mask, category by category."""
        rows = [np.flatnonzero(mask) for mask in masks]
        places = np.arange(len(categories), dtype=np.int32)
        labels = np.repeat(places, [len(taken) for taken in rows])
        return cls(categories, labels, np.concatenate(rows).astype(np.int64))

    def __len__(self) -> int:
        return len(self.labels)

    def __repr__(self) -> str:
        names = ", ".join(category.category for category in self.categories)
        return f"<{len(self):,} drawings of {names}>"

    @cached_property
    def fit_in_memory(self) -> bool:
        """Whether the strokes of the categories' tables are few enough to be kept in memory."""
        return sum(map(len, self.categories)) <= IN_MEMORY

    def evenly(self, most: int) -> Self:
        """Return so many drawings at most, in even distances; all, where these are fewer."""
        kept = slice(None, None, max(1, -(-len(self) // most)))
        return type(self)(self.categories, self.labels[kept], self.rows[kept])

    @property
    def missing_category(self) -> str | None:
        """Name of the first category without drawings here, if there is one."""
        counts = np.bincount(self.labels, minlength=len(self.categories))
        return None if counts.all() else self.categories[int(np.argmin(counts))].category

    def filtered(self, mask: Callable[[CategoryData], NDArray[np.bool_]]) -> Self:
        """Return the drawings for which a category's mask, `bool (n,)`, is true."""
        kept = self._gather(mask, slice(None)).astype(np.bool_)
        return type(self)(self.categories, self.labels[kept], self.rows[kept])

    def _gather(
        self,
        column: Callable[[CategoryData], NDArray[np.generic]],
        which: NDArray[np.integer] | slice,
    ) -> NDArray[np.generic]:
        labels, rows = self.labels[which], self.rows[which]
        first = column(self.categories[0])
        gathered = np.empty((len(labels), *first.shape[1:]), first.dtype)
        for place in np.unique(labels):
            here = labels == place
            gathered[here] = column(self.categories[place])[rows[here]]
        return gathered

    def bitmaps(
        self, which: NDArray[np.integer] | slice, side: int | None = None
    ) -> NDArray[np.uint8]:
        """Return the bitmaps of some drawings, `uint8 (k, side, side)`.

        Args:
            which: Indices of the drawings.
            side: In pixels. Bitmaps of the stored size (the default) are copied out of the
                mapped files, others are rasterized.
        """
        if side not in (None, self.categories[0].side):
            return rasterize(self.drawings(which), side)
        return self._gather(lambda category: category.bitmaps, which)  # type: ignore[return-value]

    def inputs(self, which: NDArray[np.integer] | slice, spec: InputSpec) -> Inputs:
        """Return what a network takes in of some drawings."""
        if not self.fit_in_memory:
            # Of mapped files, all would count as memory in use that was read once.
            return prepare(self.drawings(which), spec)
        # Its kernels import numba, a second that commands which read no drawings should not wait.
        from qd_pipeline.quickdraw.sequences import sequences  # noqa: PLC0415

        return Inputs(
            None if spec.side is None else self.bitmaps(which, spec.side),
            None if spec.length is None else sequences(self.drawings(which), spec.length),
        )

    def drawings(self, which: NDArray[np.integer] | slice) -> pa.Array:
        """Return the strokes of some drawings: a column as `rasterize` takes it, of length k."""
        labels, rows = self.labels[which], self.rows[which]
        order = np.argsort(labels, kind="stable")
        taken = [
            self._drawings_of(self.categories[place], rows[order][labels[order] == place])
            for place in np.unique(labels).tolist() or [0]
        ]
        return pa.concat_arrays(taken).take(pa.array(np.argsort(order)))

    def _drawings_of(self, category: CategoryData, rows: NDArray[np.int64]) -> pa.Array:
        if self.fit_in_memory:
            return category.drawings.take(pa.array(rows))
        return category.read_drawings(rows)

    def column(self, name: str) -> NDArray[np.generic]:
        """Return one attribute of each drawing, `(n,)`.

        Args:
            name: `key_ids`, `recognized`, `countrycodes` or `stroke_counts`.
        """
        return self._gather(lambda category: getattr(category, name), slice(None))


@dataclass(frozen=True, eq=False)
class ClassSetData:
    """A class set's drawings in three splits that share no drawing."""

    train: LabelledDrawings
    validation: LabelledDrawings
    test: LabelledDrawings

    @classmethod
    def split(cls, categories: Sequence[CategoryData]) -> Self:
        """Split by `key_id` as `qd_pipeline.quickdraw.split` does.

        Args:
            categories: Two or more, in the order of the network's outputs.

        Raises:
            BadSetting: There are fewer than two categories, or one has no training drawing.
        """
        ordered = tuple(categories)
        names = tuple(category.category for category in ordered)
        if len(set(names)) < max(2, len(names)):
            raise BadSetting(
                f"class set {', '.join(names)}",
                "does not hold two categories or more, each once",
                "name different categories",
            )
        assigned = [split_of(category.key_ids) for category in ordered]
        train, validation, test = (
            LabelledDrawings.from_masks(ordered, [each == split for each in assigned])
            for split in (TRAIN, VALIDATION, TEST)
        )
        if train.missing_category:
            raise BadSetting(
                f"category {train.missing_category}",
                "has no training drawing",
                "take more drawings per category",
            )
        return cls(train, validation, test)

    @property
    def class_set(self) -> tuple[str, ...]:
        """The categories' names in the order of the network's outputs."""
        return tuple(category.category for category in self.train.categories)

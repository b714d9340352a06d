"""The drawings of a class set, read from the inputs of a stage that learns from them."""

import hashlib
from collections.abc import Mapping
from typing import TYPE_CHECKING, Final

import numpy as np

from qd_pipeline import catalog
from qd_pipeline.errors import DamagedPartition
from qd_pipeline.learning.data import ClassSetData, LabelledDrawings, load_category
from qd_pipeline.learning.training.config import TrainingConfig
from qd_pipeline.learning.training.selection import unknown_key_ids
from qd_pipeline.orchestration.context import MaterializationContext
from qd_pipeline.orchestration.stage import Input
from qd_pipeline.orchestration.stages.bitmaps import ARRAY
from qd_pipeline.orchestration.stages.strokes import TABLE
from qd_pipeline.storage import Partition, PartitionStore

if TYPE_CHECKING:
    from qd_pipeline import tracking

DRAWINGS: Final = (Input("strokes"), Input("bitmaps"))
"""Inputs of a stage that learns from drawings."""


def read_drawings(
    context: MaterializationContext, training: TrainingConfig | None = None
) -> ClassSetData:
    """Read and split the drawings of the context's class set.

    Args:
        context: The context.
        training: The training that they are for, if any; a warning says how many of the
            key_ids that it excludes are of none of the drawings.

    Raises:
        BadSetting: The file of excluded key_ids cannot be read.
        DamagedPartition: A file is not what was written, or a category's bitmaps were drawn from
            another stroke table.
    """
    data = class_set_data(context.store, context.inputs["strokes"], context.inputs["bitmaps"])
    if training and (unknown := unknown_key_ids(data, training)):
        of_what = f"key_ids of {training.exclude} are of no drawing of class set {context.key}"
        context.warn(f"{unknown} {of_what}.")
    return data


def log_split(
    context: MaterializationContext, split: LabelledDrawings, use: str
) -> "tracking.LoggedDataset":
    """Log a split as a dataset of the context's MLflow run; which it is follows from the inputs.

    Args:
        context: The context.
        split: The drawings.
        use: `training`, `validation` or `test`.
    """
    from qd_pipeline import tracking  # noqa: PLC0415 (MLflow takes seconds to import)

    inputs = [context.inputs[each.stage].values() for each in DRAWINGS]
    versions = [made.version for partitions in inputs for made in partitions]
    counts = zip(
        (category.category for category in split.categories),
        np.bincount(split.labels, minlength=len(split.categories)).tolist(),
        strict=True,
    )
    dataset = tracking.LoggedDataset(
        f"class set {context.key}, {use} drawings",
        hashlib.sha256("".join([use, *versions]).encode()).hexdigest(),
        context.provenance.source,
        {"drawings": len(split), **dict(counts)},
        tracking.DRAWINGS,
    )
    context.run.log_datasets([dataset], use)
    return dataset


def class_set_data(
    store: PartitionStore, tables: Mapping[str, Partition], bitmaps: Mapping[str, Partition]
) -> ClassSetData:
    """Read and split the drawings of some stroke tables and their bitmaps, by category key.

    Raises:
        DamagedPartition: As `read_drawings`.
    """
    categories = []
    for key, table in tables.items():
        if bitmaps[key].fingerprint["inputs"] != {f"strokes/{key}": table.version}:
            raise DamagedPartition(
                f"bitmaps {key}",
                "were drawn from another version of the strokes",
                f"draw them again with `qd make bitmaps {key}`",
            )
        categories.append(
            load_category(
                catalog.category_of(key),
                store.open_local(table, TABLE),
                store.open_local(bitmaps[key], ARRAY),
            )
        )
    return ClassSetData.split(categories)

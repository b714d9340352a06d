"""The drawings of a class set, read from the inputs of a stage that learns from them."""

from logging import getLogger
from typing import Final

from qd_pipeline import catalog
from qd_pipeline.errors import DamagedPartition
from qd_pipeline.learning.data import ClassSetData, load_category
from qd_pipeline.learning.training.config import TrainingConfig
from qd_pipeline.learning.training.selection import unknown_key_ids
from qd_pipeline.orchestration.context import MaterializationContext
from qd_pipeline.orchestration.stage import Input
from qd_pipeline.orchestration.stages.bitmaps import ARRAY
from qd_pipeline.orchestration.stages.strokes import TABLE

_LOG: Final = getLogger(__name__)

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
    tables, bitmaps = context.inputs["strokes"], context.inputs["bitmaps"]
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
                context.open(table, TABLE),
                context.open(bitmaps[key], ARRAY),
            )
        )
    data = ClassSetData.split(categories)
    if training and (unknown := unknown_key_ids(data, training)):
        words = "%d key_ids of %s are of no drawing of class set %s."
        # The command line shows the one, Dagster's UI the other.
        for log in (_LOG, context.dagster.log):
            log.warning(words, unknown, training.exclude, context.key)
    return data

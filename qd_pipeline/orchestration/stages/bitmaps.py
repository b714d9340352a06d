"""Stage 3: rasterised 28×28 arrays, one partition per category."""

from typing import Final

import numpy as np

from qd_pipeline.orchestration.context import MaterializationContext
from qd_pipeline.orchestration.embedded import png
from qd_pipeline.orchestration.partitions import By
from qd_pipeline.orchestration.stage import Check, CheckResult, Input, Result, Stage, StageConfig
from qd_pipeline.orchestration.stages.strokes import TABLE
from qd_pipeline.quickdraw import BITMAP_SIDE as SIDE
from qd_pipeline.quickdraw.bitmaps import BitmapMetadata, draw, montage

ARRAY: Final = "bitmaps.npy"

_IN_MONTAGE: Final = 6
"""Drawings on the asset's page: Dagster's database keeps them twice for every partition."""

_SHADE: Final = 17


def materialize(context: MaterializationContext, _config: StageConfig) -> Result:
    """Draw one category's stroke table, as the dataset's makers do."""
    table = context.input("strokes")
    target = context.path(ARRAY)
    facts = draw(context.open(table, TABLE), target, on_progress=context.on_progress("drawings"))
    drawn = np.load(target, mmap_mode="r", allow_pickle=False)
    return Result(
        metadata=facts.to_json(),
        metrics={"drawings": facts.rows, "blank": facts.blank, "mean_ink": facts.mean_ink},
        shown={
            "dagster/row_count": facts.rows,
            "blank": facts.blank,
            "mean ink": round(facts.mean_ink, 2),
            "montage": png(montage(_first(drawn), columns=_IN_MONTAGE), "the first drawings"),
        },
        checks=_checks(drawn, table.metadata["drawings"], facts),
    )


def _first(drawn: np.ndarray) -> np.ndarray:
    """Return the first bitmaps in 16 shades of grey, which take less than two thirds as a PNG."""
    shades = np.rint(drawn[:_IN_MONTAGE] / _SHADE) * _SHADE
    return shades.astype(np.uint8)


def _checks(drawn: np.ndarray, drawings: int, facts: BitmapMetadata) -> list[CheckResult]:
    return [
        CheckResult(
            "rows_agree",
            len(drawn) == drawings,
            f"{len(drawn):,} bitmaps for {drawings:,} drawings",
        ),
        CheckResult(
            "shape_and_type",
            drawn.dtype == np.uint8 and drawn.shape[1:] == (SIDE, SIDE),
            f"{drawn.dtype} {drawn.shape}",
        ),
        CheckResult("none_blank", facts.blank == 0, f"{facts.blank:,} are blank"),
    ]


BITMAPS: Final = Stage(
    name="bitmaps",
    description="One category's drawings as pictures of 28×28 pixels, drawn as the dataset's "
    "makers do.",
    by=By.CATEGORY,
    code_version="3",
    materialize=materialize,
    inputs=(Input("strokes"),),
    checks=(
        Check("rows_agree", "One bitmap for each row of the stroke table."),
        Check("shape_and_type", "The array is uint8 (n, 28, 28)."),
        Check("none_blank", "Every drawing left ink.", blocking=False),
    ),
    group="drawings",
    kinds=frozenset({"numpy"}),
)

"""Stage 3: rasterised 28×28 arrays, one partition per category."""

import dagster as dg
import numpy as np

from qd_pipeline.orchestration import automation, checks, recipes
from qd_pipeline.orchestration.assets.strokes import TABLE, strokes
from qd_pipeline.orchestration.partitions import category_partitions
from qd_pipeline.orchestration.pictures import embedded
from qd_pipeline.orchestration.workshop import Workshop
from qd_pipeline.quickdraw import BITMAP_SIDE
from qd_pipeline.quickdraw.bitmaps import BitmapFacts, draw, montage

BITMAPS = "bitmaps.npy"
MONTAGE = "montage.png"

_IN_MONTAGE = 60


@dg.asset(
    partitions_def=category_partitions,
    deps=[strokes],
    group_name="drawings",
    kinds={"numpy"},
    owners=["team:drawings"],
    code_version=recipes.CODE_VERSIONS["bitmaps"],
    check_specs=checks.BITMAPS,
    automation_condition=automation.AFTER_PARENTS,
)
def bitmaps(context: dg.AssetExecutionContext, workshop: Workshop) -> dg.MaterializeResult:
    """One category's drawings as pictures of 28×28 pixels, drawn as the dataset's makers do."""
    with workshop.stage(context) as stage:
        table = workshop.store.read("strokes", context.partition_key)
        target = stage.path(BITMAPS)
        facts = draw(table.path(TABLE), target, on_progress=stage.on_progress("drawings"))
        drawn = np.load(target, mmap_mode="r", allow_pickle=False)
        picture = montage(drawn[:_IN_MONTAGE])
        stage.path(MONTAGE).write_bytes(picture)
        stage.run.log_file(stage.path(MONTAGE))
        return stage.publish(
            recipe=recipes.bitmaps(table),
            facts=facts.to_json(),
            metrics={"drawings": facts.rows, "blank": facts.blank, "mean_ink": facts.mean_ink},
            metadata=_metadata(facts, picture),
            checks=_checks(drawn, table.facts["drawings"], facts),
        )


def _metadata(facts: BitmapFacts, picture: bytes) -> dict[str, object]:
    return {
        "dagster/row_count": facts.rows,
        "blank": facts.blank,
        "mean ink": round(facts.mean_ink, 2),
        "montage": embedded(picture, "the first drawings"),
    }


def _checks(drawn: np.ndarray, drawings: int, facts: BitmapFacts) -> list[dg.AssetCheckResult]:
    return [
        checks.result(
            "rows_agree",
            f"{len(drawn):,} bitmaps for {drawings:,} drawings",
            passed=len(drawn) == drawings,
        ),
        checks.result(
            "shape_and_type",
            f"{drawn.dtype} {drawn.shape}",
            passed=drawn.dtype == np.uint8 and drawn.shape[1:] == (BITMAP_SIDE, BITMAP_SIDE),
        ),
        checks.result("none_blank", f"{facts.blank:,} are blank", passed=facts.blank == 0),
    ]

"""A stage of one's own: how much ink the drawings of a category have, pixel by pixel.

This file and a line in `qd_pipeline/orchestration/registry.py` are all that a stage takes.
"""

import json
from typing import Final

import numpy as np
from pydantic import Field

from qd_pipeline.class_sets import ClassSets
from qd_pipeline.orchestration.context import MaterializationContext
from qd_pipeline.orchestration.partitions import By
from qd_pipeline.orchestration.stage import Check, CheckResult, Input, Result, Stage, StageConfig
from qd_pipeline.orchestration.stages.bitmaps import ARRAY

STATISTICS: Final = "ink_statistics.json"


class InkConfig(StageConfig):
    """What counts as ink; the launchpad shows the field and its bounds."""

    threshold: int = Field(
        default=1, ge=1, le=255, description="Grey value from which a pixel has ink, 1 to 255."
    )

    def effective(self, key: str, class_sets: ClassSets) -> dict[str, int]:
        """Return what has an effect on the figures: another threshold makes them stale."""
        del key, class_sets
        return {"threshold": self.threshold}


def materialize(context: MaterializationContext, config: InkConfig) -> Result:
    """Measure the share of inked pixels of each drawing of a category."""
    drawn = np.load(context.open(context.input("bitmaps"), ARRAY), mmap_mode="r")
    shares = (drawn >= config.threshold).mean(axis=(1, 2))
    figures = {
        "drawings": len(shares),
        "mean_share": round(float(shares.mean()), 6),
        "standard_deviation": round(float(shares.std()), 6),
    }
    context.path(STATISTICS).write_text(json.dumps(figures, indent=2) + "\n", encoding="utf-8")
    return Result(
        metadata=figures,
        metrics=figures,
        shown=figures,
        checks=[
            CheckResult(
                "shares_possible",
                bool(0 < shares.mean() < 1),
                f"{figures['mean_share']:.1%} of the pixels have ink",
            )
        ],
    )


INK_STATISTICS: Final = Stage(
    name="ink_statistics",
    description="How much ink the drawings of one category have.",
    by=By.CATEGORY,
    code_version="1",
    materialize=materialize,
    inputs=(Input("bitmaps"),),
    config=InkConfig,
    checks=(Check("shares_possible", "Some pixels have ink, and some have none."),),
    group="drawings",
    kinds=frozenset({"json"}),
)

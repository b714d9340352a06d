"""The last runs of all class sets side by side; made on request only."""

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any, Final

import dagster as dg
from pydantic import Field, PositiveInt

from qd_pipeline.class_sets import ClassSets
from qd_pipeline.learning.evaluation.run_comparison import RunComparison
from qd_pipeline.learning.figures import write_json
from qd_pipeline.learning.reports import comparison_report
from qd_pipeline.orchestration.context import MaterializationContext
from qd_pipeline.orchestration.partitions import By
from qd_pipeline.orchestration.stage import Input, Result, Stage, StageConfig

PAGE: Final = "comparison.html"
FIGURES: Final = "comparison.json"


class ComparisonConfig(StageConfig):
    """What to compare."""

    runs: PositiveInt = Field(default=5, description="Last runs of each class set, from 1.")

    def effective(self, key: str, class_sets: ClassSets) -> Mapping[str, Any]:
        """Return the number of runs."""
        del key, class_sets
        return {"runs": self.runs}


def materialize(context: MaterializationContext, config: ComparisonConfig) -> Result:
    """Compare the last runs of each class set: figures, McNemar's test, drawings that differ."""
    # MLflow takes seconds to import, and loading the definitions should not.
    from qd_pipeline.orchestration.run_comparisons import last_runs  # noqa: PLC0415

    found = [
        last_runs(context.tracker, key, class_set, config.runs)
        for key, class_set in context.pipeline.class_sets.items()
    ]
    page = comparison_report.html(found, made=datetime.now(UTC))
    context.path(PAGE).write_text(page, encoding="utf-8")
    metadata = {comparison.key: comparison.to_json() for comparison in found}
    write_json(context.path(FIGURES), metadata)
    context.log_files(PAGE, FIGURES)
    return Result(
        metadata=metadata,
        metrics={},
        shown={
            "page": dg.MetadataValue.url(context.run.link_to(PAGE)),
            **{f"class set {each.key}": _table(each) for each in found},
        },
    )


def _table(comparison: RunComparison) -> dg.MarkdownMetadataValue:
    rows = [
        f"| {number}{' (champion)' if run.is_champion else ''} | {run.started:%Y-%m-%d %H:%M} | "
        f"{run.accuracy} | {differs or '–'} |"
        for number, (run, differs) in enumerate(
            zip(comparison.runs, comparison.differences, strict=True), start=1
        )
    ]
    head = ["| run | started | accuracy | what differs |", "|---|---|---|---|"]
    return dg.MetadataValue.md("\n".join(head + rows) if rows else "no runs yet")


COMPARISONS: Final = Stage(
    name="comparisons",
    description="The last runs of each class set: figures, McNemar's test, drawings that they "
    "differ in.",
    by=By.NOTHING,
    code_version="3",
    materialize=materialize,
    inputs=(Input("evaluations", optional=True),),
    config=ComparisonConfig,
    group="studies",
    kinds=frozenset({"mlflow", "html"}),
)

"""The last runs of all class counts side by side; made only when asked for."""

import json
from datetime import UTC, datetime

import dagster as dg
from pydantic import Field

from qd_pipeline.learning.evaluation.run_comparison import RunComparison, check_count
from qd_pipeline.learning.reports import comparison_report as comparison_page
from qd_pipeline.orchestration import recipes
from qd_pipeline.orchestration.assets.evaluations import evaluations
from qd_pipeline.orchestration.partitions import CLASS_SETS
from qd_pipeline.orchestration.workshop import Workshop

PAGE = "comparison.html"
FIGURES = "comparison.json"


class ComparisonConfig(dg.Config):
    """What to compare."""

    runs: int = Field(default=5, description="Last runs of each class count, from 1.")

    def check(self) -> None:
        """See that the number makes sense.

        Raises:
            BadSetting: It does not.
        """
        check_count(self.runs)


@dg.asset(
    deps=[evaluations],
    group_name="studies",
    kinds={"mlflow", "html"},
    owners=["team:learning"],
    code_version=recipes.CODE_VERSIONS["comparisons"],
)
def comparisons(
    context: dg.AssetExecutionContext, config: ComparisonConfig, workshop: Workshop
) -> dg.MaterializeResult:
    """The last runs of each class count: figures, McNemar's test, drawings that they differ in."""
    with workshop.stage(context) as stage:
        # MLflow takes seconds to import, and loading the definitions should not.
        from qd_pipeline.orchestration.standings import last_runs  # noqa: PLC0415

        tracker = workshop.tracker
        found = [last_runs(tracker, *each, config.runs) for each in CLASS_SETS.items()]
        page = comparison_page.html(found, made=datetime.now(UTC))
        stage.path(PAGE).write_text(page, encoding="utf-8")
        facts = {each.key: each.to_json() for each in found}
        text = json.dumps(facts, indent=2, ensure_ascii=False) + "\n"
        stage.path(FIGURES).write_text(text, encoding="utf-8")
        for name in (PAGE, FIGURES):
            stage.run.log_file(stage.path(name))
        return stage.publish(
            recipe=recipes.comparisons(config.runs),
            facts=facts,
            metrics={},
            metadata={
                "page": dg.MetadataValue.url(stage.run.link_to(PAGE)),
                **{f"class count {each.key}": _table(each) for each in found},
            },
        )


def _table(compared: RunComparison) -> dg.MarkdownMetadataValue:
    rows = [
        f"| {number} | {run.started:%Y-%m-%d %H:%M} | {run.accuracy} | {differs or '–'} |"
        for number, (run, differs) in enumerate(
            zip(compared.runs, compared.differences, strict=True), start=1
        )
    ]
    head = ["| run | started | accuracy | what differs |", "|---|---|---|---|"]
    return dg.MetadataValue.md("\n".join(head + rows) if rows else "no runs yet")

"""Asset checks: one that blocks keeps a partition from being published, and says so in Dagster."""

import re
from dataclasses import replace
from pathlib import Path
from typing import Any

import dagster as dg
import pytest

from qd_pipeline.orchestration.context import MaterializationContext
from qd_pipeline.orchestration.partitions import By
from qd_pipeline.orchestration.pipeline import Pipeline
from qd_pipeline.orchestration.registry import STAGES
from qd_pipeline.orchestration.runner import PipelineRunner
from qd_pipeline.orchestration.stage import Check, CheckResult, Input, Result, Stage, StageConfig
from qd_pipeline.quickdraw import sample
from qd_pipeline.settings import Settings
from qd_pipeline_tests.orchestration.chain import run, runner


def count(context: MaterializationContext, _config: StageConfig) -> Result:
    """Count the lines of a category, and promise too many."""
    lines = context.input("raw_drawings").metadata["drawings"]
    context.path("lines.txt").write_text(str(lines), encoding="utf-8")
    return Result(
        metadata={},
        metrics={},
        shown={},
        checks=[
            CheckResult("some", lines > 0, f"{lines} lines"),
            CheckResult("many", lines > 1000, f"{lines} of 1,000 lines", {"lines": lines}),
        ],
    )


COUNTS = Stage(
    name="counts",
    description="Lines of a category.",
    by=By.CATEGORY,
    code_version="1",
    materialize=count,
    inputs=(Input("raw_drawings"),),
    checks=(Check("some", "There are lines."), Check("many", "There are more than 1,000.")),
    group="drawings",
)
AFTER = replace(COUNTS, name="after", inputs=(Input("raw_drawings"), Input("counts")))


@pytest.fixture(scope="module")
def failed(tmp_path_factory: pytest.TempPathFactory) -> PipelineRunner:
    """Materialize a stage whose check fails, and one that reads it."""
    settings = Settings.load(home=tmp_path_factory.mktemp("home"))
    made = runner(settings.home, pipeline=Pipeline(settings, [*STAGES, COUNTS, AFTER]))
    made.materialize("cow", [made.pipeline.stages["raw_drawings"], COUNTS, AFTER])
    return made


def checked(made: PipelineRunner, stage: str, name: str) -> list[Any]:
    key = dg.AssetCheckKey(dg.AssetKey(stage), name)
    return list(made.instance.event_log_storage.get_asset_check_execution_history(key, 9))


def test_a_failed_check_is_told_in_one_sentence_with_what_was_found(failed: PipelineRunner) -> None:
    assert failed.failures == {
        "cow": "counts cow failed its check many (40 of 1,000 lines): nothing was published; "
        "materialize it again with `qd make counts cow`."
    }


def test_a_failed_check_stands_on_the_assets_page_with_its_description(
    failed: PipelineRunner,
) -> None:
    (record,) = checked(failed, "counts", "many")
    assert record.status.name == "FAILED"
    found = record.event.dagster_event.asset_check_evaluation_data
    assert found.severity is dg.AssetCheckSeverity.ERROR
    assert found.description == "40 of 1,000 lines"
    assert found.metadata["lines"].value == 40
    # Nor does any other check of the stage stay planned.
    assert [each.status.name for each in checked(failed, "counts", "some")] == ["SUCCEEDED"]


def test_nothing_is_published_and_what_depends_on_it_does_not_run(failed: PipelineRunner) -> None:
    assert failed.store.find("counts", "cow") is None
    (run,) = failed.instance.get_runs()
    assert run.status is dg.DagsterRunStatus.FAILURE
    assert failed.store.find("after", "cow") is None
    assert [each.status.name for each in checked(failed, "after", "some")] == ["PLANNED"]


def test_what_was_published_before_the_failure_is_reported(failed: PipelineRunner) -> None:
    assert failed.materialized == ["raw_drawings cow"]
    assert failed.store.find("raw_drawings", "cow")


def test_naming_the_larger_category_always_passes_no_check(tmp_path: Path) -> None:
    folder = tmp_path / "source" / "full" / "simplified"
    folder.mkdir(parents=True)
    for category, drawings in (("cow", 300), ("panda", 30)):
        lines = b"".join(sample.ndjson_lines(category, drawings, seed=0))
        (folder / f"{category}.ndjson").write_bytes(lines)
    source = (tmp_path / "source").as_uri()
    # Too short a training to learn more than that most are cows.
    training: dict[str, Any] = {"learning_rate": 1e-4, "epochs": 3}
    made = runner(tmp_path / "home", settings={"source": source}, drawings=300, **training)
    assert not run(made, ["2"]).failures
    for stage, name in (("classifiers", "learned_something"), ("evaluations", "above_chance")):
        (record,) = checked(made, stage, name)
        assert record.status.name == "FAILED"
        found = record.event.dagster_event.asset_check_evaluation_data
        accuracy, chance = re.findall(r"(?:accuracy|chance) ([\d.]+)", found.description)
        assert float(accuracy) > 80
        assert float(chance) > 85

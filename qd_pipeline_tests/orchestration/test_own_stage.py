"""The stage of CONTRIBUTING's example: one file, and all else follows from its declaration."""

import json
import runpy
from pathlib import Path
from typing import Any

import dagster as dg
import pytest

from qd_pipeline.orchestration.partitions import By
from qd_pipeline.orchestration.pipeline import Pipeline
from qd_pipeline.orchestration.registry import STAGES
from qd_pipeline.orchestration.runner import PipelineRunner
from qd_pipeline.orchestration.stage import Stage
from qd_pipeline.orchestration.staleness import Staleness
from qd_pipeline.settings import Settings
from qd_pipeline_tests.orchestration.chain import runner

ROOT = Path(__file__).parents[2]
EXAMPLE = ROOT / "docs" / "examples" / "ink_statistics.py"
INK_STATISTICS: Stage = runpy.run_path(str(EXAMPLE))["INK_STATISTICS"]


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> PipelineRunner:
    """Materialize the chain of one category, with the example's stage at its end."""
    settings = Settings.load(home=tmp_path_factory.mktemp("home"))
    made = runner(settings.home, pipeline=Pipeline(settings, [*STAGES, INK_STATISTICS]))
    made.materialize("cow", made.pipeline.chain(By.CATEGORY))
    assert made.failures == {}
    return made


def reason(made: PipelineRunner, **config: int) -> str | None:
    stage = made.pipeline.stages["ink_statistics"]
    configs = {**made.configs, stage.name: made.pipeline.config(stage, **config)}
    return Staleness(made.pipeline, made.store, configs).reason(stage, "cow")


def test_contributing_names_the_example() -> None:
    text = (ROOT / "CONTRIBUTING.md").read_text(encoding="utf-8")
    assert str(EXAMPLE.relative_to(ROOT)) in text


def test_it_is_part_of_the_chain_and_published_with_its_check(made: PipelineRunner) -> None:
    assert made.materialized[-1] == "ink_statistics cow"
    published = made.store.read("ink_statistics", "cow")
    path = made.store.open_local(published, "ink_statistics.json")
    figures = json.loads(path.read_text(encoding="utf-8"))
    assert figures["drawings"] == 40
    assert 0 < figures["mean_share"] < 1
    bitmaps = made.store.read("bitmaps", "cow")
    assert published.fingerprint["inputs"] == {"bitmaps/cow": bitmaps.version}
    assert published.metadata["provenance"]["synthetic"] is True
    check = dg.AssetCheckKey(dg.AssetKey("ink_statistics"), "shares_possible")
    history = made.instance.event_log_storage.get_asset_check_execution_history(check, 9)
    assert [record.status.name for record in history] == ["SUCCEEDED"]


def test_it_is_stale_when_its_setting_or_its_input_changes(made: PipelineRunner) -> None:
    assert reason(made) is None
    assert reason(made, threshold=128) == "threshold changed from 1 to 128"
    made.materialize("cow", [made.pipeline.stages["raw_drawings"]])
    assert reason(made) is None  # the same drawings
    more = runner(made.pipeline.settings.home, pipeline=made.pipeline, drawings=30)
    more.materialize("cow", [more.pipeline.stages[name] for name in ("raw_drawings", "strokes")])
    assert reason(more) == "its input bitmaps cow is stale"


def configured(**config: int) -> dict[str, Any]:
    return {"ops": {"data_stages": {"config": {"ink_statistics": config}}}}


def test_dagster_shows_it_as_any_other(made: PipelineRunner) -> None:
    specs = {spec.key.to_user_string(): spec for spec in made.definitions.resolve_all_asset_specs()}
    spec = specs["ink_statistics"]
    assert [dep.asset_key.to_user_string() for dep in spec.deps] == ["bitmaps"]
    assert spec.partitions_def == specs["bitmaps"].partitions_def
    assert spec.code_version == "1"
    job = made.definitions.resolve_job_def("categories")
    assert dg.AssetKey("ink_statistics") in job.asset_layer.executable_asset_keys
    dg.validate_run_config(job, configured(threshold=3))
    with pytest.raises(dg.DagsterInvalidConfigError, match="shade"):
        dg.validate_run_config(job, configured(shade=3))


def test_a_setting_out_of_its_range_fails_the_step_before_any_work(made: PipelineRunner) -> None:
    before = made.store.read("ink_statistics", "cow")
    result = made.definitions.resolve_job_def("categories").execute_in_process(
        partition_key="cow",
        instance=made.instance,
        asset_selection=[dg.AssetKey("ink_statistics")],
        run_config=configured(threshold=300),
        raise_on_error=False,
    )
    (failed,) = result.filter_events(lambda event: event.is_step_failure)
    said = failed.step_failure_data.user_failure_data
    assert said is not None
    assert said.description == "threshold is 300: give a whole number from 1 to 255."
    assert made.store.read("ink_statistics", "cow") == before

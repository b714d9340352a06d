"""Many categories in one Dagster run: each is published, reported and failed by itself."""

import csv
from pathlib import Path

import dagster as dg
import pytest
from mlflow import MlflowClient

from qd_pipeline.orchestration.failures import LOG
from qd_pipeline.orchestration.runner import PipelineRunner
from qd_pipeline.quickdraw import sample
from qd_pipeline_tests.mirror import FOLDER
from qd_pipeline_tests.orchestration.automated import report_failure
from qd_pipeline_tests.orchestration.chain import runner

STAGES = ("raw_drawings", "strokes", "bitmaps")
GOOD = ("cow", "panda", "rabbit")
KEYS = (*GOOD[:2], "frog", GOOD[2])


def of(folder: Path, home: Path | None = None) -> PipelineRunner:
    settings = {"source": (folder / "mirror").as_uri(), "class_sets": {"4": KEYS}}
    return runner(home or folder / "home", settings=settings, drawings=40)


def file(folder: Path, category: str) -> Path:
    return folder / "mirror" / FOLDER / f"{category}.ndjson"


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("data_stages")
    for category in GOOD:
        file(folder, category).parent.mkdir(parents=True, exist_ok=True)
        file(folder, category).write_bytes(b"".join(sample.ndjson_lines(category, 40, 0)))
    file(folder, "frog").write_text("{oops\n" * 40, encoding="utf-8")
    return folder


@pytest.fixture(scope="module")
def begun() -> list[tuple[str, int]]:
    return []


@pytest.fixture(scope="module")
def made(folder: Path, begun: list[tuple[str, int]]) -> PipelineRunner:
    """Materialize four categories, of which one cannot be read."""
    made = of(folder)
    made.run_categories(KEYS, lambda name, done: begun.append((name, done)))
    return made


def test_a_category_that_fails_loses_its_own_later_stages_and_no_other(
    made: PipelineRunner,
) -> None:
    assert list(made.failures) == ["frog"]
    for key in GOOD:
        for stage in STAGES:
            assert made.store.find(stage, key)
            assert f"{stage} {key}" in made.materialized
    assert made.store.find("raw_drawings", "frog")
    assert made.store.find("bitmaps", "frog") is None


def test_each_category_is_told_when_it_begins(
    made: PipelineRunner, begun: list[tuple[str, int]]
) -> None:
    assert made.failures
    assert begun == [(key, done) for done, key in enumerate(KEYS)]


def test_they_share_one_run_that_fails_and_each_has_its_own_materialization(
    made: PipelineRunner,
) -> None:
    (run,) = made.instance.get_runs()
    assert run.status is dg.DagsterRunStatus.FAILURE
    for key in GOOD:
        for stage in STAGES:
            wanted = dg.AssetRecordsFilter(dg.AssetKey(stage), asset_partitions=[key])
            (record,) = made.instance.fetch_materializations(wanted, limit=2).records
            tags = record.asset_materialization and record.asset_materialization.tags
            assert tags
            assert tags["dagster/data_version"] == made.store.read(stage, key).version


def test_a_check_says_which_partitions_have_failed_it(made: PipelineRunner) -> None:
    history = made.instance.event_log_storage.get_asset_check_execution_history
    check = dg.AssetCheckKey(dg.AssetKey("raw_drawings"), "has_drawings")
    (record,) = history(check, 9)
    assert record.status.name == "SUCCEEDED"
    assert record.event
    found = record.event.asset_check_evaluation
    assert found
    assert found.description == "4 of 4 partitions passed"


def test_mlflow_has_one_run_of_them_with_the_failure_in_its_table(
    made: PipelineRunner, tmp_path: Path
) -> None:
    client = MlflowClient(made.pipeline.settings.mlflow_uri)
    ids = [experiment.experiment_id for experiment in client.search_experiments()]
    (logged,) = client.search_runs(ids)
    assert logged.info.status == "FAILED"
    with made.tracker.fetch(logged.info.run_id, "partitions.csv", tmp_path).open() as table:
        failures = {
            (row["stage"], row["partition"]): row["failure"]
            for row in csv.DictReader(table)
            if row["failure"]
        }
    assert list(failures.values()) == [made.failures["frog"]]


def test_the_failure_sensor_notifies_of_the_failed_category_alone(made: PipelineRunner) -> None:
    (run,) = made.instance.get_runs()
    failed = made.instance.all_logs(run.run_id, of_type=dg.DagsterEventType.PIPELINE_FAILURE)
    event = failed[0].dagster_event
    # As Dagster launches it: a command tells itself of what has failed in its own runs.
    tags = {tag: value for tag, value in run.tags.items() if tag != ".dagster/qd_command"}
    report_failure(made.pipeline.settings, made.instance, run.with_tags(tags), event)
    (line,) = (made.pipeline.settings.home / "logs" / LOG).read_text().splitlines()
    assert f" frog failed: {made.failures['frog']}" in line


def test_the_failed_category_is_re_run_alone(made: PipelineRunner, folder: Path) -> None:
    assert made.failures
    file(folder, "frog").write_bytes(b"".join(sample.ndjson_lines("frog", 40, 0)))
    again = of(folder)
    begun: list[tuple[str, int]] = []
    again.run_categories(KEYS, lambda name, done: begun.append((name, done)))
    assert again.failures == {}
    assert begun == [("frog", 3)]
    assert again.materialized == [f"{stage} frog" for stage in STAGES]


def categories(home: str) -> dg.JobDefinition:
    """Return the job from text alone, as Dagster needs it for a re-execution."""
    return of(Path(home).parent, Path(home)).definitions.resolve_job_def("categories")


def test_a_step_that_is_tried_again_continues_its_mlflow_run_and_keeps_what_is_up_to_date(
    folder: Path,
) -> None:
    home = folder / "again"
    made = of(folder, home)
    strokes = home / "store" / "content" / "strokes"
    strokes.parent.mkdir(parents=True)
    strokes.symlink_to(folder)
    made.run_categories(GOOD[:2], lambda _name, _done: None)
    assert all("remove the link" in made.failures[key] for key in GOOD[:2])
    (failed,) = made.instance.get_runs()
    strokes.unlink()
    # Since then, the source has another file of one of them.
    changed = file(folder, GOOD[1])
    changed.write_bytes(b"".join(sample.ndjson_lines(GOOD[1], 39, 0)))
    again = dg.execute_job(
        dg.build_reconstructable_job(__name__, categories.__name__, (str(home),)),
        instance=made.instance,
        # What the button in Dagster's pages hands on.
        tags={
            **failed.tags,
            "dagster/root_run_id": failed.run_id,
            "dagster/parent_run_id": failed.run_id,
        },
        reexecution_options=dg.ReexecutionOptions.from_failure(failed.run_id, made.instance),
    )
    assert again.success
    client = MlflowClient(made.pipeline.settings.mlflow_uri)
    ids = [experiment.experiment_id for experiment in client.search_experiments()]
    (logged,) = client.search_runs(ids)
    assert logged.info.status == "FINISHED"
    assert logged.data.tags["dagster_root_run"] == failed.run_id
    assert logged.data.tags["dagster_run_id"] == again.run_id
    for key in GOOD[:2]:
        # What is up to date was not made again, and stands in the page of the second run too.
        assert made.store.read("raw_drawings", key).sequence == 1 + (key == GOOD[1])
        for stage in STAGES:
            reported = [
                event.asset_key for event in again.asset_materializations_for_node("data_stages")
            ]
            assert reported.count(dg.AssetKey(stage)) == 2
            assert made.store.read(stage, key).metadata["mlflow_run"] == logged.info.run_id

"""The whole chain, through real assets, a real instance and a real MLflow store."""

import json
import shutil
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import dagster as dg
import numpy as np
import pyarrow.parquet as pq
import pytest
from mlflow import MlflowClient
from mlflow.entities import Run

from qd_pipeline.orchestration import recipes
from qd_pipeline.orchestration.assets.classifiers import read_drawings
from qd_pipeline.orchestration.driver import Driver
from qd_pipeline.stages import CATEGORY_STAGES, CLASS_SET_STAGES
from qd_pipeline_tests.orchestration.chain import driver, run

ANIMALS = {"cow", "panda", "frog", "rabbit", "elephant", "duck", "camel", "shark"}


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Driver:
    """Make the chain of 40 sample drawings of each animal, once."""
    return run(driver(tmp_path_factory.mktemp("home")))


@pytest.fixture(scope="module")
def runs(made: Driver) -> dict[str, Run]:
    """Give the MLflow runs by name."""
    client = MlflowClient(made.workshop.tracking_uri)
    ids = [experiment.experiment_id for experiment in client.search_experiments()]
    return {found.info.run_name: found for found in client.search_runs(ids)}


def materialization(made: Driver, stage: str, key: str) -> dg.AssetMaterialization:
    records = made.instance.fetch_materializations(
        dg.AssetRecordsFilter(asset_key=dg.AssetKey(stage), asset_partitions=[key]), limit=1
    ).records
    found = records[0].asset_materialization
    assert found is not None
    return found


def test_everything_is_made_once(made: Driver) -> None:
    assert made.failures == {}
    assert len(made.made) == 8 * 3 + 3 * 2
    assert made.fresh == []


@pytest.mark.parametrize("category", sorted(ANIMALS))
def test_row_i_of_the_bitmaps_is_row_i_of_the_table(made: Driver, category: str) -> None:
    store = made.workshop.store
    table = pq.read_table(store.read("strokes", category).path("table.parquet"))
    bitmaps = np.load(store.read("bitmaps", category).path("bitmaps.npy"), mmap_mode="r")
    assert bitmaps.shape == (table.num_rows, 28, 28) == (40, 28, 28)
    assert bitmaps.dtype == np.uint8


def test_an_evaluation_holds_a_report_figures_and_predictions_that_agree(made: Driver) -> None:
    evaluated = made.workshop.store.read("evaluations", "8")
    figures = json.loads(evaluated.path("evaluation.json").read_text())
    predictions = pq.read_table(evaluated.path("predictions.parquet")).to_pandas()
    right = (predictions["true"].astype(str) == predictions["predicted"].astype(str)).sum()
    assert figures["evaluation"]["accuracy"]["hits"] == right
    assert figures["evaluation"]["accuracy"]["count"] == len(predictions)
    report = evaluated.path("report.html").read_text()
    assert "synthetic sample" in report.lower()


def test_a_run_again_finds_everything_fresh(made: Driver) -> None:
    again = run(driver(Path(made.workshop.home)))
    assert again.made == []
    assert len(again.fresh) == 30


def test_every_stage_logs_a_flat_run(runs: dict[str, Run]) -> None:
    names = {
        f"{stage} {name}" for stage in ("raw_drawings", "strokes", "bitmaps") for name in ANIMALS
    }
    assert names <= set(runs)
    assert all(found.info.status == "FINISHED" for found in runs.values())
    assert not any("mlflow.parentRunId" in found.data.tags for found in runs.values())


def test_classifier_runs_have_the_same_metrics_for_every_class_count(made: Driver) -> None:
    client = MlflowClient(made.workshop.tracking_uri)
    experiment = client.get_experiment_by_name("quickdraw-classifiers")
    assert experiment is not None
    found = client.search_runs([experiment.experiment_id])
    assert {each.data.tags["partition"] for each in found} == {"2", "4", "8"}
    assert len({frozenset(each.data.metrics) for each in found}) == 1
    for each in found:
        assert {"accuracy", "val_accuracy", "test_accuracy"} <= set(each.data.metrics)
        assert each.data.params["network"] == "seed_cnn"
        assert each.data.tags["synthetic"] == "true"
        assert {"dagster_run_id", "data_version", "code_version", "source"} <= set(each.data.tags)
        assert each.inputs is not None
        assert each.inputs.dataset_inputs
        artifacts = {entry.path for entry in client.list_artifacts(each.info.run_id)}
        assert {"report.html", "predictions.parquet", "confusion_matrix.png"} <= artifacts


def test_the_page_of_an_asset_leads_to_its_mlflow_run_and_back(
    made: Driver, runs: dict[str, Run]
) -> None:
    shown = materialization(made, "strokes", "cow")
    logged = runs["strokes cow"]
    assert shown.metadata["MLflow run id"].value == logged.info.run_id
    assert str(shown.metadata["MLflow run"].value).endswith(logged.info.run_id)
    dagster_run = made.instance.get_run_by_id(logged.data.tags["dagster_run_id"])
    assert dagster_run is not None


def test_data_versions_are_hashes_of_the_content(made: Driver) -> None:
    for stage, key in (("raw_drawings", "cow"), ("bitmaps", "cow"), ("classifiers", "2")):
        version = made.workshop.store.read(stage, key).version
        tags = materialization(made, stage, key).tags
        assert tags is not None
        assert tags["dagster/data_version"] == version
        assert len(version) == 64


def test_every_check_of_every_stage_has_passed(made: Driver) -> None:
    partitions = dict.fromkeys(CATEGORY_STAGES, 8) | dict.fromkeys(CLASS_SET_STAGES, 3)
    checked = set()
    for key in made.definitions.resolve_asset_graph().asset_check_keys:
        stage = key.asset_key.to_user_string()
        if stage not in partitions:
            continue
        history = made.instance.event_log_storage.get_asset_check_execution_history(key, 99)
        found = [record.status.name for record in history]
        # These only warn, and ask for more than the one epoch that there was.
        if key.name in {"learned_something", "above_chance", "not_worse_than_the_champion"}:
            assert set(found) <= {"SUCCEEDED", "FAILED"}
            assert len(found) == partitions[stage], key
        else:
            assert found == ["SUCCEEDED"] * partitions[stage], key
        checked.add(stage)
    assert checked == set(partitions)


@pytest.fixture(scope="module")
def home_of_two(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Make the class set of two, alone, once."""
    home = tmp_path_factory.mktemp("two")
    assert run(driver(home, class_sets=["2"], drawings=25)).failures == {}
    return home


@pytest.fixture
def two(home_of_two: Path, tmp_path: Path) -> Driver:
    """Give a copy of that home to change."""
    home = shutil.copytree(home_of_two, tmp_path / "home")
    return driver(home, class_sets=["2"], drawings=25)


def test_other_settings_make_again_what_depends_on_them(two: Driver) -> None:
    home = Path(two.workshop.home)
    retrained = run(driver(home, class_sets=["2"], drawings=25, seed=1))
    assert retrained.made == ["classifiers 2", "evaluations 2"]
    more = run(driver(home, class_sets=["2"], drawings=30, seed=1))
    assert len(more.made) == 8
    assert more.workshop.store.read("strokes", "cow").facts["drawings"] == 30


def test_another_version_of_the_code_makes_again_what_it_writes_and_no_training_of_the_same(
    two: Driver, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(recipes.CODE_VERSIONS, "strokes", "2")
    again = run(two)
    assert again.made == ["strokes cow", "bitmaps cow", "strokes panda", "bitmaps panda"]
    monkeypatch.setitem(recipes.CODE_VERSIONS, "evaluations", "2")
    judged = run(driver(Path(two.workshop.home), class_sets=["2"], drawings=25))
    assert judged.made == ["evaluations 2"]


def test_a_damaged_partition_is_never_trained_on_and_made_again_by_name(two: Driver) -> None:
    bitmaps = two.workshop.store.read("bitmaps", "cow").path("bitmaps.npy")
    content = bytearray(bitmaps.read_bytes())
    content[-1] ^= 1
    bitmaps.write_bytes(content)
    home = Path(two.workshop.home)
    refused = run(driver(home, class_sets=["2"], drawings=25, seed=1))
    assert "`qd make bitmaps cow`" in refused.failures["2"]
    rebuilt = driver(home, class_sets=["2"], drawings=25)
    rebuilt.make("cow", ["bitmaps"])
    assert rebuilt.failures == {}
    assert run(driver(home, class_sets=["2"], drawings=25)).failures == {}


def test_the_same_settings_give_the_same_classifier_and_the_same_figures(
    two: Driver, tmp_path_factory: pytest.TempPathFactory
) -> None:
    other = run(driver(tmp_path_factory.mktemp("other"), class_sets=["2"], drawings=25))
    for stage, key in (("bitmaps", "cow"), ("classifiers", "2")):
        first, second = two.workshop.store.read(stage, key), other.workshop.store.read(stage, key)
        assert first.version == second.version
    figures = [
        dict(each.workshop.store.read("evaluations", "2").facts["figures"]) for each in (two, other)
    ]
    for each in figures:
        each.pop("training_seconds")
    assert figures[0] == figures[1]


def strokes_again(two: Driver, root: str) -> str:
    """Make a step of a run once more, as a retry does; give its MLflow run."""
    again = two.definitions.resolve_job_def("categories").execute_in_process(
        partition_key="cow",
        instance=two.instance,
        asset_selection=[dg.AssetKey("strokes")],
        tags={"dagster/root_run_id": root, "dagster/parent_run_id": root},
    )
    assert again.success
    return str(two.workshop.store.read("strokes", "cow").facts["mlflow_run"])


def test_a_step_that_is_tried_again_continues_its_mlflow_run(two: Driver) -> None:
    client = MlflowClient(two.workshop.tracking_uri)
    first = str(two.workshop.store.read("strokes", "cow").facts["mlflow_run"])
    root = client.get_run(first).data.tags["dagster_run_id"]
    client.set_terminated(first, "FAILED")
    assert strokes_again(two, root) == first
    assert client.get_run(first).info.status == "FINISHED"


def test_a_step_that_had_ended_well_is_another_mlflow_run_when_it_is_made_again(
    two: Driver,
) -> None:
    client = MlflowClient(two.workshop.tracking_uri)
    first = str(two.workshop.store.read("strokes", "cow").facts["mlflow_run"])
    second = strokes_again(two, client.get_run(first).data.tags["dagster_run_id"])
    assert second != first
    assert {client.get_run(run).info.status for run in (first, second)} == {"FINISHED"}


def runs_of(client: MlflowClient, root: dg.DagsterRun) -> dict[str, Run]:
    """Give the MLflow runs of a Dagster run and of all that made it again, by asset."""
    ids = [experiment.experiment_id for experiment in client.search_experiments()]
    found = list(client.search_runs(ids, f"tags.dagster_root_run = '{root.run_id}'"))
    by_asset = {run.data.tags["asset"]: run for run in found}
    assert len(by_asset) == len(found)
    return by_asset


def statuses(runs: dict[str, Run]) -> dict[str, str]:
    return {asset: run.info.status for asset, run in runs.items()}


def categories_of_two(home: str) -> dg.JobDefinition:
    """Give the job again from nothing but words, as Dagster wants it for a re-execution."""
    return driver(Path(home), class_sets=["2"]).definitions.resolve_job_def("categories")


def test_a_run_re_executed_from_its_failure_continues_the_mlflow_run_of_the_failed_step(
    two: Driver,
) -> None:
    client = MlflowClient(two.workshop.tracking_uri)
    strokes = two.workshop.store.root / "strokes" / "cow"
    aside = strokes.rename(strokes.with_name("aside"))
    strokes.symlink_to(aside)
    two.make("cow", CATEGORY_STAGES)
    assert "remove the link" in two.failures["cow"]
    failed = two.instance.get_runs(dg.RunsFilter(statuses=[dg.DagsterRunStatus.FAILURE]))[0]
    before = runs_of(client, failed)
    assert statuses(before) == {"raw_drawings": "FINISHED", "strokes": "FAILED"}
    strokes.unlink()

    again = dg.execute_job(
        dg.build_reconstructable_job(__name__, categories_of_two.__name__, (two.workshop.home,)),
        instance=two.instance,
        # What the button in Dagster's pages hands on.
        tags={
            **failed.tags,
            "dagster/root_run_id": failed.run_id,
            "dagster/parent_run_id": failed.run_id,
        },
        reexecution_options=dg.ReexecutionOptions.from_failure(failed.run_id, two.instance),
    )
    assert again.success
    after = runs_of(client, failed)
    assert statuses(after) == dict.fromkeys(CATEGORY_STAGES, "FINISHED")
    assert {stage: after[stage].info.run_id for stage in before} == {
        stage: run.info.run_id for stage, run in before.items()
    }
    # What had succeeded was not made again.
    assert after["raw_drawings"].data.tags["dagster_run_id"] == failed.run_id
    assert after["strokes"].data.tags["dagster_run_id"] == again.run_id
    everywhere = [each.experiment_id for each in client.search_experiments()]
    assert list(client.search_runs(everywhere, "attributes.status = 'RUNNING'")) == []


def test_drawings_are_read_whole_while_another_run_publishes_them(two: Driver) -> None:
    store = two.workshop.store

    def publish_again() -> None:
        before = store.read("bitmaps", "cow")
        with store.draft("bitmaps", "cow") as draft:
            shutil.copy(before.path("bitmaps.npy"), draft.path("bitmaps.npy"))
            draft.publish(recipe=before.recipe, facts=before.facts, version=before.version)

    with ThreadPoolExecutor(1) as pool:
        for _ in range(200):
            published = pool.submit(publish_again)
            while not published.done():
                data, _ = read_drawings(two.workshop, "2")
                assert len(data.test) > 0
            published.result()

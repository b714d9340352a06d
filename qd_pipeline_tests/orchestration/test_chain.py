"""The whole chain, through real assets, a real instance and a real MLflow store."""

import json
import shutil
from pathlib import Path

import dagster as dg
import numpy as np
import pyarrow.parquet as pq
import pytest
from mlflow import MlflowClient
from mlflow.entities import Run

from qd_pipeline.orchestration.driver import Driver
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


def test_every_check_has_passed(made: Driver) -> None:
    for key in made.definitions.resolve_asset_graph().asset_check_keys:
        if key.asset_key.to_user_string() in {"strokes", "bitmaps", "classifiers"}:
            history = made.instance.event_log_storage.get_asset_check_execution_history(key, 1)
            assert history, key


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


def test_a_step_that_is_tried_again_continues_its_mlflow_run(two: Driver) -> None:
    client = MlflowClient(two.workshop.tracking_uri)
    first = two.workshop.store.read("strokes", "cow").facts["mlflow_run"]
    job = two.definitions.resolve_job_def("categories")
    root = client.get_run(first).data.tags["dagster_run_id"]
    again = job.execute_in_process(
        partition_key="cow",
        instance=two.instance,
        asset_selection=[dg.AssetKey("strokes")],
        tags={"dagster/root_run_id": root, "dagster/parent_run_id": root},
    )
    assert again.success
    assert two.workshop.store.read("strokes", "cow").facts["mlflow_run"] == first
    assert client.get_run(first).info.status == "FINISHED"

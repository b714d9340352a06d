"""The whole chain, through real assets, a real instance and a real MLflow store."""

import csv
import json
import shutil
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any, cast

import dagster as dg
import numpy as np
import pyarrow.parquet as pq
import pytest
from mlflow import MlflowClient
from mlflow.entities import Run
from mlflow.models import get_model_info
from typer.testing import CliRunner

from qd_pipeline.cli import app
from qd_pipeline.errors import BadSetting
from qd_pipeline.learning.data import ClassSetData
from qd_pipeline.learning.training import checkpoint
from qd_pipeline.orchestration.jobs import JOB_OF
from qd_pipeline.orchestration.partitions import By
from qd_pipeline.orchestration.pipeline import Pipeline
from qd_pipeline.orchestration.registry import STAGES
from qd_pipeline.orchestration.runner import PipelineRunner
from qd_pipeline.orchestration.stage import Result
from qd_pipeline.orchestration.stages import classifiers
from qd_pipeline.orchestration.stages.drawings import read_drawings
from qd_pipeline_tests.orchestration.chain import SMALL, run, runner

if TYPE_CHECKING:
    from qd_pipeline.orchestration.context import MaterializationContext

ANIMALS = {"cow", "panda", "frog", "rabbit", "elephant", "duck", "camel", "shark"}
CATEGORY_STAGES = ("raw_drawings", "strokes", "bitmaps")
CLASS_SET_STAGES = ("classifiers", "evaluations")
TWO = {"class_sets": {"2": ("cow", "panda")}}


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> PipelineRunner:
    """Run the pipeline on 40 sample drawings of each animal, once."""
    return run(runner(tmp_path_factory.mktemp("home")))


@pytest.fixture(scope="module")
def runs(made: PipelineRunner) -> dict[str, Run]:
    """Return the MLflow runs by name."""
    client = MlflowClient(made.pipeline.settings.mlflow_uri)
    ids = [experiment.experiment_id for experiment in client.search_experiments()]
    return {found.info.run_name: found for found in client.search_runs(ids)}


def materialization(made: PipelineRunner, stage: str, key: str) -> dg.AssetMaterialization:
    records = made.instance.fetch_materializations(
        dg.AssetRecordsFilter(asset_key=dg.AssetKey(stage), asset_partitions=[key]), limit=1
    ).records
    found = records[0].asset_materialization
    assert found is not None
    return found


def test_everything_is_made_once(made: PipelineRunner) -> None:
    assert made.failures == {}
    assert len(made.materialized) == 8 * 3 + 3 * 2
    assert made.up_to_date == []


@pytest.mark.parametrize("category", sorted(ANIMALS))
def test_row_i_of_the_bitmaps_is_row_i_of_the_table(made: PipelineRunner, category: str) -> None:
    store = made.store
    table = pq.read_table(store.open_local(store.read("strokes", category), "table.parquet"))
    bitmaps = np.load(
        store.open_local(store.read("bitmaps", category), "bitmaps.npy"), mmap_mode="r"
    )
    assert bitmaps.shape == (table.num_rows, 28, 28) == (40, 28, 28)
    assert bitmaps.dtype == np.uint8


def test_an_evaluation_holds_a_report_figures_and_predictions_that_agree(
    made: PipelineRunner,
) -> None:
    evaluated = made.store.read("evaluations", "8")
    figures = json.loads(made.store.open_local(evaluated, "evaluation.json").read_text())
    predictions = pq.read_table(made.store.open_local(evaluated, "predictions.parquet")).to_pandas()
    right = (predictions["true"].astype(str) == predictions["predicted"].astype(str)).sum()
    assert figures["evaluation"]["accuracy"]["hits"] == right
    assert figures["evaluation"]["accuracy"]["count"] == len(predictions)
    report = made.store.open_local(evaluated, "report.html").read_text()
    assert "synthetic sample" in report.lower()


def test_a_run_again_finds_everything_fresh(made: PipelineRunner) -> None:
    again = run(runner(made.pipeline.settings.home))
    assert again.materialized == []
    assert len(again.up_to_date) == 30


DATA_RUN = "raw_drawings, strokes, bitmaps 8 categories"


def test_the_data_stages_log_one_run_with_a_table_of_its_partitions(
    made: PipelineRunner, runs: dict[str, Run], tmp_path: Path
) -> None:
    logged = runs[DATA_RUN]
    assert len(runs) == 4  # and one a class set
    for stage in CATEGORY_STAGES:
        assert logged.data.metrics[f"{stage}/partitions"] == 8
    assert logged.data.metrics["strokes/drawings"] == 8 * 40
    assert logged.data.params["drawings"] == "40"
    assert logged.data.tags["synthetic"] == "true"
    with made.tracker.fetch(logged.info.run_id, "partitions.csv", tmp_path).open() as file:
        rows = list(csv.DictReader(file))
    assert {(row["stage"], row["partition"]) for row in rows} == {
        (stage, name) for stage in CATEGORY_STAGES for name in ANIMALS
    }
    for row in rows:
        assert row["data_version"] == made.store.read(row["stage"], row["partition"]).version


def test_every_run_is_flat_and_finished(runs: dict[str, Run]) -> None:
    assert all(found.info.status == "FINISHED" for found in runs.values())
    assert not any("mlflow.parentRunId" in found.data.tags for found in runs.values())


def of_any_class_set(names: set[str]) -> set[str]:
    """Leave out what follows from the categories: recalls, and top 3 of more than three."""
    return {name for name in names if not name.startswith(("recall/", "test_top"))}


def test_classifier_runs_have_the_same_metrics_for_every_class_set_but_for_its_categories(
    made: PipelineRunner,
) -> None:
    client = MlflowClient(made.pipeline.settings.mlflow_uri)
    experiment = client.get_experiment_by_name("quickdraw-classifiers")
    assert experiment is not None
    found = client.search_runs([experiment.experiment_id])
    assert {each.data.tags["partition"] for each in found} == {"2", "4", "8"}
    names = {each.data.tags["partition"]: set(each.data.metrics) for each in found}
    assert len({frozenset(each) for each in map(of_any_class_set, names.values())}) == 1
    assert {name for name in names["4"] if name.startswith("recall/")} == {
        f"recall/{name}" for name in ("frog", "rabbit", "elephant", "duck")
    }
    for each in found:
        assert {"accuracy", "val_accuracy", "test_accuracy"} <= set(each.data.metrics)
        assert each.data.params["network"] == "seed_cnn"
        assert each.data.tags["synthetic"] == "true"
        assert {"dagster_run_id", "data_version", "code_version", "source"} <= set(each.data.tags)
        assert each.data.tags["mlflow.note.content"].startswith("**Trained on synthetic drawings.")
        assert each.inputs is not None
        used = {str(one.tags[0].value): one.dataset for one in each.inputs.dataset_inputs}
        assert {"training", "test"} <= set(used) <= {"training", "validation", "test"}
        for dataset in used.values():
            columns = json.loads(dataset.schema or "")["mlflow_colspec"]
            assert [column["name"] for column in columns][::4] == ["key_id", "drawing"]
        artifacts = {entry.path for entry in client.list_artifacts(each.info.run_id)}
        assert {"report.html", "predictions.parquet", "confusion_matrix.png"} <= artifacts


def test_a_registered_classifier_says_what_it_was_trained_on(made: PipelineRunner) -> None:
    client = MlflowClient(made.pipeline.settings.mlflow_uri)
    version = client.get_model_version("quickdraw-2", "1")
    assert version.description is not None
    assert version.description.startswith("**Trained on synthetic drawings.**")
    assert f"/runs/{version.run_id}" in version.description
    described = client.get_registered_model("quickdraw-2").description
    assert described == "Tells cow, panda apart; the alias champion predicts."
    model = get_model_info("models:/quickdraw-2/1")
    assert model.metadata is not None
    assert model.metadata["notice"] == "Trained on synthetic drawings."


def test_the_page_of_a_job_and_the_timeline_list_the_runs_of_commands(made: PipelineRunner) -> None:
    label = {".dagster/repository": "__repository__@qd_pipeline"}
    for job, count in ((JOB_OF[By.CATEGORY], 1), (JOB_OF[By.CLASS_SET], 3)):
        runs = made.instance.get_runs(dg.RunsFilter(job_name=job, tags=label))
        assert len(runs) == count
        origins = [run.remote_job_origin for run in runs]
        assert {each and (each.location_name, each.job_name) for each in origins} == {
            ("qd_pipeline", job)
        }


def test_the_page_of_an_asset_leads_to_its_mlflow_run_and_back(
    made: PipelineRunner, runs: dict[str, Run]
) -> None:
    shown = materialization(made, "strokes", "cow")
    logged = runs[DATA_RUN]
    assert str(shown.metadata["MLflow run"].value).endswith(logged.info.run_id)
    dagster_run = made.instance.get_run_by_id(logged.data.tags["dagster_run_id"])
    assert dagster_run is not None


def test_data_versions_are_hashes_of_the_content(made: PipelineRunner) -> None:
    for stage, key in (("raw_drawings", "cow"), ("bitmaps", "cow"), ("classifiers", "2")):
        version = made.store.read(stage, key).version
        tags = materialization(made, stage, key).tags
        assert tags is not None
        assert tags["dagster/data_version"] == version
        assert len(version) == 64


def test_every_check_of_every_stage_has_passed(made: PipelineRunner) -> None:
    partitions = dict.fromkeys(CATEGORY_STAGES, 1) | dict.fromkeys(CLASS_SET_STAGES, 3)
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


def of_two(home: Path, **options: Any) -> PipelineRunner:
    """Return a runner over the class set of two alone."""
    return runner(home, **{"settings": TWO, **options})


@pytest.fixture(scope="module")
def home_of_two(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Make the class set of two, alone, once."""
    home = tmp_path_factory.mktemp("two")
    assert run(of_two(home)).failures == {}
    return home


@pytest.fixture
def two(home_of_two: Path, tmp_path: Path) -> PipelineRunner:
    """Return a copy of that home to change."""
    home = shutil.copytree(home_of_two, tmp_path / "home")
    return of_two(home)


def test_a_damaged_partition_is_never_trained_on_and_made_again_by_name(
    two: PipelineRunner,
) -> None:
    bitmaps = two.store.open_local(two.store.read("bitmaps", "cow"), "bitmaps.npy")
    content = bytearray(bitmaps.read_bytes())
    content[-1] ^= 1
    bitmaps.write_bytes(content)
    home = two.pipeline.settings.home
    refused = run(of_two(home, seed=1))
    assert "`qd make bitmaps cow`" in refused.failures["2"]
    rebuilt = of_two(home)
    rebuilt.materialize("cow", [rebuilt.pipeline.stages["bitmaps"]])
    assert rebuilt.failures == {}
    assert run(of_two(home)).failures == {}


def test_making_a_partition_again_by_name_takes_the_settings_recorded_for_it(
    two: PipelineRunner,
) -> None:
    names = [("raw_drawings", "cow"), ("classifiers", "2")]
    before = [two.store.read(*name) for name in names]
    for name in names:
        said = CliRunner().invoke(app, ["make", *name, "--home", str(two.pipeline.settings.home)])
        assert said.exit_code == 0, said.output
    for name, made in zip(names, before, strict=True):
        again = two.store.read(*name)
        assert again.sequence == made.sequence + 1
        assert (again.fingerprint, again.version) == (made.fingerprint, made.version)
    assert before[0].fingerprint["settings"] == {"drawings": 40}
    assert before[1].fingerprint["settings"]["epochs"] == 1


def test_a_diverged_training_is_one_sentence_and_the_classifier_before_it_stays(
    two: PipelineRunner,
) -> None:
    before = two.store.read("classifiers", "2")
    diverged = run(of_two(two.pipeline.settings.home, learning_rate=1e30))
    assert "diverged" in diverged.failures["2"]
    assert diverged.materialized == []
    assert two.store.read("classifiers", "2") == before
    assert run(of_two(two.pipeline.settings.home)).failures == {}


def test_a_classifier_is_reported_though_its_evaluation_fails(two: PipelineRunner) -> None:
    def refuse(_context: object, _config: object) -> Result:
        raise BadSetting("the evaluation", "fails", "mend it")

    settings = two.pipeline.settings
    stages = [
        replace(each, materialize=refuse) if each.name == "evaluations" else each for each in STAGES
    ]
    failed = run(of_two(settings.home, pipeline=Pipeline(settings, stages), seed=1))
    assert failed.failures == {"2": "the evaluation fails: mend it."}
    assert failed.materialized == ["classifiers 2"]


def test_the_same_settings_give_the_same_classifier_and_the_same_figures(
    made: PipelineRunner, home_of_two: Path
) -> None:
    both = (made, of_two(home_of_two))
    for stage, key in (("bitmaps", "cow"), ("classifiers", "2")):
        first, second = (each.store.read(stage, key) for each in both)
        assert first.version == second.version
    figures = [dict(each.store.read("evaluations", "2").metadata["figures"]) for each in both]
    for each in figures:
        each.pop("training_seconds")
    assert figures[0] == figures[1]


def test_drawings_are_read_whole_while_another_run_publishes_them(two: PipelineRunner) -> None:
    store = two.store

    def publish_again() -> None:
        before = store.read("bitmaps", "cow")
        with store.stage("bitmaps", "cow") as staged:
            shutil.copy(store.open_local(before, "bitmaps.npy"), staged.path("bitmaps.npy"))
            staged.publish(
                fingerprint=before.fingerprint, metadata=before.metadata, version=before.version
            )

    def read() -> ClassSetData:
        inputs = two.pipeline.read_inputs(two.pipeline.stages["classifiers"], "2", store)
        context = SimpleNamespace(inputs=inputs, store=store)
        return read_drawings(cast("MaterializationContext", context))

    with ThreadPoolExecutor(1) as pool:
        for _ in range(15):
            published = pool.submit(publish_again)
            while not published.done():
                assert len(read().test) > 0
            published.result()


def test_a_training_that_was_stopped_goes_on_and_says_so(
    two: PipelineRunner, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    home = two.pipeline.settings.home
    stopped = of_two(home, epochs=3, **SMALL)
    monkeypatch.setattr(checkpoint, "SECONDS", 0.0)

    def power_cut(number: int, *_: object) -> str:
        if number == 2:
            raise RuntimeError("no power")
        return ""

    with monkeypatch.context() as patch:
        patch.setattr(classifiers, "_epoch", power_cut)
        run(stopped)
    assert "no power" in stopped.failures["2"]
    assert len(list((home / "checkpoints" / "2").iterdir())) == 1
    again = run(of_two(home, epochs=3, **SMALL))
    assert "2 categories: goes on after epoch 1 of 3." in caplog.messages
    assert again.materialized == ["classifiers 2", "evaluations 2"]
    history = again.store.read("classifiers", "2").metadata["history"]
    client = MlflowClient(again.pipeline.settings.mlflow_uri)
    logged = client.get_metric_history(
        again.store.read("classifiers", "2").metadata["mlflow_run"], "loss"
    )
    assert [each.value for each in logged] == [epoch["loss"] for epoch in history]
    assert not (home / "checkpoints" / "2").exists()

"""Studies and the comparison over a small chain, with a real instance and MLflow store."""

import json
import shutil
import time
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import dagster as dg
import pyarrow.parquet as pq
import pytest
from mlflow import MlflowClient

from qd_pipeline.cli.chain import searched_settings
from qd_pipeline.orchestration.partitions import By
from qd_pipeline.orchestration.pipeline import Pipeline
from qd_pipeline.orchestration.resources import MLflowResource
from qd_pipeline.orchestration.run_comparisons import last_runs
from qd_pipeline.orchestration.runner import PipelineRunner
from qd_pipeline.orchestration.stages.training_config import TrainingStageConfig
from qd_pipeline.orchestration.staleness import Staleness
from qd_pipeline.settings import Settings
from qd_pipeline.storage import Partition
from qd_pipeline.tracking import STUDIES
from qd_pipeline_tests.commands import start
from qd_pipeline_tests.orchestration.chain import SMALL, run, runner

STUDY_ASSETS = ("cross_validations", "label_quality", "searches", "data_studies", "comparisons")
TINY: dict[str, Any] = {**SMALL, "epochs": 1}


@pytest.fixture(scope="module")
def chain(two: Path, tmp_path_factory: pytest.TempPathFactory) -> PipelineRunner:
    """Return the pipeline that was run on two categories, in a copy of its own."""
    home = shutil.copytree(two, tmp_path_factory.mktemp("studies") / "home")
    return runner(home, drawings=60, **TINY)


def with_config(chain: PipelineRunner, stage: str, **config: Any) -> PipelineRunner:
    """Return a runner with other settings of a stage."""
    of_stage = chain.pipeline.config(chain.pipeline.stages[stage], **config)
    configs = {**chain.configs, stage: of_stage}
    return replace(chain, configs=configs, materialized=[], up_to_date=[], failures={})


def study(chain: PipelineRunner, stage: str, **config: Any) -> Partition:
    made = with_config(chain, stage, **config)
    made.materialize("2", [made.pipeline.stages[stage]])
    assert made.failures == {}
    return chain.store.read(stage, "2")


def text_of(chain: PipelineRunner, made: Partition, name: str) -> str:
    return chain.store.open_local(made, name).read_text(encoding="utf-8")


def logged(chain: PipelineRunner, asset: str) -> Sequence[Any]:
    client = MlflowClient(chain.pipeline.settings.mlflow_uri)
    home = client.get_experiment_by_name(STUDIES)
    assert home is not None
    return list(client.search_runs([home.experiment_id], f"tags.asset = '{asset}'"))


@pytest.fixture(scope="module")
def validated(chain: PipelineRunner) -> Partition:
    """Cross-validate once."""
    return study(chain, "cross_validations", **TINY, folds=2)


@pytest.fixture(scope="module")
def studied(chain: PipelineRunner) -> Partition:
    """Make a data study once."""
    return study(chain, "data_studies", **TINY, shares=[50])


def test_studies_are_made_on_request_only(chain: PipelineRunner) -> None:
    graph = chain.definitions.resolve_asset_graph()
    for name in STUDY_ASSETS:
        node = graph.get(dg.AssetKey(name))
        assert node.automation_condition is None
        assert node.group_name == "studies"
    for job in chain.definitions.resolve_all_job_defs():
        if not job.name.startswith("__"):
            keys = {key.to_user_string() for key in job.asset_layer.executable_asset_keys}
            assert not keys & set(STUDY_ASSETS)


def test_a_cross_validation_is_logged_with_its_mean_and_spread(
    chain: PipelineRunner, validated: Partition
) -> None:
    of = validated.metadata["mlflow_run"]
    (mlflow_run,) = [each for each in logged(chain, "cross_validations") if each.info.run_id == of]
    assert mlflow_run.info.status == "FINISHED"
    assert mlflow_run.data.metrics["cv_accuracy"] == validated.metadata["cv_accuracy"]
    assert mlflow_run.data.metrics["cv_accuracy_sd"] == validated.metadata["cv_accuracy_sd"]
    assert mlflow_run.data.params["folds"] == "2"
    assert mlflow_run.data.tags["partition"] == "2"
    written = json.loads(text_of(chain, validated, "cross_validation.json"))
    assert len(written["folds"]) == 2


def test_label_quality_is_found_from_a_cross_validation(
    chain: PipelineRunner, validated: Partition
) -> None:
    made = study(chain, "label_quality")
    assert made.fingerprint["inputs"] == {"cross_validations/2": validated.version}
    table = pq.read_table(chain.store.open_local(made, "label_quality.parquet"))
    issues = made.metadata["issues"]
    assert (issues["hits"], issues["count"]) == (
        sum(table["is_label_issue"].to_pylist()),
        len(table),
    )
    assert len(table) == sum(fold["accuracy"]["count"] for fold in validated.metadata["folds"])
    (mlflow_run,) = logged(chain, "label_quality")
    assert mlflow_run.data.metrics["label_issues"] == issues["hits"]
    assert "Synthetic sample" in text_of(chain, made, "label_quality.html")


def test_label_quality_without_a_cross_validation_names_the_command(chain: PipelineRunner) -> None:
    made = with_config(chain, "label_quality")
    made.materialize("4", [made.pipeline.stages["label_quality"]])
    assert "cross_validations 4 is needed for label_quality 4" in made.failures["4"]
    assert "make it with `qd make cross_validations 4`" in made.failures["4"]


def test_each_trial_is_a_run_and_the_best_settings_train_the_next_classifier(
    chain: PipelineRunner,
) -> None:
    space = {"learning_rate": [0.002, 1e-9]}
    made = study(chain, "searches", **TINY, folds=2, space=space)
    again = study(chain, "searches", **TINY, folds=2, space=space)
    assert again.metadata["trials"] == made.metadata["trials"]
    trials = [each for each in logged(chain, "searches") if "trial" in each.data.tags]
    assert {each.data.params["learning_rate"] for each in trials} == {"0.002", "1e-09"}
    assert len(trials) == 2
    assert len({each.data.tags["study"] for each in trials}) == 1
    for each in trials:
        assert {"cv_accuracy", "cv_accuracy_sd"} <= set(each.data.metrics)
        assert {"network", "units"} <= set(each.data.params)
        assert each.data.tags["source"] == chain.source.source().describe()
    best = made.metadata["best_config"]
    config = TrainingStageConfig(settings=searched_settings(chain, "2", {"seed": 3}))
    assert config.training(2).to_json() == {**best, "seed": 3}


def test_a_data_study_leaves_a_page_and_a_curve(chain: PipelineRunner, studied: Partition) -> None:
    (mlflow_run,) = logged(chain, "data_studies")
    assert "trained_on_recognized_test_accuracy" in mlflow_run.data.metrics
    names = [trained["name"] for trained in studied.metadata["curve"]]
    assert names == ["50 %", "all"]
    assert "Synthetic sample" in text_of(chain, studied, "data_study.html")


def test_the_next_evaluation_reports_a_study_of_the_same_drawings(
    chain: PipelineRunner, studied: Partition
) -> None:
    def stale() -> dict[str, str]:
        return Staleness(chain.pipeline, chain.store, chain.configs).stale(By.CLASS_SET, "2")

    assert stale() == {"evaluations": "data_studies 2 changed"}
    chain.materialize("2", [chain.pipeline.stages["evaluations"]])
    assert chain.failures == {}
    assert stale() == {}
    evaluated = chain.store.read("evaluations", "2")
    assert "<h2>More drawings</h2>" in text_of(chain, evaluated, "report.html")
    figures = json.loads(text_of(chain, evaluated, "evaluation.json"))
    assert figures["data_study"]["curve"] == studied.metadata["curve"]


def test_the_last_runs_are_compared_out_of_mlflow(chain: PipelineRunner) -> None:
    longer = {"preset": "notebook", **TINY, "epochs": 2}
    second = run(with_config(chain, "classifiers", **longer), ["2"])
    assert second.failures == {}
    class_sets = chain.pipeline.class_sets
    compared = last_runs(chain.tracker, "2", class_sets["2"], 5)
    assert [each.settings["epochs"] for each in compared.runs] == ["2", "1"]
    assert compared.differences == ("epochs 2", "epochs 1")
    (pair,) = compared.pairs
    assert pair.comparison is not None
    newest = compared.runs[0]
    assert pair.comparison.drawings == newest.accuracy.count
    assert pair.comparison.first_correct == newest.accuracy.hits
    shown = (*pair.only_newest, *pair.only_other)
    assert shown
    assert all(drawing.bitmap is not None for drawing in shown)

    second.materialize("all", [second.pipeline.stages["comparisons"]])
    assert second.failures == {}
    made = chain.store.read("comparisons", "all")
    page = text_of(chain, made, "comparison.html")
    assert "1 against 2" in page
    assert made.metadata["2"]["runs"][0]["run"] == newest.id


def test_a_comparison_needs_nothing_but_mlflow(chain: PipelineRunner, tmp_path: Path) -> None:
    uri, class_sets = chain.pipeline.settings.mlflow_uri, chain.pipeline.class_sets
    tracker = MLflowResource(tracking_uri=uri, artifacts=str(tmp_path), ui="").tracker
    (pair,) = last_runs(tracker, "2", class_sets["2"], 5).pairs
    shown = (*pair.only_newest, *pair.only_other)
    assert shown
    assert all(drawing.bitmap is not None for drawing in shown)
    assert last_runs(tracker, "4", class_sets["4"], 5).runs == ()


def test_a_training_without_some_drawings_says_so_wherever_the_file_lies(
    chain: PipelineRunner, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    def figures(stage: str) -> Any:
        return chain.store.read(stage, "2").metadata

    before, tested = figures("classifiers"), figures("evaluations")["figures"]
    strokes = chain.store.open_local(chain.store.read("strokes", "cow"), "table.parquet")
    excluded = pq.read_table(strokes)["key_id"].to_pylist()[:20]
    first, moved = tmp_path / "keys.txt", tmp_path / "moved.txt"
    first.write_text("\n".join(map(str, [*excluded, 7, 9])))
    config = {"preset": "notebook", **TINY}
    fewer = run(with_config(chain, "classifiers", **config, exclude=str(first)), ["2"])
    assert fewer.failures == {}
    ours = [each.getMessage() for each in caplog.records if each.name.startswith("qd_pipeline")]
    (told,) = [each for each in ours if "key_ids" in each]
    assert told == f"2 key_ids of {first} are of no drawing of class set 2."
    trained = chain.store.read("classifiers", "2")
    described = trained.fingerprint["settings"]["excluded_key_ids"]
    assert described.startswith("22 (sha256 ")
    client = MlflowClient(chain.pipeline.settings.mlflow_uri)
    assert (
        client.get_run(trained.metadata["mlflow_run"]).data.params["excluded_key_ids"] == described
    )
    assert trained.metadata["training_drawings"] < before["training_drawings"]
    assert figures("evaluations")["figures"]["test_drawings"] == tested["test_drawings"]

    first.rename(moved)
    elsewhere = with_config(chain, "classifiers", **config, exclude=str(moved)).configs
    stage = chain.pipeline.stages["classifiers"]
    assert Staleness(chain.pipeline, chain.store, elsewhere).reason(stage, "2") is None
    moved.write_text(f"{excluded[0]}\n")
    assert "excluded key ids changed from 22" in str(
        Staleness(chain.pipeline, chain.store, elsewhere).reason(stage, "2")
    )


FOLDS = {**TINY, "folds": 2, "workers": 2}
SOON: dict[str, Any] = {"abandoned_after": 3}


def share_until_killed(home: Path) -> None:
    """Be the second worker of a cross-validation, for as long as one is let."""
    made = runner(home, settings=SOON)
    stage = made.pipeline.stages["cross_validations"]
    made.configs = {stage.name: made.pipeline.config(stage, **FOLDS, worker=1)}
    made.materialize("2", [stage])


def test_folds_of_a_killed_worker_are_used_and_trained_on_to_what_one_worker_finds(
    chain: PipelineRunner, validated: Partition
) -> None:
    home = chain.pipeline.settings.home
    other = start(share_until_killed, home)
    first = "cross_validation_fold_1"
    while chain.store.find(first, "2") is None:
        assert other.is_alive()
        time.sleep(0.05)
    other.kill()
    other.join()
    soon = replace(chain, pipeline=Pipeline(Settings.load(home=home, **SOON)))
    shared = study(soon, "cross_validations", **FOLDS)
    folds = [chain.store.read(f"cross_validation_fold_{number}", "2") for number in range(2)]
    assert [each.sequence for each in folds] == [1, 1]
    runs = [each.metadata["dagster_run_id"] for each in folds]
    assert runs[0] != runs[1]
    assert shared.files["predictions.parquet"] == validated.files["predictions.parquet"]

    def figures(made: Partition) -> list[object]:
        return [(fold["accuracy"], fold["loss"]) for fold in made.metadata["folds"]]

    assert figures(shared) == figures(validated)
    assert shared.fingerprint == validated.fingerprint

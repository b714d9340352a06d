"""Studies and the comparison over a small chain, with a real instance and MLflow store."""

import json
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import dagster as dg
import pytest
from mlflow import MlflowClient

from qd_pipeline.definitions import defs
from qd_pipeline.orchestration.assets.classifiers import ClassifierConfig
from qd_pipeline.orchestration.assets.comparisons import comparisons
from qd_pipeline.orchestration.assets.cross_validations import CrossValidationConfig
from qd_pipeline.orchestration.assets.data_studies import DataStudyConfig
from qd_pipeline.orchestration.assets.searches import SearchConfig
from qd_pipeline.orchestration.driver import Driver
from qd_pipeline.orchestration.freshness import stale_of_class_set
from qd_pipeline.orchestration.partitions import CLASS_SETS
from qd_pipeline.orchestration.standings import last_runs
from qd_pipeline.store import Partition
from qd_pipeline.tracking import STUDIES
from qd_pipeline_tests.orchestration.chain import driver, run

STUDY_ASSETS = ("cross_validations", "searches", "data_studies", "comparisons")
TINY: dict[str, Any] = {"network": "dense_baseline", "epochs": 1, "units": 8}


@pytest.fixture(scope="module")
def chain(tmp_path_factory: pytest.TempPathFactory) -> Driver:
    """Make the chain of two categories once."""
    made = run(driver(tmp_path_factory.mktemp("home"), class_sets=["2"], drawings=60, **TINY))
    assert not made.failures
    return made


def study(chain: Driver, stage: str, config: dg.Config) -> Partition:
    asked = replace(chain.choices, studies={stage: config})
    made = Driver(chain.definitions, chain.workshop, chain.instance, asked)
    made.make("2", [stage])
    assert made.failures == {}
    return chain.workshop.store.read(stage, "2")


def logged(chain: Driver, asset: str) -> Sequence[Any]:
    client = MlflowClient(chain.workshop.tracking_uri)
    home = client.get_experiment_by_name(STUDIES)
    assert home is not None
    return list(client.search_runs([home.experiment_id], f"tags.asset = '{asset}'"))


def test_nothing_makes_a_study_but_who_asks_for_it() -> None:
    graph = defs.resolve_asset_graph()
    for name in STUDY_ASSETS:
        node = graph.get(dg.AssetKey(name))
        assert node.automation_condition is None
        assert node.group_name == "studies"
    for job in defs.resolve_all_job_defs():
        if not job.name.startswith("__"):
            keys = {key.to_user_string() for key in job.asset_layer.executable_asset_keys}
            assert not keys & set(STUDY_ASSETS)


def test_a_cross_validation_is_logged_with_its_mean_and_spread(chain: Driver) -> None:
    made = study(chain, "cross_validations", CrossValidationConfig(**TINY, folds=2))
    (mlflow_run,) = logged(chain, "cross_validations")
    assert mlflow_run.info.status == "FINISHED"
    assert mlflow_run.data.metrics["cv_accuracy"] == made.facts["cv_accuracy"]
    assert mlflow_run.data.metrics["cv_accuracy_sd"] == made.facts["cv_accuracy_sd"]
    assert mlflow_run.data.params["folds"] == "2"
    assert mlflow_run.data.tags["partition"] == "2"
    written = json.loads((made.folder / "cross_validation.json").read_text())
    assert len(written["folds"]) == 2


def test_each_trial_is_a_run_and_the_best_settings_train_the_next_classifier(
    chain: Driver,
) -> None:
    space = {"learning_rate": [0.002, 1e-9]}
    made = study(chain, "searches", SearchConfig(**TINY, folds=2, space=space))
    again = study(chain, "searches", SearchConfig(**TINY, folds=2, space=space))
    assert again.facts["trials"] == made.facts["trials"]
    trials = [each for each in logged(chain, "searches") if "trial" in each.data.tags]
    assert {each.data.params["learning_rate"] for each in trials} == {"0.002", "1e-09"}
    assert len(trials) == 2
    assert len({each.data.tags["study"] for each in trials}) == 1
    for each in trials:
        assert {"cv_accuracy", "cv_accuracy_sd"} <= set(each.data.metrics)
        assert {"network", "units"} <= set(each.data.params)
        assert each.data.tags["source"] == chain.workshop.source_for().describe()
    best = made.facts["best_config"]
    config = ClassifierConfig(settings_from_search=True, epochs=9, seed=3)
    recipe = config.settings("2", chain.workshop.store)
    assert recipe.to_json() == {**best, "seed": 3}


def test_a_data_study_leaves_a_page_and_a_curve(chain: Driver) -> None:
    made = study(chain, "data_studies", DataStudyConfig(**TINY, shares=[50]))
    (mlflow_run,) = logged(chain, "data_studies")
    assert "trained_on_recognized_test_accuracy" in mlflow_run.data.metrics
    names = [trained["name"] for trained in made.facts["curve"]]
    assert names == ["50 %", "all"]
    assert "Synthetic sample" in (made.folder / "data_study.html").read_text()


def test_the_next_evaluation_reports_a_study_of_the_same_drawings(chain: Driver) -> None:
    study(chain, "data_studies", DataStudyConfig(**TINY, shares=[50]))
    config = chain.choices.classifiers
    assert stale_of_class_set(chain.workshop, "2", config) == ("evaluations",)
    chain.make("2", ["evaluations"])
    assert chain.failures == {}
    assert stale_of_class_set(chain.workshop, "2", config) == ()
    evaluated = chain.workshop.store.read("evaluations", "2")
    assert "<h2>More drawings</h2>" in (evaluated.folder / "report.html").read_text()
    figures = json.loads((evaluated.folder / "evaluation.json").read_text())
    studied = chain.workshop.store.read("data_studies", "2")
    assert figures["data_study"]["curve"] == studied.facts["curve"]


def test_the_last_runs_are_compared_out_of_mlflow(chain: Driver) -> None:
    longer = ClassifierConfig(**{"recipe": "notebook", **TINY, "epochs": 2})
    retrained = replace(chain.choices, classifiers=longer)
    second = run(Driver(chain.definitions, chain.workshop, chain.instance, retrained))
    assert second.failures == {}
    compared = last_runs(chain.workshop.tracker, "2", CLASS_SETS["2"], 5)
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

    result = dg.materialize(
        [comparisons],
        resources={"workshop": chain.workshop},
        instance=chain.instance,
    )
    assert result.success
    made = chain.workshop.store.read("comparisons", "all")
    page = (made.folder / "comparison.html").read_text()
    assert "1 against 2" in page
    assert made.facts["2"]["runs"][0]["run"] == newest.id


def test_a_comparison_needs_nothing_but_mlflow(chain: Driver, tmp_path: Path) -> None:
    bare = chain.workshop.model_copy(update={"home": str(tmp_path)})
    (pair,) = last_runs(bare.tracker, "2", CLASS_SETS["2"], 5).pairs
    shown = (*pair.only_newest, *pair.only_other)
    assert shown
    assert all(drawing.bitmap is not None for drawing in shown)
    assert last_runs(bare.tracker, "4", CLASS_SETS["4"], 5).runs == ()

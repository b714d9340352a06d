"""A classifier that is worse than the champion does not take its place."""

import dataclasses
import json
from pathlib import Path
from typing import Any

import dagster as dg
import pytest
from mlflow import MlflowClient
from typer.testing import CliRunner

from qd_pipeline.cli import app
from qd_pipeline.orchestration.assets.classifiers import ClassifierConfig
from qd_pipeline.orchestration.driver import Choices, Driver
from qd_pipeline_tests.orchestration.chain import driver, run

MODEL = "quickdraw-2"
CHECK = dg.AssetCheckKey(dg.AssetKey("evaluations"), "not_worse_than_the_champion")


def trained_again(made: Driver, **training: Any) -> Driver:
    """Train and evaluate once more, with other settings."""
    choices: Choices = dataclasses.replace(
        made.choices,
        classifiers=ClassifierConfig(**{"recipe": "notebook", "epochs": 1, **training}),
    )
    again = dataclasses.replace(made, choices=choices, made=[], fresh=[], failures={})
    assert not run(again).failures
    assert again.made == ["classifiers 2", "evaluations 2"]
    return again


@pytest.fixture(scope="module")
def good(tmp_path_factory: pytest.TempPathFactory) -> Driver:
    """Make a champion that tells cows from pandas."""
    home = tmp_path_factory.mktemp("home")
    made = driver(home, class_sets=("2",), drawings=120, epochs=6)
    assert not run(made).failures
    return made


@pytest.fixture(scope="module")
def bad(good: Driver) -> Driver:
    """Train a rival that learns nothing."""
    return trained_again(good, learning_rate=1e-12)


def promotion_of(made: Driver) -> dict[str, Any]:
    evaluated = made.workshop.store.read("evaluations", "2")
    figures = json.loads(evaluated.path("evaluation.json").read_text(encoding="utf-8"))
    return dict(figures["promotion"])


def aliases(made: Driver) -> dict[str, int]:
    client = MlflowClient(tracking_uri=made.workshop.tracking_uri)
    return {
        name: int(number) for name, number in client.get_registered_model(MODEL).aliases.items()
    }


def test_a_worse_classifier_is_registered_as_challenger_and_says_why(bad: Driver) -> None:
    assert aliases(bad) == {"champion": 1, "challenger": 2}
    evaluated = bad.workshop.store.read("evaluations", "2")
    promotion = promotion_of(bad)
    assert promotion["promoted"] is False
    assert promotion["champion"] == f"{MODEL} version 1"
    test = promotion["comparison"]["test"]
    assert test["only_first"] > test["only_second"]
    assert test["first_better"] < promotion["significance"] == 0.05
    page = evaluated.path("report.html").read_text(encoding="utf-8")
    assert "<strong>Challenger</strong>, because it is worse" in page
    tags = MlflowClient(tracking_uri=bad.workshop.tracking_uri).get_model_version(MODEL, "2").tags
    assert tags["decision"] == "challenger"
    assert float(tags["p_value"]) == pytest.approx(test["first_better"], rel=1e-4)


def test_the_check_warns_of_a_worse_classifier_with_the_figures(bad: Driver) -> None:
    (record,) = bad.instance.event_log_storage.get_asset_check_execution_history(CHECK, limit=1)
    assert record.event is not None
    assert record.event.dagster_event is not None
    outcome = record.event.dagster_event.asset_check_evaluation_data
    assert not outcome.passed
    assert outcome.severity is dg.AssetCheckSeverity.WARN
    assert outcome.description is not None
    assert outcome.description.startswith("it is worse: of ")
    assert set(outcome.metadata) >= {"p", "significance", "only the champion is right"}


def test_people_have_the_last_word(bad: Driver) -> None:
    home = ["--home", bad.workshop.home]
    said = CliRunner().invoke(app, ["promote", "2", "2", *home])
    assert f"{MODEL} version 2 is the champion; {MODEL} version 1 was." in said.output
    assert aliases(bad) == {"champion": 2, "challenger": 1}
    said = CliRunner().invoke(app, ["rollback", "2", *home])
    assert f"{MODEL} version 1 is the champion again." in said.output
    assert aliases(bad) == {"champion": 1, "challenger": 2}


def test_the_champion_answers_whoever_appointed_it(bad: Driver, tmp_path: Path) -> None:
    drawing = tmp_path / "mine.ndjson"
    drawing.write_text("[[[0, 255, 90], [0, 20, 200]]]\n", encoding="utf-8")

    def answered(*command: str) -> dict[str, Any]:
        for arguments in (command, ("predict", str(drawing), "--json")):
            said = CliRunner().invoke(app, [*arguments, "--home", bad.workshop.home])
            assert said.exit_code == 0
        (answer,) = json.loads(said.stdout)
        return dict(answer)

    promoted, back = answered("promote", "2", "2"), answered("rollback", "2")
    assert promoted["classifier"] == f"{MODEL} version 2, champion"
    assert back["classifier"] == f"{MODEL} version 1, champion"
    assert promoted["categories"] != back["categories"]


def test_an_evaluation_made_again_registers_nothing_new(good: Driver, bad: Driver) -> None:
    before = aliases(bad)
    good.make("2", ["evaluations"])
    assert not good.failures
    assert aliases(bad) == before


def test_an_equal_classifier_takes_the_champions_place(good: Driver, bad: Driver) -> None:
    assert aliases(bad) == {"champion": 1, "challenger": 2}
    # The same settings and seed give the same classifier: the champion's, which is no worse.
    good.make("2", ["classifiers", "evaluations"])
    assert not good.failures
    assert aliases(good) == {"champion": 3, "challenger": 1}
    tags = MlflowClient(tracking_uri=good.workshop.tracking_uri).get_model_version(MODEL, "3").tags
    assert tags["decision"] == "champion"
    assert tags["champion_alone_correct"] == tags["own_alone_correct"] == "0"


def test_the_champion_evaluated_again_keeps_what_was_found_when_it_was_judged(
    good: Driver,
) -> None:
    client = MlflowClient(tracking_uri=good.workshop.tracking_uri)
    number = str(aliases(good)["champion"])
    judged = promotion_of(good)
    tags = client.get_model_version(MODEL, number).tags
    already = "it is the champion already; when it was judged: "
    reason = f"{already}{judged['reason'].removeprefix(already)}"
    for _ in range(2):
        good.make("2", ["evaluations"])
        assert not good.failures
        assert promotion_of(good) == {**judged, "reason": reason}
        assert client.get_model_version(MODEL, number).tags == {**tags, "reason": reason}


def test_a_champion_whose_predictions_are_lost_leaves_the_choice_to_people(good: Driver) -> None:
    champion = aliases(good)["champion"]
    client = MlflowClient(tracking_uri=good.workshop.tracking_uri)
    run_of_it = client.get_model_version(MODEL, str(champion)).run_id
    for lost in Path(good.workshop.home).glob(f"mlartifacts/**/{run_of_it}/**/predictions.parquet"):
        lost.unlink()
    again = trained_again(good, seed=7)
    assert aliases(again)["champion"] == champion
    assert promotion_of(again)["reason"] == (
        f"the predictions of {MODEL} version {champion} are lost, and it cannot be compared"
    )

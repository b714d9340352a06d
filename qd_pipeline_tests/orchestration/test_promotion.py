"""A new classifier becomes champion when it is shown not to be worse; people's decisions stand."""

import dataclasses
import json
import re
from pathlib import Path
from typing import Any

import dagster as dg
import pytest
from mlflow import MlflowClient
from typer.testing import CliRunner

from qd_pipeline.cli import app
from qd_pipeline.errors import BadSetting
from qd_pipeline.orchestration.runner import PipelineRunner
from qd_pipeline.storage import Partition, PartitionStore
from qd_pipeline_tests.orchestration.chain import run, runner

MODEL = "quickdraw-2"
CHECK = dg.AssetCheckKey(dg.AssetKey("evaluations"), "not_worse_than_the_champion")


def trained_again(made: PipelineRunner, **training: Any) -> PipelineRunner:
    """Train and evaluate once more, with other settings."""
    stage = made.pipeline.stages["classifiers"]
    config = made.pipeline.config(stage, **{"preset": "notebook", "epochs": 1, **training})
    configs = {**made.configs, "classifiers": config}
    again = dataclasses.replace(made, configs=configs, materialized=[], up_to_date=[], failures={})
    assert not run(again, ["2"]).failures
    assert again.materialized == ["classifiers 2", "evaluations 2"]
    return again


def materialize(made: PipelineRunner, *stages: str) -> None:
    made.materialize("2", [made.pipeline.stages[name] for name in stages])
    assert not made.failures


@pytest.fixture(scope="module")
def good(tmp_path_factory: pytest.TempPathFactory) -> PipelineRunner:
    """Make a champion that tells cows from pandas."""
    made = runner(tmp_path_factory.mktemp("home"), drawings=120, epochs=6)
    assert not run(made, ["2"]).failures
    return made


@pytest.fixture(scope="module")
def bad(good: PipelineRunner) -> PipelineRunner:
    """Train a rival that learns nothing."""
    return trained_again(good, learning_rate=1e-12)


def promotion_of(made: PipelineRunner) -> dict[str, Any]:
    return dict(json.loads(file_of(made, "evaluation.json"))["promotion"])


def file_of(made: PipelineRunner, name: str) -> str:
    evaluated = made.store.read("evaluations", "2")
    return made.store.open_local(evaluated, name).read_text(encoding="utf-8")


def aliases(made: PipelineRunner) -> dict[str, int]:
    client = MlflowClient(tracking_uri=made.pipeline.settings.mlflow_uri)
    return {
        name: int(number) for name, number in client.get_registered_model(MODEL).aliases.items()
    }


def tags_of(made: PipelineRunner, number: int) -> dict[str, str]:
    client = MlflowClient(tracking_uri=made.pipeline.settings.mlflow_uri)
    return dict(client.get_model_version(MODEL, str(number)).tags)


def test_a_classifier_at_chance_is_registered_as_challenger_and_says_why(
    bad: PipelineRunner,
) -> None:
    assert aliases(bad) == {"champion": 1, "challenger": 2}
    promotion = promotion_of(bad)
    assert (promotion["outcome"], promotion["promoted"]) == ("kept", False)
    assert promotion["champion"] == f"{MODEL} version 1"
    page = file_of(bad, "report.html")
    assert "not better than chance" in promotion["reason"]
    assert promotion["reason"] in page
    tags = tags_of(bad, 2)
    assert (tags["decision"], tags["decided_by"]) == ("kept", "evaluation")
    assert tags["reason"] == promotion["reason"]
    assert json.loads(tags["categories"]) == ["cow", "panda"]


def check_of(made: PipelineRunner) -> dg.AssetCheckEvaluation:
    (record,) = made.instance.event_log_storage.get_asset_check_execution_history(CHECK, limit=1)
    assert record.event is not None
    assert record.event.dagster_event is not None
    return record.event.dagster_event.asset_check_evaluation_data


def test_the_check_warns_of_a_classifier_that_is_not_promoted(bad: PipelineRunner) -> None:
    outcome = check_of(bad)
    assert not outcome.passed
    assert outcome.severity is dg.AssetCheckSeverity.WARN
    assert outcome.description is not None
    assert outcome.description.startswith(
        f"{MODEL} version 2 was not promoted, {MODEL} version 1 stays champion: its accuracy of "
    )
    assert outcome.description.endswith("; `qd promote 2 2` promotes it all the same")
    assert outcome.metadata["outcome"].value == "kept"


def test_the_status_and_the_report_say_which_version_they_show_and_who_is_champion(
    bad: PipelineRunner, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("BROWSER", "true")
    home = ["--home", str(bad.pipeline.settings.home)]
    shown = CliRunner().invoke(app, ["status", *home]).output
    assert re.search(r"│ 2 +│ 2 \(champion: 1\) +│ [\d.]+ % ", shown)
    said = CliRunner().invoke(app, ["report", *home]).output
    assert "Report of 2, version 2: " in said
    assert "Version 2 is not the champion, that is version 1; `qd promote 2 2` " in said


def test_people_have_the_last_word(bad: PipelineRunner) -> None:
    home = ["--home", str(bad.pipeline.settings.home)]
    said = CliRunner().invoke(app, ["promote", "2", "2", *home])
    assert f"{MODEL} version 2 is the champion; {MODEL} version 1 was." in said.output
    assert aliases(bad) == {"champion": 2, "challenger": 1}
    said = CliRunner().invoke(app, ["rollback", "2", *home])
    assert f"{MODEL} version 1 is the champion again." in said.output
    assert aliases(bad) == {"champion": 1, "challenger": 2}


@pytest.mark.parametrize("decision", [("promote", "2", "2"), ("rollback", "2")])
def test_a_persons_decision_stands_when_the_evaluation_is_repeated(
    bad: PipelineRunner, decision: tuple[str, ...]
) -> None:
    said = CliRunner().invoke(app, [*decision, "--home", str(bad.pipeline.settings.home)])
    assert said.exit_code == 0
    decided, tags = aliases(bad), [tags_of(bad, number) for number in (1, 2)]
    assert "person" in {each["decided_by"] for each in tags}
    materialize(bad, "evaluations")
    assert aliases(bad) == decided
    assert [tags_of(bad, number) for number in (1, 2)] == tags
    assert promotion_of(bad)["repeated"] is True
    assert check_of(bad).description == f"kept before: {promotion_of(bad)['reason']}"
    client = MlflowClient(tracking_uri=bad.pipeline.settings.mlflow_uri)
    assert len(client.search_model_versions(f"name = '{MODEL}'")) == 2


def test_a_classifier_is_read_once_for_its_evaluation(
    bad: PipelineRunner, monkeypatch: pytest.MonkeyPatch
) -> None:
    find, reads = PartitionStore.find, list[str]()

    def counted(store: PartitionStore, stage: str, key: str) -> Partition | None:
        reads.append(stage)
        return find(store, stage, key)

    monkeypatch.setattr(PartitionStore, "find", counted)
    materialize(bad, "evaluations")
    assert reads.count("classifiers") == 1


def test_the_champion_answers_whoever_decided_it(bad: PipelineRunner, tmp_path: Path) -> None:
    drawing = tmp_path / "mine.ndjson"
    drawing.write_text("[[[0, 120, 255, 90], [0, 10, 20, 200]]]\n", encoding="utf-8")

    def answered(*command: str) -> dict[str, Any]:
        for arguments in (command, ("predict", str(drawing), "--json")):
            said = CliRunner().invoke(app, [*arguments, "--home", str(bad.pipeline.settings.home)])
            assert said.exit_code == 0
        (answer,) = json.loads(said.stdout)
        return dict(answer)

    promoted, back = answered("promote", "2", "2"), answered("rollback", "2")
    assert promoted["classifier"] == f"{MODEL} version 2, champion"
    assert back["classifier"] == f"{MODEL} version 1, champion"
    assert promoted["categories"] != back["categories"]


OTHER = '[class_sets]\n2 = ["cow", "horse"]\n'


def test_promoting_other_categories_is_refused(bad: PipelineRunner, tmp_path: Path) -> None:
    other = tmp_path / "other.toml"
    other.write_text(OTHER, encoding="utf-8")
    options = ["--home", str(bad.pipeline.settings.home), "--class-sets", str(other)]
    for command in (["promote", "2", "1"], ["promote", "2", "2"]):
        said = CliRunner().invoke(app, [*command, *options])
        assert isinstance(said.exception, BadSetting)
        assert "tells other categories apart (cow, panda)" in str(said.exception)
    assert aliases(bad) == {"champion": 1, "challenger": 2}


def test_the_same_classifier_trained_again_registers_nothing_new(
    good: PipelineRunner, bad: PipelineRunner
) -> None:
    before = aliases(bad)
    # The same settings and seed give the same classifier.
    materialize(good, "classifiers", "evaluations")
    assert aliases(good) == before == {"champion": 1, "challenger": 2}
    assert promotion_of(good)["reason"] == "there was no champion yet"
    assert promotion_of(good)["repeated"] is True


def test_a_promotion_that_a_killed_process_left_undone_is_carried_out(good: PipelineRunner) -> None:
    client = MlflowClient(tracking_uri=good.pipeline.settings.mlflow_uri)
    client.delete_registered_model_alias(MODEL, "champion")
    client.delete_model_version_tag(MODEL, "1", "champion_since")
    materialize(good, "evaluations")
    assert aliases(good)["champion"] == 1


def test_a_champion_whose_predictions_are_lost_leaves_the_choice_to_people(
    good: PipelineRunner,
) -> None:
    client = MlflowClient(tracking_uri=good.pipeline.settings.mlflow_uri)
    run_of_it = client.get_model_version(MODEL, "1").run_id
    for lost in good.pipeline.settings.home.glob(
        f"mlartifacts/**/{run_of_it}/**/predictions.parquet"
    ):
        lost.unlink()
    again = trained_again(good, seed=7, epochs=6)
    assert aliases(again) == {"champion": 1, "challenger": 3}
    promotion = promotion_of(again)
    assert promotion["outcome"] == tags_of(again, 3)["decision"] == "cannot tell"
    assert promotion["reason"] == (
        f"the predictions of {MODEL} version 1 are lost, so the two cannot be compared"
    )


def test_a_new_classifier_takes_the_place_of_the_one_that_a_person_chose(
    bad: PipelineRunner,
) -> None:
    home = ["--home", str(bad.pipeline.settings.home)]
    assert CliRunner().invoke(app, ["promote", "2", "2", *home]).exit_code == 0
    again = trained_again(bad, seed=3, epochs=6)
    assert aliases(again) == {"champion": 4, "challenger": 2}
    assert promotion_of(again)["outcome"] == "promoted"
    assert tags_of(again, 4)["decided_by"] == "evaluation"


def test_rolling_back_to_other_categories_is_refused(bad: PipelineRunner, tmp_path: Path) -> None:
    other, before = tmp_path / "other.toml", aliases(bad)
    other.write_text(OTHER, encoding="utf-8")
    options = ["--home", str(bad.pipeline.settings.home), "--class-sets", str(other)]
    said = CliRunner().invoke(app, ["rollback", "2", *options])
    assert isinstance(said.exception, BadSetting)
    assert "tells other categories apart (cow, panda)" in str(said.exception)
    assert aliases(bad) == before

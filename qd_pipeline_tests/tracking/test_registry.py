"""The registry over a real MLflow store."""

import dataclasses

import pytest
from mlflow import MlflowClient

from qd_pipeline.errors import BadSetting, MissingPartition, TrackingFailed
from qd_pipeline.learning import networks
from qd_pipeline.learning.classifier import Classifier, Training
from qd_pipeline.learning.training.config import TrainingConfig
from qd_pipeline.tracking import CLASSIFIERS, Identity, Tracker
from qd_pipeline.tracking.registry import Registry
from qd_pipeline.tracking.versions import DecidedBy, Version
from qd_pipeline_tests.homes import prepare, tracker_in

COW_PANDA = ("cow", "panda")


@pytest.fixture(scope="module")
def tracker(tmp_path_factory: pytest.TempPathFactory) -> Tracker:
    return tracker_in(prepare(tmp_path_factory.mktemp("home")))


@pytest.fixture(scope="module")
def logged(tracker: Tracker, tmp_path_factory: pytest.TempPathFactory) -> list[str]:
    """Three runs, each with a classifier and predictions."""
    network = networks.build("dense_baseline", 2)
    classifier = Classifier(network, ("cow", "panda"), Training(TrainingConfig(), (), 0, 0, 0))
    folder = tmp_path_factory.mktemp("classifier")
    classifier.save(folder)
    runs = []
    for number in range(3):
        identity = Identity(str(number), "classifiers", "2")
        with tracker.run(CLASSIFIERS, identity, name=str(number), tags={}) as run:
            run.log_classifier(folder)
            predictions = tmp_path_factory.mktemp("run") / "predictions.parquet"
            predictions.write_text(run.id)
            run.log_file(predictions)
        runs.append(run.id)
    return runs


@pytest.fixture
def model(request: pytest.FixtureRequest) -> str:
    """Return a registered model of each test's own."""
    return f"quickdraw-{request.node.name[:40]}"


@pytest.fixture
def registry(tracker: Tracker) -> Registry:
    return tracker.registry


def register(registry: Registry, model: str, run: str, **tags: str) -> Version:
    return registry.register(
        model, run=run, classifier=f"version of {run}", categories=COW_PANDA, tags=tags
    )


def tags_of(model: str, number: int) -> dict[str, str]:
    return dict(MlflowClient().get_model_version(model, str(number)).tags)


@pytest.fixture
def versions(registry: Registry, logged: list[str], model: str) -> list[Version]:
    return [register(registry, model, run, decision="?") for run in logged]


def test_a_class_set_has_no_champion_before_one_is_set(
    registry: Registry, model: str, logged: list[str]
) -> None:
    assert registry.champion(model) is None
    register(registry, model, logged[0])
    assert registry.champion(model) is None


def test_a_version_is_found_by_its_run_or_its_classifiers_version(
    registry: Registry, versions: list[Version], logged: list[str], model: str
) -> None:
    assert [version.number for version in versions] == [1, 2, 3]
    by_run = registry.find(model, run=logged[1], classifier="other")
    by_version = registry.find(model, run="other", classifier=f"version of {logged[1]}")
    assert by_run is not None
    assert by_run == by_version
    assert (by_run.number, by_run.run, by_run.categories) == (2, logged[1], COW_PANDA)
    assert registry.find(model, run="other", classifier="other") is None


def test_a_run_without_a_classifier_cannot_be_registered(
    registry: Registry, tracker: Tracker, model: str
) -> None:
    with tracker.run(CLASSIFIERS, Identity("x", "classifiers", "2"), name="x", tags={}) as run:
        pass
    with pytest.raises(MissingPartition, match="holds no classifier"):
        register(registry, model, run.id)


def test_the_champion_of_before_becomes_challenger(
    registry: Registry, versions: list[Version], model: str
) -> None:
    assert registry.set_champion(versions[0], DecidedBy.EVALUATION) is None
    assert registry.set_champion(versions[0], DecidedBy.EVALUATION) is None
    assert registry.set_champion(versions[2], DecidedBy.EVALUATION) == registry.version(model, 1)
    champion = registry.champion(model)
    assert champion is not None
    assert champion.number == 3
    assert MlflowClient().get_registered_model(model).aliases == {
        "champion": 3,
        "challenger": 1,
    }


def test_rolling_back_goes_from_champion_to_champion(
    registry: Registry, versions: list[Version], model: str
) -> None:
    for version in versions:
        registry.set_champion(version, DecidedBy.EVALUATION)
    assert registry.roll_back(model, COW_PANDA).number == 2
    assert registry.roll_back(model, COW_PANDA).number == 1
    with pytest.raises(BadSetting, match=r"is the first champion: .* `qd promote \S+ 3`"):
        registry.roll_back(model, COW_PANDA)


def test_the_tags_say_who_decided(registry: Registry, versions: list[Version], model: str) -> None:
    registry.set_champion(versions[0], DecidedBy.EVALUATION)
    registry.set_champion(versions[1], DecidedBy.EVALUATION)
    assert tags_of(model, 2)["decided_by"] == "evaluation"
    registry.roll_back(model, COW_PANDA)
    assert tags_of(model, 1)["decided_by"] == tags_of(model, 2)["decided_by"] == "person"
    registry.set_champion(versions[2], DecidedBy.PERSON)
    assert tags_of(model, 3)["decided_by"] == "person"
    assert tags_of(model, 3)["decided_at"] == tags_of(model, 3)["champion_since"]


def test_a_version_of_other_categories_does_not_come_back(
    registry: Registry, versions: list[Version], model: str
) -> None:
    registry.set_champion(versions[0], DecidedBy.EVALUATION)
    registry.set_champion(versions[1], DecidedBy.EVALUATION)
    with pytest.raises(
        BadSetting, match=r"1 tells other categories apart \(cow, panda\) .*cow, ox"
    ):
        registry.roll_back(model, ("cow", "ox"))
    assert registry.champion(model) == registry.version(model, 2)
    assert registry.roll_back(model, ("panda", "cow")).number == 1


def test_the_champion_is_not_named_as_another_version(
    registry: Registry, versions: list[Version], logged: list[str], model: str
) -> None:
    ox = registry.register(model, run=logged[0], classifier="ox", categories=("cow", "ox"), tags={})
    with pytest.raises(BadSetting, match=rf"`qd promote \S+ {ox.number}`"):
        registry.ensure_tells_apart(versions[0], ("cow", "ox"))
    registry.set_champion(ox, DecidedBy.PERSON)
    with pytest.raises(BadSetting, match="train another with `qd run`"):
        registry.ensure_tells_apart(versions[0], ("cow", "ox"))


def test_where_nothing_is_there_to_roll_back_to_it_is_said(registry: Registry, model: str) -> None:
    with pytest.raises(BadSetting, match="has no champion"):
        registry.roll_back(model, COW_PANDA)
    with pytest.raises(BadSetting, match="version 7 is not in the registry"):
        registry.version(model, 7)


def test_a_file_of_the_champion_can_be_read(
    registry: Registry, versions: list[Version], logged: list[str]
) -> None:
    with registry.file_of(versions[1], "predictions.parquet") as path:
        assert path.read_text() == logged[1]


@pytest.mark.parametrize(("before", "way"), [(0, "`qd promote .* VERSION`"), (1, "`qd rollback ")])
def test_a_file_that_a_champion_has_lost_is_told_with_the_way_out(
    before: int, way: str, registry: Registry, versions: list[Version], model: str
) -> None:
    for version in versions[: before + 1]:
        registry.set_champion(version, DecidedBy.EVALUATION)
    champion = registry.champion(model)
    assert champion is not None
    for lost in (champion, dataclasses.replace(champion, run="0" * 32)):
        with (
            pytest.raises(MissingPartition, match=rf"has lost nothing\.parquet: .*{way}"),
            registry.file_of(lost, "nothing.parquet"),
        ):
            pass
    gone = dataclasses.replace(champion, number=9)
    withheld = f"{model} version 9 has files that MLflow does not return .*{way}"
    with pytest.raises(TrackingFailed, match=withheld), registry.classifier_of(gone):
        pass


def test_the_runs_of_past_champions_and_of_challengers_are_to_be_kept(
    registry: Registry, versions: list[Version], logged: list[str]
) -> None:
    for version in versions[:2]:
        registry.set_champion(version, DecidedBy.PERSON)
    registry.set_challenger(versions[2])
    assert set(logged) <= registry.runs_to_keep()

"""The registry over a real MLflow store."""

import dataclasses

import pytest
from mlflow import MlflowClient

from qd_pipeline.errors import BadSetting, MissingPartition, TrackingFailed
from qd_pipeline.learning import networks
from qd_pipeline.learning.classifier import Classifier, Training
from qd_pipeline.learning.training.config import TrainingConfig
from qd_pipeline.tracking import CLASSIFIERS, Identity, Tracker
from qd_pipeline.tracking.registry import Registry, Version


@pytest.fixture(scope="module")
def tracker(tmp_path_factory: pytest.TempPathFactory) -> Tracker:
    home = tmp_path_factory.mktemp("home")
    return Tracker(f"sqlite:///{home}/mlflow.db", home / "mlartifacts", "http://127.0.0.1:5000")


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
    """Give each test a registered model of its own."""
    return f"quickdraw-{request.node.name[:40]}"


@pytest.fixture
def registry(tracker: Tracker) -> Registry:
    return tracker.registry


@pytest.fixture
def versions(registry: Registry, logged: list[str], model: str) -> list[Version]:
    return [registry.register(model, run, {"decision": "?"}) for run in logged]


def test_a_class_set_has_no_champion_before_one_is_appointed(
    registry: Registry, model: str, logged: list[str]
) -> None:
    assert registry.champion(model) is None
    registry.register(model, logged[0], {})
    assert registry.champion(model) is None


def test_a_classifier_is_registered_once(
    registry: Registry, versions: list[Version], logged: list[str], model: str
) -> None:
    assert [version.number for version in versions] == [1, 2, 3]
    again = registry.register(model, logged[1], {"decision": "champion"})
    assert (again.number, again.run) == (2, logged[1])
    assert registry.version(model, 2).tags["decision"] == "champion"


def test_a_run_without_a_classifier_cannot_be_registered(
    registry: Registry, tracker: Tracker, model: str
) -> None:
    with tracker.run(CLASSIFIERS, Identity("x", "classifiers", "2"), name="x", tags={}) as run:
        pass
    with pytest.raises(MissingPartition, match="holds no classifier"):
        registry.register(model, run.id, {})


def test_the_champion_of_before_becomes_challenger(
    registry: Registry, versions: list[Version], model: str
) -> None:
    assert registry.appoint(versions[0]) is None
    assert registry.appoint(versions[0]) is None
    assert registry.appoint(versions[2]) == registry.version(model, 1)
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
        registry.appoint(version)
    assert registry.roll_back(model).number == 2
    assert registry.roll_back(model).number == 1
    with pytest.raises(BadSetting, match="took nobody's place"):
        registry.roll_back(model)


def test_where_nothing_is_there_to_roll_back_to_it_is_said(registry: Registry, model: str) -> None:
    with pytest.raises(BadSetting, match="has no champion"):
        registry.roll_back(model)
    with pytest.raises(BadSetting, match="version 7 is not in the registry"):
        registry.version(model, 7)


def test_a_file_of_the_champion_can_be_read(
    registry: Registry, versions: list[Version], logged: list[str]
) -> None:
    with registry.file_of(versions[1], "predictions.parquet") as path:
        assert path.read_text() == logged[1]


def test_a_file_that_a_run_has_lost_is_told_with_the_way_out(
    registry: Registry, versions: list[Version]
) -> None:
    for lost in (versions[1], dataclasses.replace(versions[1], run="0" * 32)):
        with (
            pytest.raises(MissingPartition, match=r"2 has lost nothing\.parquet: .*`qd promote`"),
            registry.file_of(lost, "nothing.parquet"),
        ):
            pass


def test_a_classifier_whose_files_are_gone_is_told_with_the_way_out(
    registry: Registry, versions: list[Version], model: str
) -> None:
    gone = dataclasses.replace(versions[1], number=9)
    with (
        pytest.raises(TrackingFailed, match=f"{model} version 9 does not give its files .*promote"),
        registry.classifier_of(gone),
    ):
        pass

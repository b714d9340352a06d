"""A data directory that is moved or copied takes its MLflow store along, whole."""

import shutil
from pathlib import Path

import pytest
from mlflow import MlflowClient
from mlflow.artifacts import download_artifacts

from qd_pipeline.errors import TrackingFailed
from qd_pipeline.tracking import CLASSIFIERS, Identity
from qd_pipeline_tests.homes import tracker_in

MODEL = "quickdraw-2"


def log_champion(home: Path, classifier: Path, root: str = "root") -> str:
    """Log, register and promote a classifier; give its run."""
    tracker = tracker_in(home)
    note = home / "note.txt"
    note.write_text(root)
    with tracker.run(CLASSIFIERS, Identity(root, "classifiers", "2"), name="x", tags={}) as run:
        run.log_classifier(classifier)
        run.log_file(note)
    client = MlflowClient()
    (model,) = client.search_logged_models(
        [client.get_run(run.id).info.experiment_id], f"source_run_id = '{run.id}'"
    )
    if not client.search_registered_models(f"name = '{MODEL}'"):
        client.create_registered_model(MODEL)
    version = client.create_model_version(
        MODEL, f"models:/{model.model_id}", run.id, model_id=model.model_id
    )
    client.set_registered_model_alias(MODEL, "champion", version.version)
    return run.id


def files(folder: Path) -> dict[str, bytes]:
    return {
        str(path.relative_to(folder)): path.read_bytes()
        for path in folder.rglob("*")
        if path.is_file()
    }


def ensure_complete(home: Path, run: str, elsewhere: Path) -> None:
    """Read all that a store holds, and see that it leads to its own data directory alone."""
    tracker = tracker_in(home)
    champion = tracker.registry.champion(MODEL)
    assert champion is not None
    with tracker.registry.classifier_of(champion) as folder:
        assert {file.name for file in folder.iterdir()} == {"classifier.json", "network.keras"}
    with tracker.registry.file_of(champion, "note.txt") as note:
        assert note.read_text()
    assert Path(download_artifacts(f"models:/{MODEL}@champion/MLmodel")).is_file()
    client = MlflowClient()
    logged = client.get_run(run)
    assert logged.info.artifact_uri is not None
    places = [logged.info.artifact_uri, client.get_model_version_download_uri(MODEL, "1")]
    places += [
        str(model.artifact_location)
        for model in client.search_logged_models([logged.info.experiment_id])
    ]
    assert all(place.startswith(home.as_uri()) for place in places), places
    assert not any(place.startswith(f"{elsewhere.as_uri()}/") for place in places)


def test_a_moved_data_directory_keeps_its_champion_and_writes_nothing_to_the_old_place(
    tmp_path: Path, home: Path, classifier_folder: Path
) -> None:
    one, two = home, tmp_path / "two, with a space & é"
    run = log_champion(one, classifier_folder)
    one.rename(two)
    ensure_complete(two, run, one)
    log_champion(two, classifier_folder, "again")
    assert not one.exists()
    # And back.
    two.rename(one)
    ensure_complete(one, run, two)
    assert not two.exists()


def test_a_copied_data_directory_and_the_original_stay_apart(
    tmp_path: Path, home: Path, classifier_folder: Path
) -> None:
    one, two = home, tmp_path / "two"
    run = log_champion(one, classifier_folder)
    shutil.copytree(one, two)
    before = files(one)
    ensure_complete(two, run, one)
    log_champion(two, classifier_folder, "again")
    assert files(one) == before
    ensure_complete(one, run, two)


def test_a_data_directory_reached_by_a_link_is_the_same(
    tmp_path: Path, home: Path, classifier_folder: Path
) -> None:
    one, link = home, tmp_path / "link"
    run = log_champion(one, classifier_folder)
    link.symlink_to(one)
    tracker_in(link)
    uri = MlflowClient().get_run(run).info.artifact_uri
    assert uri is not None
    assert uri.startswith(one.as_uri())


def test_a_database_that_is_moved_without_its_artifacts_is_told(
    tmp_path: Path, home: Path, classifier_folder: Path
) -> None:
    one, two = home, tmp_path / "two"
    log_champion(one, classifier_folder)
    two.mkdir()
    shutil.copy(one / "mlflow.db", two / "mlflow.db")
    with pytest.raises(TrackingFailed, match=r"without its artifacts.*one/mlartifacts.*copy"):
        tracker_in(two)

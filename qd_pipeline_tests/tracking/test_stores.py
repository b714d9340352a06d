"""A store that MLflow refuses is told in one sentence, with a remedy that helps."""

import shutil
import sqlite3
from contextlib import closing
from importlib.util import find_spec
from pathlib import Path

import pytest
from mlflow import MlflowClient

from qd_pipeline import tracking_uri
from qd_pipeline.errors import BadSetting, TrackingFailed
from qd_pipeline.settings import Settings
from qd_pipeline.tracking import DATA, Identity, Tracker
from qd_pipeline_tests.homes import tracker_in

WHO = Identity("root", "strokes", "cow")


@pytest.mark.parametrize(
    ("uri", "sentence"),
    [
        ("file:///data/mlruns", "names a folder.*sqlite:///"),
        ("file:mlruns", "names a folder.*sqlite:///"),
        ("/data/mlruns", "names a folder.*sqlite:///"),
        ("./mlruns", "names a folder.*sqlite:///"),
        ("mlruns", "set it to http://mlruns, or, if it is no server, to sqlite:///FILE"),
        ("localhost:5000", "has no scheme.*http://localhost:5000"),
        ("127.0.0.1:5000/team", "has no scheme.*http://127.0.0.1:5000/team"),
        ("sqllite:///x.db", "unknown scheme 'sqllite'.*sqlite:///FILE"),
        ("s3://bucket/mlflow", "unknown scheme 's3'"),
        ("sqlite://", "names no file.*sqlite:///FILE"),
        ("sqlite:x.db", "names no file.*sqlite:///FILE"),
        ("http://", "names no host"),
    ],
)
def test_an_address_of_no_store_is_refused_by_the_settings(
    monkeypatch: pytest.MonkeyPatch, uri: str, sentence: str
) -> None:
    monkeypatch.setenv("MLFLOW_TRACKING_URI", uri)
    with pytest.raises(BadSetting, match=f"MLFLOW_TRACKING_URI .*{sentence}"):
        Settings.load()


@pytest.mark.parametrize(
    "uri",
    [
        "sqlite:////data/mlflow.db",
        "sqlite:///mlflow.db",
        "postgresql+psycopg2://me:secret@host/mlflow",
        "mysql://host/mlflow",
        "https://mlflow.example/team",
        "databricks",
        "databricks://profile",
    ],
)
def test_an_address_that_mlflow_takes_is_left_as_it_is(uri: str) -> None:
    assert tracking_uri.checked(uri) == uri


@pytest.fixture
def used(home: Path) -> Path:
    """Give a data directory whose store has a run."""
    with tracker_in(home).run(DATA, WHO, name="first", tags={}):
        pass
    return home


def reopened(home: Path) -> None:
    """Open a copy of the store as every command does, and write to it."""
    copy = home.with_name("copy")
    shutil.copytree(home, copy)
    tracker = tracker_in(copy)
    tracker.reconcile()
    with tracker.run(DATA, WHO, name="second", tags={}):
        pass


def change(home: Path, statement: str) -> None:
    with closing(sqlite3.connect(home / "mlflow.db")) as database, database:
        database.execute(statement)


def test_a_database_of_a_newer_mlflow_is_told_as_one(used: Path) -> None:
    change(used, "UPDATE alembic_version SET version_num = 'ffffffffffff'")
    with pytest.raises(TrackingFailed, match=r"newer MLflow than [0-9.]+: install that version"):
        reopened(used)


def test_a_database_of_an_older_mlflow_is_told_with_the_command_that_upgrades_it(
    used: Path,
) -> None:
    # A revision that MLflow 2 had.
    change(used, "UPDATE alembic_version SET version_num = '4465047574b1'")
    with pytest.raises(TrackingFailed, match=r"older MLflow.*`mlflow db upgrade sqlite:///"):
        reopened(used)


def test_a_deleted_experiment_is_told_with_the_command_that_restores_it(used: Path) -> None:
    client = MlflowClient()
    experiment = client.get_experiment_by_name(DATA)
    assert experiment is not None
    client.delete_experiment(experiment.experiment_id)
    restore = f"mlflow experiments restore --experiment-id {experiment.experiment_id}`"
    with pytest.raises(TrackingFailed, match=f"{DATA} was deleted: restore it with .*{restore}"):
        reopened(used)


def test_a_file_that_is_no_database_is_told(tmp_path: Path) -> None:
    (tmp_path / "mlflow.db").write_bytes(b"no database at all" * 100)
    with pytest.raises(TrackingFailed, match=r"mlflow\.db cannot be read .*: restore it"):
        tracker_in(tmp_path)


def test_a_folder_in_place_of_the_database_is_told_at_once(tmp_path: Path) -> None:
    (tmp_path / "mlflow.db").mkdir()
    with pytest.raises(TrackingFailed, match=r"is a folder: set MLFLOW_TRACKING_URI to sqlite:"):
        tracker_in(tmp_path)


def test_a_driver_that_is_not_installed_is_named(tmp_path: Path) -> None:
    if find_spec("psycopg") or find_spec("psycopg2"):
        pytest.skip("it is installed")
    with pytest.raises(TrackingFailed, match=r"needs a driver .*psycopg"):
        Tracker("postgresql://127.0.0.1:1/x", tmp_path / "mlartifacts", "http://x").reconcile()


def test_a_deleted_run_that_is_to_be_continued_is_told(home: Path) -> None:
    tracker = tracker_in(home)
    with (
        pytest.raises(TrackingFailed, match=r"cannot be continued .*train the classifier again"),
        tracker.again("0" * 32),
    ):
        pass

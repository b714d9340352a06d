"""The Dagster instance that the settings want: what it needs, what it never holds."""

import os
from importlib.util import find_spec
from pathlib import Path
from threading import Thread
from typing import Any

import dagster as dg
import pytest
import yaml

from qd_pipeline.errors import BadSetting
from qd_pipeline.orchestration import celery_app, engine, instance
from qd_pipeline.orchestration.pipeline import Pipeline
from qd_pipeline.orchestration.submission import Submission
from qd_pipeline.settings import Settings

DATABASE = "postgresql://qd:s3cret@db.example/dagster"
WHOLE: dict[str, Any] = {
    "dagster_storage": DATABASE,
    "store": "s3://bucket/prefix",
    "tracking_uri": "https://me:s3cret@mlflow.example",
    "source": "https://me:s3cret@mirror.example/quickdraw",
    "webhook_url": "https://hooks.example/s3cret",
    "class_sets": {"own": ("cow", "shark")},
    "engine": "ray",
    "engine_address": "http://head:8265",
}


def test_the_embedded_instance_is_written_once_and_may_be_edited(tmp_path: Path) -> None:
    assert engine.rendered_config(Settings.load(home=tmp_path)) is None
    written = instance.prepare(tmp_path) / "dagster.yaml"
    assert written.read_text() == engine.own_config()
    written.write_text(f"{engine.own_config()}# edited\n")
    instance.prepare(tmp_path)
    assert written.read_text().endswith("# edited\n")


def test_another_instance_is_written_at_each_start(tmp_path: Path) -> None:
    instance.prepare(tmp_path)
    written = instance.prepare(tmp_path, "telemetry: {enabled: false}\n") / "dagster.yaml"
    assert written.read_text() == "telemetry: {enabled: false}\n"
    assert sorted(path.name for path in written.parent.glob("dagster.yaml*")) == ["dagster.yaml"]


@pytest.mark.parametrize(
    ("lacking", "remedy"),
    [
        ("dagster_storage", "set QD_DAGSTER_STORAGE to postgresql://"),
        ("store", "set QD_STORE to an address like s3://"),
        ("tracking_uri", "set MLFLOW_TRACKING_URI to the address of an MLflow server"),
        ("engine_address", "set QD_ENGINE_ADDRESS, like http://head:8265"),
    ],
)
def test_what_an_engine_lacks_is_told_before_any_work(
    lacking: str, remedy: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(engine, "find_spec", lambda _name: True)
    settings = Settings.load(**{**WHOLE, lacking: None})
    with pytest.raises(BadSetting, match=remedy):
        engine.rendered_config(settings)


@pytest.mark.skipif(find_spec("dagster_postgres") is not None, reason="it is installed here")
def test_a_package_that_is_not_installed_is_told_with_the_command_that_installs_it() -> None:
    with pytest.raises(BadSetting, match=r"pip install 'qd_pipeline\[postgres\]'"):
        engine.rendered_config(Settings.load(dagster_storage=DATABASE))


@pytest.mark.parametrize(
    ("named", "sentence"),
    [("local", "set QD_ENGINE to celery"), ("celery", "set QD_DAGSTER_STORAGE to postgresql://")],
)
def test_a_celery_worker_without_a_setting_ends_in_a_sentence(
    named: str, sentence: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("QD_HOME", str(tmp_path))
    monkeypatch.setenv("QD_ENGINE", named)
    with pytest.raises(SystemExit, match=sentence):
        _ = celery_app.app


def test_no_secret_is_in_the_configuration_nor_handed_to_other_machines(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(engine, "find_spec", lambda _name: True)
    settings = Settings.load(**WHOLE)
    config = engine.rendered_config(settings)
    assert config is not None
    assert "s3cret" not in config
    database = "postgresql+psycopg2://qd@db.example/dagster"
    kept = f"{database}?plugin=qd_kept_connections"
    assert yaml.safe_load(config)["storage"] == {"postgres": {"postgres_url": kept}}
    # dagster-ray puts it between a shell's single quotes.
    assert "'" not in config
    assert engine.node_variables(settings) == ["QD_STORE", "QD_CLASS_SETS"]
    celery = Settings.load(**{**WHOLE, "engine": "celery", "engine_address": "amqp://q:s3cret@b"})
    config = engine.rendered_config(celery)
    assert config is not None
    assert "s3cret" not in config
    assert yaml.safe_load(config)["run_launcher"]["config"]["backend"] == f"db+{database}"


def test_the_studies_database_is_handed_to_other_machines_without_its_password() -> None:
    url = "postgresql://qd:s3cret@db.example/studies?sslmode=require"
    settings = Settings.load(studies_storage=url)
    assert engine.node_variables(settings) == ["QD_STUDIES_STORAGE"]
    # The daemon's own environment is where the values come from.
    bare = "postgresql+psycopg2://qd@db.example/studies?sslmode=require"
    assert settings.child_environment()["QD_STUDIES_STORAGE"] == bare
    hidden = "postgresql://db.example/studies?user=qd&password=s3cret"
    assert engine.node_variables(Settings.load(studies_storage=hidden)) == []


def test_a_run_that_has_just_failed_is_followed_until_dagster_says_whether_it_is_repeated(
    tmp_path: Path,
) -> None:
    own = instance.of(tmp_path)
    failed = own.add_run(dg.DagsterRun("categories", status=dg.DagsterRunStatus.FAILURE))
    submission = Submission(Pipeline(Settings.load(home=tmp_path)), own)
    following = Thread(target=submission.follow, args=([failed.run_id], print), daemon=True)
    following.start()
    following.join(2)
    assert following.is_alive()
    tags = {"dagster/parent_run_id": failed.run_id}
    own.add_run(dg.DagsterRun("categories", tags=tags, status=dg.DagsterRunStatus.SUCCESS))
    following.join(60)
    assert not following.is_alive()
    assert submission.failures == {}


def test_a_failed_run_is_not_waited_for_where_runs_are_never_repeated(tmp_path: Path) -> None:
    with dg.instance_for_test(temp_dir=str(tmp_path)) as own:
        failed = own.add_run(dg.DagsterRun("categories", status=dg.DagsterRunStatus.FAILURE))
        submission = Submission(Pipeline(Settings.load(home=tmp_path)), own)
        following = Thread(target=submission.follow, args=([failed.run_id], print), daemon=True)
        following.start()
        following.join(30)
        assert not following.is_alive()


def test_a_password_reaches_postgresqls_client_through_its_own_variable(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.delenv("PGPASSWORD", raising=False)
    Settings.load(dagster_storage="postgresql://qd:p%40ss@db.example/dagster").export_secrets()
    assert os.environ["PGPASSWORD"] == "p@ss"

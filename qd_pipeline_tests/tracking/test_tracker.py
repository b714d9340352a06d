"""A step that is tried again continues its run; one that is not opens a new one."""

from pathlib import Path

import pytest
from mlflow import MlflowClient

from qd_pipeline.tracking import DATA, Identity, Tracker

WHO = Identity("root", "strokes", "cow")


@pytest.fixture
def tracker(tmp_path: Path) -> Tracker:
    return Tracker(f"sqlite:///{tmp_path}/mlflow.db", tmp_path / "mlartifacts", "http://mlflow")


def failed_run(tracker: Tracker) -> str:
    with (
        pytest.raises(RuntimeError),
        tracker.run(DATA, WHO, name="fails", tags={"attempt": "1"}, may_exist=False) as run,
    ):
        raise RuntimeError
    return run.id


def test_a_failed_run_is_continued_under_the_tags_of_the_new_attempt(
    tracker: Tracker, tmp_path: Path
) -> None:
    failed = failed_run(tracker)
    client = MlflowClient(f"sqlite:///{tmp_path}/mlflow.db")
    assert client.get_run(failed).info.status == "FAILED"
    with tracker.run(DATA, WHO, name="again", tags={"attempt": "2"}) as run:
        assert run.id == failed
        assert client.get_run(failed).info.status == "RUNNING"
    ended = client.get_run(failed)
    assert (ended.info.status, ended.data.tags["attempt"]) == ("FINISHED", "2")


def test_what_is_known_to_be_new_has_a_run_of_its_own(tracker: Tracker, tmp_path: Path) -> None:
    failed = failed_run(tracker)
    with tracker.run(DATA, WHO, name="new", tags={"attempt": "2"}, may_exist=False) as run:
        assert run.id != failed
    new = MlflowClient(f"sqlite:///{tmp_path}/mlflow.db").get_run(run.id)
    assert (new.info.status, new.info.run_name, new.data.tags["attempt"]) == (
        "FINISHED",
        "new",
        "2",
    )

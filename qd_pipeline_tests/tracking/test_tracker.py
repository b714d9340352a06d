"""A run is one for each materialization, open until its step ends, whatever is killed when."""

import os
import signal
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import timedelta
from functools import partial
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from mlflow import MlflowClient
from mlflow.models import get_model_info

from qd_pipeline.learning.reports.charts import confusion_matrix, png
from qd_pipeline.renewal import renewing
from qd_pipeline.settings import Settings
from qd_pipeline.tracking import CLASSIFIERS, DATA, Identity, LoggedDataset, Tracker
from qd_pipeline.tracking.logged import run_table
from qd_pipeline_tests.commands import processes, start
from qd_pipeline_tests.homes import tracker_in

WHO = Identity("root", "strokes", "cow")
TRAINING = Identity("root", "classifiers", "2")


@pytest.fixture
def tracker(home: Path) -> Tracker:
    return tracker_in(home)


@pytest.fixture
def client(tracker: Tracker) -> MlflowClient:
    assert tracker is not None  # it sets the address in force
    return MlflowClient()


def failed_run(tracker: Tracker) -> str:
    with (
        pytest.raises(RuntimeError),
        tracker.run(DATA, WHO, name="fails", tags={"attempt": "1"}, may_exist=False) as run,
    ):
        raise RuntimeError
    return run.id


def test_a_failed_run_is_continued_under_the_tags_of_the_new_attempt(
    tracker: Tracker, client: MlflowClient
) -> None:
    failed = failed_run(tracker)
    assert client.get_run(failed).info.status == "FAILED"
    with tracker.run(DATA, WHO, name="again", tags={"attempt": "2"}) as run:
        assert run.id == failed
        assert client.get_run(failed).info.status == "RUNNING"
    ended = client.get_run(failed)
    assert (ended.info.status, ended.data.tags["attempt"]) == ("FINISHED", "2")


def test_what_is_known_to_be_new_has_a_run_of_its_own(
    tracker: Tracker, client: MlflowClient
) -> None:
    failed = failed_run(tracker)
    with tracker.run(DATA, WHO, name="new", tags={"attempt": "2"}, may_exist=False) as run:
        assert run.id != failed
    new = client.get_run(run.id)
    assert (new.info.status, new.info.run_name, new.data.tags["attempt"]) == (
        "FINISHED",
        "new",
        "2",
    )


def test_a_run_is_running_until_its_step_ends_whatever_it_logs(
    tracker: Tracker, client: MlflowClient, classifier_folder: Path, tmp_path: Path
) -> None:
    (tmp_path / "notes.txt").write_text("noted")
    picture = png(confusion_matrix(("a", "b"), np.eye(2, dtype=int).tolist()))
    steps: list[Any] = [
        lambda run: run.log(params={"epochs": 2}, metrics={"loss": 1.0}, step=1),
        lambda run: run.log_file(tmp_path / "notes.txt"),
        lambda run: run.log_content(picture, "matrix.png"),
        lambda run: run.log_datasets(
            [LoggedDataset("bitmaps/cow", "0" * 64, "sample", {"rows": 3})]
        ),
        lambda run: run.log_classifier(classifier_folder),
        lambda run: run.rename("renamed"),
    ]
    with tracker.run(CLASSIFIERS, TRAINING, name="logs", tags={}) as run:
        for step in steps:
            step(run)
            assert client.get_run(run.id).info.status == "RUNNING"
    ended = client.get_run(run.id)
    assert (ended.info.status, ended.info.run_name) == ("FINISHED", "renamed")


def test_a_training_and_its_evaluation_are_one_run_with_one_model_that_has_the_figures(
    tracker: Tracker, client: MlflowClient, classifier_folder: Path
) -> None:
    with tracker.run(CLASSIFIERS, TRAINING, name="2 categories", tags={}) as training:
        training.log(params={"epochs": 3})
        training.log_classifier(classifier_folder)
        training.log(metrics={"training_seconds": 2.0})
    with tracker.again(training.id) as evaluation:
        tested = LoggedDataset("test drawings", "f" * 64, "sample", {})
        evaluation.log_datasets([tested], "testing")
        evaluation.log(metrics={"test_accuracy": 0.75}, dataset=tested)
    run = client.get_run(training.id)
    assert run.info.status == "FINISHED"
    assert run.data.metrics == {"training_seconds": 2.0, "test_accuracy": 0.75}
    (model,) = client.search_logged_models(
        [run.info.experiment_id],
        "metrics.test_accuracy > 0.7",
        datasets=[{"dataset_name": "test drawings", "dataset_digest": "f" * 36}],
    )
    assert model.source_run_id == run.info.run_id
    assert model.params == {"epochs": "3"}
    assert run.inputs is not None
    (used,) = run.inputs.dataset_inputs
    assert {tag.key: tag.value for tag in used.tags} == {"mlflow.data.context": "testing"}
    info = get_model_info(f"models:/{model.model_id}")
    assert info.signature is not None
    assert info.signature.inputs.input_names()[0] == "drawing"
    assert info.saved_input_example_info is not None


def test_a_training_stays_finished_whatever_becomes_of_its_evaluation(
    tracker: Tracker, client: MlflowClient
) -> None:
    def found() -> tuple[str, str | None]:
        run = client.get_run(training.id)
        return run.info.status, run.data.tags.get("evaluation")

    with tracker.run(CLASSIFIERS, TRAINING, name="2 categories", tags={}) as training:
        pass
    for error, ended in ((RuntimeError, "failed"), (KeyboardInterrupt, "killed")):
        with pytest.raises(error), tracker.again(training.id):
            raise error
        assert found() == ("FINISHED", ended)
    with tracker.again(training.id):
        assert found() == ("RUNNING", "running")
    assert found() == ("FINISHED", "finished")
    # As a process killed with SIGKILL leaves it.
    client.update_run(training.id, status="RUNNING")
    client.set_tag(training.id, "lease_owner", "0badcafe-0123456789abcdef")
    client.set_tag(training.id, "lease_renewed", "0")
    client.set_tag(training.id, "evaluation", "running")
    tracker.reconcile()
    assert found() == ("FINISHED", "killed")


def test_a_training_that_failed_stays_failed_where_its_evaluation_fails(
    tracker: Tracker, client: MlflowClient
) -> None:
    failed = failed_run(tracker)
    with pytest.raises(RuntimeError), tracker.again(failed):
        raise RuntimeError
    run = client.get_run(failed)
    assert run.info.status == "FAILED"
    assert "evaluation" not in run.data.tags


def test_many_datasets_are_logged_in_one_request(
    tracker: Tracker, client: MlflowClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    requests = []
    log_inputs = MlflowClient.log_inputs

    def counted(self: MlflowClient, run_id: str, datasets: Any) -> None:
        requests.append(len(datasets))
        log_inputs(self, run_id, datasets)

    monkeypatch.setattr(MlflowClient, "log_inputs", counted)
    with tracker.run(DATA, WHO, name="all categories", tags={}) as run:
        run.log_datasets(
            LoggedDataset(f"bitmaps/{number}", str(number), "sample", {}) for number in range(690)
        )
    assert requests == [690]
    inputs = client.get_run(run.id).inputs
    assert inputs is not None
    assert len(inputs.dataset_inputs) == 690


def test_a_run_says_who_made_it_with_which_code_and_software(
    tracker: Tracker, client: MlflowClient
) -> None:
    with tracker.run(DATA, WHO, name="tagged", tags={}) as run:
        pass
    tags = client.get_run(run.id).data.tags
    assert {"mlflow.user", "version.keras", "version.tensorflow", "version.mlflow"} <= set(tags)


def log_a_classifier(home: Path, classifier: Path, told: Connection) -> None:
    """Log a classifier, tell the run, and end as is told."""
    with tracker_in(home).run(CLASSIFIERS, TRAINING, name="x", tags={}) as run:
        run.log_classifier(classifier)
        told.send(run.id)
        if told.recv() == "killed":
            os.kill(os.getpid(), signal.SIGKILL)


@contextmanager
def another_process(home: Path, classifier: Path) -> Iterator[tuple[str, Callable[[str], int]]]:
    """Log a classifier in another process; yield its run, and what ends it with an exit code."""
    ours, theirs = processes.Pipe()
    other = start(log_a_classifier, home, classifier, theirs)

    def end(how: str) -> int:
        ours.send(how)
        other.join()
        assert other.exitcode is not None
        return other.exitcode

    try:
        assert ours.poll(120)
        yield ours.recv(), end
    finally:
        other.kill()
        other.join()


def test_the_run_of_a_process_killed_after_it_logged_its_model_is_continued_with_that_model(
    tracker: Tracker, client: MlflowClient, classifier_folder: Path, home: Path
) -> None:
    with another_process(home, classifier_folder) as (first, end):
        assert end("killed") == -signal.SIGKILL
    assert client.get_run(first).info.status == "RUNNING"
    tracker.reconcile()
    assert client.get_run(first).info.status == "KILLED"
    with tracker.run(CLASSIFIERS, TRAINING, name="retry", tags={}) as run:
        assert run.id == first
        run.log_classifier(classifier_folder)
    ended = client.get_run(first)
    assert ended.info.status == "FINISHED"
    experiments = [ended.info.experiment_id]
    assert len(client.search_runs(experiments)) == 1
    assert len(client.search_logged_models(experiments)) == 1


def test_a_registered_model_is_never_written_to_again(
    tracker: Tracker, client: MlflowClient, classifier_folder: Path
) -> None:
    with tracker.run(CLASSIFIERS, TRAINING, name="first", tags={}) as run:
        run.log_classifier(classifier_folder)
    registered = client.search_logged_models([client.get_run(run.id).info.experiment_id])
    client.create_registered_model("quickdraw-2")
    source = f"models:/{registered[0].model_id}"
    client.create_model_version("quickdraw-2", source, run.id, model_id=registered[0].model_id)
    client.set_terminated(run.id, "FAILED")
    with tracker.run(CLASSIFIERS, TRAINING, name="retry", tags={}) as again:
        again.log_classifier(classifier_folder)
    assert again.id == run.id
    models = client.search_logged_models([client.get_run(run.id).info.experiment_id])
    assert len(models) == 2


def owned_by(client: MlflowClient, tracker: Tracker, owner: str, renewed: float) -> str:
    """Leave a run open that another process has a lease on; give its id."""
    with tracker.run(DATA, WHO, name="foreign", tags={}, may_exist=False) as run:
        pass
    client.update_run(run.id, status="RUNNING")
    client.set_tag(run.id, "lease_owner", owner)
    client.set_tag(run.id, "lease_renewed", str(int(renewed)))
    return run.id


HOUR = 3600


@pytest.mark.parametrize(
    ("hours", "status"), [(-1, "RUNNING"), (0, "RUNNING"), (1.5, "RUNNING"), (26, "KILLED")]
)
def test_a_run_of_another_machine_is_closed_when_its_lease_was_not_renewed_for_hours(
    tracker: Tracker, client: MlflowClient, hours: float, status: str
) -> None:
    renewed = time.time() - hours * HOUR
    foreign = owned_by(client, tracker, "0badcafe-0123456789abcdef", renewed)
    tracker.reconcile()
    assert client.get_run(foreign).info.status == status


def test_a_lease_is_renewed_while_its_owner_works(
    tracker: Tracker, client: MlflowClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    often = partial(renewing, every=timedelta(seconds=0.05))
    monkeypatch.setattr("qd_pipeline.tracking.tracker.renewing", often)
    with tracker.run(DATA, WHO, name="long", tags={}) as run:
        client.set_tag(run.id, "lease_renewed", "0")
        for _ in range(200):
            if client.get_run(run.id).data.tags["lease_renewed"] != "0":
                break
        else:
            pytest.fail("the lease was not renewed")


def test_the_run_of_a_process_that_works_is_left_alone(
    tracker: Tracker, client: MlflowClient, classifier_folder: Path, home: Path
) -> None:
    with another_process(home, classifier_folder) as (run, end):
        tracker.reconcile()
        assert client.get_run(run).info.status == "RUNNING"
        assert end("finished") == 0
        assert client.get_run(run).info.status == "FINISHED"


def test_another_data_directory_in_the_same_process_has_a_store_of_its_own(
    tracker: Tracker, tmp_path: Path
) -> None:
    assert tracker is not None
    other = tmp_path / "other"
    assert Settings.load(home=str(other)).mlflow_uri == f"sqlite:///{other}/mlflow.db"


def test_the_table_of_runs_has_a_row_a_run_and_none_at_first(tracker: Tracker) -> None:
    assert run_table(tracker).empty
    failed = failed_run(tracker)
    (row,) = run_table(tracker).to_dict("records")
    found = (row["run_id"], row["name"], row["experiment"], row["status"], row["tags.attempt"])
    assert found == (failed, "fails", DATA, "FAILED", "1")

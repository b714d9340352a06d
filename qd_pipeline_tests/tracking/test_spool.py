"""A tracking server that dies: before the work it is told, in mid-run nothing is lost."""

import os
import signal
from collections.abc import Iterator
from multiprocessing.connection import Connection
from pathlib import Path

import numpy as np
import pytest
from mlflow import MlflowClient

from qd_pipeline.errors import TrackingFailed
from qd_pipeline.learning.reports.charts import confusion_matrix, png
from qd_pipeline.orchestration.runner import PipelineRunner
from qd_pipeline.tracking import CLASSIFIERS, DATA, Identity, LoggedDataset, Tracker
from qd_pipeline_tests.commands import processes, start
from qd_pipeline_tests.orchestration.chain import run, runner
from qd_pipeline_tests.tracking.server import WITHOUT_PAUSES, Gate

WHO = Identity("root", "classifiers", "2")


@pytest.fixture
def gate(port: int, monkeypatch: pytest.MonkeyPatch) -> Iterator[Gate]:
    for name, value in WITHOUT_PAUSES.items():
        monkeypatch.setenv(name, value)
    gate = Gate(port)
    yield gate
    gate.shut()


def tracker_of(gate: Gate, home: Path) -> Tracker:
    return Tracker(gate.url, home / "mlartifacts", gate.url)


def test_a_server_that_does_not_answer_is_told_before_the_work_begins(
    gate: Gate, tmp_path: Path
) -> None:
    gate.shut()
    tracker = tracker_of(gate, tmp_path)
    with (
        pytest.raises(TrackingFailed, match="MLFLOW_TRACKING_URI"),
        tracker.run(DATA, WHO, name="never", tags={}),
    ):
        pytest.fail("the work began")
    assert tracker.waiting == 0


def test_what_a_dead_server_did_not_take_is_sent_when_it_is_back(
    gate: Gate, tmp_path: Path, classifier_folder: Path
) -> None:
    tracker, client = tracker_of(gate, tmp_path), MlflowClient(gate.url)
    for name in ("notes.txt", "more.txt"):
        (tmp_path / name).write_text("noted")
    with tracker.run(CLASSIFIERS, WHO, name="outlives", tags={"colour": "red"}) as tracked:
        tracked.log(metrics={"accuracy": 0.5}, step=1)
        gate.shut()
        tracked.log(metrics={"accuracy": 0.75}, params={"epochs": 2}, step=2)
        tracked.log_file(tmp_path / "notes.txt")
        tracked.log_file(tmp_path / "more.txt")
        matrix = png(confusion_matrix(("a", "b"), np.eye(2, dtype=int).tolist()))
        tracked.log_content(matrix, "m.png")
        cow = LoggedDataset("bitmaps/cow", "0" * 64, "sample", {"rows": 3})
        tracked.log_datasets([cow, LoggedDataset("bitmaps/panda", "1" * 64, "sample", {})])
        tracked.log_classifier(classifier_folder)
        tracked.log(metrics={"test_accuracy": 0.5})
    assert tracked.waits
    assert tracker.waiting == 1
    (tmp_path / "notes.txt").unlink()
    with pytest.raises(TrackingFailed):
        tracker.send_waiting()
    assert tracker.waiting == 1
    gate.open()
    assert client.get_run(tracked.id).info.status == "RUNNING"
    assert tracker.send_waiting() == 1
    assert tracker.waiting == 0
    assert list((tmp_path / "spool").iterdir()) == []
    sent = client.get_run(tracked.id)
    assert sent.info.status == "FINISHED"
    assert sent.data.params == {"epochs": "2"}
    history = client.get_metric_history(tracked.id, "accuracy")
    assert [(each.step, each.value) for each in history] == [(1, 0.5), (2, 0.75)]
    assert {each.path for each in client.list_artifacts(tracked.id)} == {
        "notes.txt",
        "more.txt",
        "m.png",
    }
    assert sent.inputs is not None
    assert sent.outputs is not None
    names = {each.dataset.name for each in sent.inputs.dataset_inputs}
    assert names == {"bitmaps/cow", "bitmaps/panda"}
    (output,) = sent.outputs.model_outputs
    metrics = client.get_logged_model(output.model_id).metrics or []
    assert [(each.key, each.value) for each in metrics] == [("test_accuracy", 0.5)]


def test_a_run_is_continued_when_what_it_logged_before_is_sent(
    gate: Gate, tmp_path: Path, classifier_folder: Path
) -> None:
    tracker, client = tracker_of(gate, tmp_path), MlflowClient(gate.url)
    who = Identity("continued", "classifiers", "2")
    with tracker.run(CLASSIFIERS, who, name="trained", tags={}) as training:
        gate.shut()
        training.log(params={"epochs": 2})
        training.log_classifier(classifier_folder)
    with pytest.raises(TrackingFailed, match="`qd send`"), tracker.again(training.id):
        pytest.fail("the work began")
    gate.open()
    client.log_param(training.id, "epochs", "3")
    with pytest.raises(TrackingFailed, match="`qd send`"), tracker.again(training.id):
        pytest.fail("the work began")
    (place,) = (tmp_path / "spool").iterdir()
    entries = place / "entries.ndjson"
    entries.write_text(entries.read_text().replace('"epochs": "2"', '"epochs": "3"'))
    with tracker.again(training.id):
        version = tracker.registry.register(
            "quickdraw-spool",  # the tests of several files may share the server
            run=training.id,
            classifier="1",
            categories=["cow", "panda"],
            tags={},
        )
    assert version.number == 1
    assert tracker.waiting == 0
    assert client.get_run(training.id).info.status == "FINISHED"


def log_until_killed(url: str, home: Path, told: Connection) -> None:
    """Open a run, tell it, log once more when told to, and end by SIGKILL."""
    os.environ.update(WITHOUT_PAUSES)
    tracker = Tracker(url, home / "mlartifacts", url)
    with tracker.run(DATA, Identity("r", "strokes", "cow"), name="killed", tags={}) as tracked:
        told.send(tracked.id)
        told.recv()
        tracked.log(metrics={"drawings": 7})
        os.kill(os.getpid(), signal.SIGKILL)


def test_a_run_whose_server_died_and_then_itself_is_sent_and_closed(
    gate: Gate, tmp_path: Path
) -> None:
    ours, theirs = processes.Pipe()
    victim = start(log_until_killed, gate.url, tmp_path, theirs)
    assert ours.poll(120)
    killed = ours.recv()
    gate.shut()
    ours.send("go on")
    victim.join()
    assert victim.exitcode == -signal.SIGKILL
    gate.open()
    tracker = tracker_of(gate, tmp_path)
    assert tracker.waiting == 1
    tracker.reconcile()
    found = MlflowClient(gate.url).get_run(killed)
    assert found.info.status == "KILLED"
    assert found.data.metrics == {"drawings": 7}


def test_what_the_server_refuses_stays_and_keeps_nothing_else_from_being_sent(
    gate: Gate, tmp_path: Path
) -> None:
    tracker, client = tracker_of(gate, tmp_path), MlflowClient(gate.url)
    ids = []
    for number in range(2):
        who = Identity("refused", "strokes", str(number))
        with tracker.run(DATA, who, name="refused", tags={}) as tracked:
            gate.shut()
            tracked.log(params={"settings": number})
            gate.open()
        ids.append(tracked.id)
    client.log_param(ids[0], "settings", "another")
    with pytest.raises(TrackingFailed, match=f"{ids[0]}.*still waits"):
        tracker.send_waiting()
    assert tracker.waiting == 1
    assert client.get_run(ids[1]).data.params == {"settings": "1"}


def test_a_training_is_not_lost_when_the_server_dies_in_its_midst(
    gate: Gate, tmp_path: Path
) -> None:
    def run_chain() -> PipelineRunner:
        settings = {"tracking_uri": gate.url}
        return run(runner(tmp_path, settings=settings, network="dense_baseline", units=8), ["2"])

    gate.shut_at = b"val_accuracy"
    made = run_chain()
    assert made.store.find("classifiers", "2") is not None
    assert made.failures["2"].startswith("MLflow")
    gate.open()
    made.tracker.reconcile()
    again = run_chain()
    assert again.failures == {}
    assert again.materialized == ["evaluations 2"]
    client = MlflowClient(gate.url)
    logged = client.get_run(again.store.read("evaluations", "2").metadata["mlflow_run"])
    assert logged.info.status == "FINISHED"
    assert {"accuracy", "val_accuracy", "test_accuracy"} <= set(logged.data.metrics)

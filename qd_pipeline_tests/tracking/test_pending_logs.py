"""What waits to be sent is sent once, and never lost for being unreadable."""

import json
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from mlflow import MlflowClient

from qd_pipeline.errors import TrackingFailed
from qd_pipeline.leases import Leases
from qd_pipeline.tracking import DATA, Identity, Tracker
from qd_pipeline.tracking.entries import Batch, File
from qd_pipeline.tracking.spool import Spool
from qd_pipeline_tests.homes import tracker_in


@pytest.fixture
def tracker(home: Path) -> Tracker:
    return tracker_in(home)


def spool_of(home: Path) -> Spool:
    return Spool(home / "spool", Leases(home / "leases"))


def new_run(tracker: Tracker, number: int = 0) -> str:
    identity = Identity("root", "strokes", str(number))
    with tracker.run(DATA, identity, name="x", tags={}, may_exist=False) as run:
        return run.id


def pending(home: Path, run: str, *metrics: str) -> Path:
    """Leave a pending log with some metrics; give its file of entries."""
    log = spool_of(home).open(run)
    for name in metrics:
        log.add(Batch(params={}, metrics={name: 1.0}, tags={}, step=0, time=0))
    log.close()
    (place,) = [each for each in spool_of(home).waiting() if each.name.startswith(run)]
    return place / "entries.ndjson"


def test_of_two_senders_at_once_each_sends_what_the_other_has_not(
    tracker: Tracker, home: Path
) -> None:
    runs = [new_run(tracker, number) for number in range(12)]
    for run in runs:
        pending(home, run, "drawings")
    client = MlflowClient()
    with ThreadPoolExecutor(4) as pool:
        sent = list(pool.map(lambda _: spool_of(home).send(client), range(4)))
    assert sum(sent) == len(runs)
    assert spool_of(home).waiting() == []
    for run in runs:
        assert len(client.get_metric_history(run, "drawings")) == 1


def of_a_later_version(line: str) -> str:
    return json.dumps({**json.loads(line), "schema": 2})


def of_an_unknown_kind(line: str) -> str:
    return json.dumps({**json.loads(line), "kind": "Hologram"})


def with_an_unknown_field(line: str) -> str:
    return json.dumps({**json.loads(line), "hologram": 1})


def with_values_of_another_kind(line: str) -> str:
    return json.dumps({**json.loads(line), "metrics": [1, 2]})


def torn(line: str) -> str:
    return line[: len(line) // 2]


@pytest.mark.parametrize(
    "change",
    [
        of_a_later_version,
        of_an_unknown_kind,
        with_an_unknown_field,
        with_values_of_another_kind,
        torn,
    ],
)
def test_an_entry_that_cannot_be_read_is_kept_and_told_and_does_not_stop_the_rest(
    tracker: Tracker, home: Path, change: Callable[[str], str]
) -> None:
    bad, good = new_run(tracker, 1), new_run(tracker, 2)
    entries = pending(home, bad, "first", "second", "third")
    lines = entries.read_text().splitlines()
    lines[1] = change(lines[1])
    entries.write_text("".join(f"{line}\n" for line in lines))
    pending(home, good, "drawings")
    with pytest.raises(TrackingFailed, match=f"line 2 of what MLflow run {bad} logged cannot be"):
        tracker.send_waiting()
    client = MlflowClient()
    assert client.get_run(good).data.metrics == {"drawings": 1.0}
    assert client.get_run(bad).data.metrics == {"first": 1.0}
    assert tracker.waiting == 1
    tracker.reconcile()
    assert tracker.waiting == 1
    (place,) = spool_of(home).waiting()
    assert (place / "entries.ndjson").read_text().splitlines() == lines
    # By the version that wrote it, all the rest is sent.
    restored = [*lines[:1], json.dumps({**json.loads(lines[2])}), lines[2]]
    (place / "entries.ndjson").write_text("".join(f"{line}\n" for line in restored))
    assert tracker.send_waiting() == 1
    assert set(client.get_run(bad).data.metrics) == {"first", "third"}


def test_a_last_line_that_was_being_written_when_its_process_was_killed_is_dropped(
    tracker: Tracker, home: Path
) -> None:
    run = new_run(tracker)
    entries = pending(home, run, "first", "second")
    entries.write_text(entries.read_text()[:-20])
    assert tracker.send_waiting() == 1
    assert tracker.waiting == 0
    assert MlflowClient().get_run(run).data.metrics == {"first": 1.0}


@pytest.mark.parametrize("left", ["", "1 ~", "2"])
def test_what_a_power_cut_left_of_the_count_of_sent_entries_does_not_stop_the_rest(
    tracker: Tracker, home: Path, left: str
) -> None:
    run = new_run(tracker)
    entries = pending(home, run, "first", "second", "third")
    (entries.parent / "sent").write_text(left)
    assert tracker.send_waiting() == 1
    wanted = {"third"} if left == "2" else {"first", "second", "third"}
    assert set(MlflowClient().get_run(run).data.metrics) == wanted


def test_an_entry_whose_file_is_gone_is_told(tracker: Tracker, home: Path) -> None:
    run = new_run(tracker)
    note = home / "note.txt"
    note.write_text("noted")
    log = spool_of(home).open(run)
    log.add(File(str(note)))
    log.close()
    (place,) = spool_of(home).waiting()
    (place / "0" / "note.txt").unlink()
    with pytest.raises(TrackingFailed, match=r"its file note\.txt is missing"):
        tracker.send_waiting()
    assert tracker.waiting == 1

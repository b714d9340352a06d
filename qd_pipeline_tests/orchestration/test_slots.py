"""One training at a time, and no killed one in the way of the next."""

import logging
import threading
import time
from pathlib import Path
from uuid import uuid4

import dagster as dg
import pytest

from qd_pipeline.orchestration import instance as instances
from qd_pipeline.orchestration import recovery, slots
from qd_pipeline.orchestration.driver import Driver
from qd_pipeline_tests.orchestration.chain import driver


@pytest.fixture
def made(tmp_path: Path) -> Driver:
    return driver(tmp_path / "home", class_sets=["2"])


def begin(instance: dg.DagsterInstance, run_id: str, tags: dict[str, str]) -> None:
    """Begin a training that takes the one slot."""
    storage = instance.event_log_storage
    storage.initialize_concurrency_limit_to_default(slots.POOL)
    status = dg.DagsterRunStatus.STARTED
    instance.add_run(dg.DagsterRun("training", run_id=run_id, status=status, tags=tags))
    assert storage.claim_concurrency_slot(slots.POOL, run_id, "classifiers").is_claimed


def of_a_killed_process(tags: dict[str, str]) -> dict[str, str]:
    """Give the tags of a run as a process would have set them that began at another moment."""
    ((tag, name),) = tags.items()
    *_, started = name.split("~")
    return {tag: name.replace(started, f"1-{started.partition('-')[2]}")}


def test_a_training_waits_for_the_one_under_way_and_says_so(
    made: Driver, caplog: pytest.LogCaptureFixture
) -> None:
    run_id = str(uuid4())
    begin(made.instance, run_id, instances.owned(run_id))
    storage = made.instance.event_log_storage
    began = time.monotonic()
    threading.Timer(1.5, storage.free_concurrency_slots_for_run, [run_id]).start()
    with caplog.at_level(logging.WARNING, "qd_pipeline"):
        made.make("2", ["classifiers"])
    assert time.monotonic() - began > 1.5
    assert caplog.messages == ["classifiers 2 waits: another training is under way."]
    # It had its turn: there is nothing to learn from yet.
    assert "is not in the store" in made.failures["2"]


def test_nobody_waits_for_a_killed_training(made: Driver) -> None:
    run_id = str(uuid4())
    begin(made.instance, run_id, of_a_killed_process(instances.owned(run_id)))
    assert slots.are_taken(made.instance)
    made.make("2", ["classifiers"])
    assert "is not in the store" in made.failures["2"]
    run = made.instance.get_run_by_id(run_id)
    assert run is not None
    assert run.status is dg.DagsterRunStatus.FAILURE
    assert not slots.are_taken(made.instance)


def test_a_run_that_is_made_again_is_not_taken_for_the_killed_one(made: Driver) -> None:
    killed, again = str(uuid4()), str(uuid4())
    # Dagster hands the tags of the one on to the other.
    begin(made.instance, again, of_a_killed_process(instances.owned(killed)))
    recovery.recover(made.workshop, made.instance)
    run = made.instance.get_run_by_id(again)
    assert run is not None
    assert run.status is dg.DagsterRunStatus.STARTED


def test_a_step_that_has_its_slot_is_counted_once(made: Driver) -> None:
    storage = made.instance.event_log_storage
    storage.set_concurrency_slots(slots.POOL, 2)
    for number in range(2):
        assert not slots.are_taken(made.instance)
        assert storage.claim_concurrency_slot(slots.POOL, str(number), "step").is_claimed
    assert slots.are_taken(made.instance)

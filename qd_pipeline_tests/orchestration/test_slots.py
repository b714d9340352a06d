"""One training at a time, and no killed one in the way of the next."""

import threading
import time
from collections.abc import Iterator
from pathlib import Path

import dagster as dg
import pytest

from qd_pipeline import owner
from qd_pipeline.orchestration import instance as instances
from qd_pipeline.orchestration import recovery, slots
from qd_pipeline_tests.orchestration.chain import Driver, driver


@pytest.fixture
def made(tmp_path: Path) -> Driver:
    return driver(tmp_path / "home", class_sets=["2"])


@pytest.fixture
def held(made: Driver) -> Iterator[str]:
    """Have the slot taken by a run, and give its number."""
    storage = made.instance.event_log_storage
    storage.initialize_concurrency_limit_to_default(slots.POOL)
    run = dg.DagsterRun(
        "classifiers_and_evaluations",
        status=dg.DagsterRunStatus.STARTED,
        tags={instances.OWNER_TAG: owner.token()},
    )
    made.instance.add_run(run)
    assert storage.claim_concurrency_slot(slots.POOL, run.run_id, "classifiers").is_claimed
    yield run.run_id
    storage.free_concurrency_slots_for_run(run.run_id)


def test_a_training_waits_for_the_one_under_way_and_not_a_moment_longer(
    made: Driver, held: str
) -> None:
    said: list[float] = []
    storage = made.instance.event_log_storage
    release = threading.Timer(1.2, storage.free_concurrency_slots_for_run, [held])
    release.start()
    began, worked = time.monotonic(), time.process_time()
    slots.wait(made.instance, lambda: said.append(time.monotonic()))
    assert 1 < time.monotonic() - began < 10
    assert time.process_time() - worked < 0.5
    assert said
    slots.wait(made.instance, lambda: pytest.fail("there is nothing to wait for"))


def test_the_slot_of_a_killed_training_is_taken_back(made: Driver, held: str) -> None:
    machine, number, started = owner.token().split("~")
    dead = f"{machine}~{number}~1-{started.partition('-')[2]}"
    made.instance.add_run_tags(held, {instances.OWNER_TAG: dead})
    recovery.recover(made.workshop, made.instance)
    slots.wait(made.instance, lambda: pytest.fail("there is nothing to wait for"))

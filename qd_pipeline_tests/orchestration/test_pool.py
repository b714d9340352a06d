"""One training at a time, and no killed one in the way of the next."""

import logging
import threading
import time
from pathlib import Path
from uuid import uuid4

import dagster as dg
import pytest

from qd_pipeline.orchestration import ownership, pool, recovery
from qd_pipeline.orchestration.runner import PipelineRunner
from qd_pipeline_tests.orchestration.chain import runner


@pytest.fixture
def made(tmp_path: Path) -> PipelineRunner:
    return runner(tmp_path / "home", settings={"class_sets": {"2": ("cow", "panda")}})


def train(made: PipelineRunner) -> None:
    made.materialize("2", [made.pipeline.stages["classifiers"]])


def begin(instance: dg.DagsterInstance, run_id: str, tags: dict[str, str]) -> None:
    """Begin a training that takes the one slot."""
    storage = instance.event_log_storage
    storage.initialize_concurrency_limit_to_default(pool.TRAINING)
    status = dg.DagsterRunStatus.STARTED
    instance.add_run(dg.DagsterRun("training", run_id=run_id, status=status, tags=tags))
    assert storage.claim_concurrency_slot(pool.TRAINING, run_id, "classifiers").is_claimed


def of_a_killed_process(tags: dict[str, str]) -> dict[str, str]:
    """Return the tags of a run as another process would have set them, which has no lease now."""
    ((tag, owner),) = tags.items()
    run_id, _, store = owner.split(" ")
    return {tag: f"{run_id} {'0' * 16} {store}"}


def owned(made: PipelineRunner, run_id: str) -> dict[str, str]:
    """Return the tags of a run of this process."""
    return ownership.tags(run_id, made.store, made.pipeline.settings)


def test_a_training_waits_for_the_one_that_is_running_and_says_so(
    made: PipelineRunner, caplog: pytest.LogCaptureFixture
) -> None:
    run_id = str(uuid4())
    begin(made.instance, run_id, owned(made, run_id))
    storage = made.instance.event_log_storage
    began = time.monotonic()
    threading.Timer(1.5, storage.free_concurrency_slots_for_run, [run_id]).start()
    with caplog.at_level(logging.WARNING, "qd_pipeline"):
        train(made)
    assert time.monotonic() - began > 1.5
    assert caplog.messages == ["classifiers 2 waits: another training is running."]
    # It had its turn: there is nothing to learn from yet.
    assert "not in the store" in made.failures["2"]


def test_no_training_waits_for_a_killed_one(made: PipelineRunner) -> None:
    run_id = str(uuid4())
    begin(made.instance, run_id, of_a_killed_process(owned(made, run_id)))
    assert pool.is_full(made.instance)
    train(made)
    assert "not in the store" in made.failures["2"]
    run = made.instance.get_run_by_id(run_id)
    assert run is not None
    assert run.status is dg.DagsterRunStatus.FAILURE
    assert not pool.is_full(made.instance)


def test_a_run_of_a_process_that_renews_its_lease_is_not_closed(made: PipelineRunner) -> None:
    run_id, process = str(uuid4()), "1" * 16
    ((tag, owner),) = owned(made, run_id).items()
    begin(made.instance, run_id, {tag: f"{run_id} {process} {owner.split()[-1]}"})
    with made.store.lease(process):
        recovery.close_abandoned(made.pipeline, made.store, made.instance)
        run = made.instance.get_run_by_id(run_id)
        assert run is not None
        assert run.status is dg.DagsterRunStatus.STARTED
        assert pool.is_full(made.instance)
    recovery.close_abandoned(made.pipeline, made.store, made.instance)
    assert not pool.is_full(made.instance)


def test_a_run_that_repeats_a_killed_one_is_not_taken_for_it(made: PipelineRunner) -> None:
    killed, again = str(uuid4()), str(uuid4())
    # Dagster copies the tags of the first to the second.
    begin(made.instance, again, of_a_killed_process(owned(made, killed)))
    recovery.recover(made.pipeline, made.store, made.tracker, made.instance)
    run = made.instance.get_run_by_id(again)
    assert run is not None
    assert run.status is dg.DagsterRunStatus.STARTED


def test_a_step_that_has_its_slot_is_counted_once(made: PipelineRunner) -> None:
    storage = made.instance.event_log_storage
    storage.set_concurrency_slots(pool.TRAINING, 2)
    for number in range(2):
        assert not pool.is_full(made.instance)
        assert storage.claim_concurrency_slot(pool.TRAINING, str(number), "step").is_claimed
    assert pool.is_full(made.instance)

"""The pool of trainings: one at a time, whoever starts them.

Dagster's pages and its daemon leave a run in the queue until there is a slot. A run in this
process would wait for one in a loop without a pause, a whole core long; so we wait before it.
"""

import time
from collections.abc import Callable
from typing import Final

import dagster as dg

POOL: Final = "training"
"""Pool of the assets that train."""

_ENDED: Final = [
    dg.DagsterRunStatus.SUCCESS,
    dg.DagsterRunStatus.FAILURE,
    dg.DagsterRunStatus.CANCELED,
]
_SECONDS_BETWEEN_LOOKS: Final = 0.5


def free_those_of_ended_runs(instance: dg.DagsterInstance) -> None:
    """Take back the slots that runs had when their process was killed."""
    storage = instance.event_log_storage
    holders = list(storage.get_concurrency_run_ids())
    if holders:
        ended = dg.RunsFilter(run_ids=holders, statuses=_ENDED)
        for record in instance.get_run_records(ended):
            storage.free_concurrency_slots_for_run(record.dagster_run.run_id)


def wait(instance: dg.DagsterInstance, on_wait: Callable[[], object]) -> None:
    """Wait until a training may begin.

    Args:
        instance: The home's Dagster instance.
        on_wait: Called before each time that it waits: to say so, to close the runs of killed
            processes.
    """
    while _is_full(instance):
        on_wait()
        free_those_of_ended_runs(instance)
        time.sleep(_SECONDS_BETWEEN_LOOKS)


def _is_full(instance: dg.DagsterInstance) -> bool:
    pool = instance.event_log_storage.get_concurrency_info(POOL)
    taken = len(pool.claimed_slots) + len(pool.pending_steps)
    # No limit is known before the first training.
    return pool.limit is not None and taken >= pool.limit

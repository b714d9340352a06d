"""The concurrency pool of trainings: one at a time, whatever starts them.

Dagster's UI and daemon leave a run in the queue until there is a slot. A run in this process would
wait for one in a loop without a pause, using a whole core; so the runner waits before it.
"""

from typing import Final

import dagster as dg

from qd_pipeline.orchestration.run_statuses import ENDED

TRAINING: Final = "training"
"""Pool of the assets that train."""

SECONDS_BETWEEN_CHECKS: Final = 0.5
"""While waiting for a slot."""


def free_slots_of_ended_runs(instance: dg.DagsterInstance) -> None:
    """Free the slots that runs held when their process was killed."""
    storage = instance.event_log_storage
    holders = list(storage.get_concurrency_run_ids())
    if holders:
        ended = dg.RunsFilter(run_ids=holders, statuses=list(ENDED))
        for record in instance.get_run_records(ended):
            storage.free_concurrency_slots_for_run(record.dagster_run.run_id)


def is_full(instance: dg.DagsterInstance) -> bool:
    """Return whether a training would have to wait."""
    pool = instance.event_log_storage.get_concurrency_info(TRAINING)
    # A step that has its slot may be counted among those that wait for one too.
    claimed = {(step.run_id, step.step_key) for step in pool.claimed_slots}
    steps = claimed | {(step.run_id, step.step_key) for step in pool.pending_steps}
    # No limit is known before the first training.
    return pool.limit is not None and len(steps) >= pool.limit

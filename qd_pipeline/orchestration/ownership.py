"""Which process works on a Dagster run: a tag with its identity, and a lease that it renews."""

import atexit
from contextlib import ExitStack
from datetime import timedelta
from functools import cache
from typing import Final

import dagster as dg

from qd_pipeline.storage import PartitionStore
from qd_pipeline.storage.lease import RENEWED_EVERY, process_id

_TAG: Final = "qd/process"
_OPEN: Final = [
    dg.DagsterRunStatus.NOT_STARTED,
    dg.DagsterRunStatus.STARTING,
    dg.DagsterRunStatus.STARTED,
    dg.DagsterRunStatus.CANCELING,
]


def tags(
    run_id: str, store: PartitionStore, after: timedelta = 4 * RENEWED_EVERY
) -> dict[str, str]:
    """Return the tag that names this process as a run's, and hold this process's lease.

    It names the run too: Dagster copies the tags of a run to the one that repeats it.

    Args:
        run_id: The Dagster run.
        store: Where the lease is held.
        after: How long without a renewal a process counts as killed; it is renewed well before.
    """
    _hold_lease(store, process_id(), min(RENEWED_EVERY, after / 4))
    return {_TAG: f"{run_id} {process_id()}"}


def close_abandoned(
    instance: dg.DagsterInstance, store: PartitionStore, after: timedelta
) -> list[dg.DagsterRun]:
    """Close runs whose process has not renewed its lease for a while, as failed.

    Returns:
        Those runs.
    """
    owned = {
        run.run_id: (run, process)
        for run in instance.get_runs(dg.RunsFilter(statuses=_OPEN))
        for run_id, _, process in [run.tags.get(_TAG, "").partition(" ")]
        if run_id == run.run_id
    }
    if not owned:
        return []
    live = store.live_leases(after) | {process_id()}
    closed = [run for run, process in owned.values() if process not in live]
    for run in closed:
        instance.report_run_failed(run, "Its process was killed, or cannot reach the store.")
    return closed


@cache
def _hold_lease(store: PartitionStore, process: str, every: timedelta) -> None:
    """Hold the lease of this process until it ends."""
    stack = ExitStack()
    stack.enter_context(store.lease(process, {"for": "runs of this process"}, every=every))
    atexit.register(stack.close)

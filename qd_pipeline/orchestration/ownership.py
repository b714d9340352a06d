"""Which process works on a Dagster run: a tag with its identity, and a lease that it renews."""

import atexit
import hashlib
from contextlib import ExitStack
from datetime import timedelta
from functools import cache
from typing import Final

import dagster as dg

from qd_pipeline.leases import Leases
from qd_pipeline.renewal import RENEWED_EVERY
from qd_pipeline.settings import Settings
from qd_pipeline.storage import PartitionStore

# Dagster's UI hides tags that begin so.
_TAG: Final = ".dagster/qd_process"
_OPEN: Final = [
    dg.DagsterRunStatus.NOT_STARTED,
    dg.DagsterRunStatus.STARTING,
    dg.DagsterRunStatus.STARTED,
    dg.DagsterRunStatus.CANCELING,
]


def tags(run_id: str, store: PartitionStore, settings: Settings) -> dict[str, str]:
    """Return the tag that names this process as a run's, and hold this process's lease.

    It names the run too, for Dagster copies the tags of a run to the one that repeats it, and the
    store that holds the lease: a process with another store cannot judge the run.

    Args:
        run_id: The Dagster run.
        store: Where the lease is held.
        settings: The data directory, whose leases name the process, and how long without a renewal
            a process counts as killed; it is renewed well before.
    """
    owner, after = Leases(settings.leases).owner, timedelta(seconds=settings.abandoned_after)
    _hold_lease(store, owner, min(RENEWED_EVERY, after / 4))
    return {_TAG: f"{run_id} {owner} {_name(store)}"}


def is_owned(run: dg.DagsterRun) -> bool:
    """Return whether a process has said that it works on a run."""
    return run.tags.get(_TAG, "").startswith(f"{run.run_id} ")


def close_abandoned(
    instance: dg.DagsterInstance, store: PartitionStore, settings: Settings
) -> list[dg.DagsterRun]:
    """Close runs whose process has ended, or has not renewed its lease for a while, as failed.

    Returns:
        Those runs.
    """
    owned = {
        run.run_id: tag.split(" ")[1]
        for run in instance.get_runs(dg.RunsFilter(statuses=_OPEN))
        if is_owned(run) and (tag := run.tags[_TAG]).endswith(f" {_name(store)}")
    }
    if not owned:
        return []
    leases = Leases(settings.leases)
    live = store.live_leases(timedelta(seconds=settings.abandoned_after)) | {leases.owner}
    closed = []
    for run_id, process in owned.items():
        if process in live and not leases.has_ended(process):
            continue
        # Its process may have ended it, and its lease, since the runs were listed.
        run = instance.get_run_by_id(run_id)
        if run is not None and run.status in _OPEN:
            instance.report_run_failed(run, "Its process was killed, or cannot reach the store.")
            closed.append(run)
    return closed


def _name(store: PartitionStore) -> str:
    return hashlib.sha256(store.url.encode()).hexdigest()[:8]


@cache
def _hold_lease(store: PartitionStore, process: str, every: timedelta) -> None:
    """Hold the lease of this process until it ends."""
    stack = ExitStack()
    stack.enter_context(store.lease(process, {"for": "runs of this process"}, every=every))
    atexit.register(stack.close)

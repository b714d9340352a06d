"""The lease of a process that works on runs."""

import time
from datetime import timedelta
from pathlib import Path

from qd_pipeline.leases import Leases
from qd_pipeline.orchestration import ownership
from qd_pipeline.storage import PartitionStore


def test_a_process_renews_its_lease_well_before_it_would_count_as_killed(tmp_path: Path) -> None:
    store, after = PartitionStore((tmp_path / "store").as_uri()), timedelta(seconds=1)
    leases = Leases(tmp_path / "leases")
    ownership.tags("a run", store, leases, after)
    until = time.monotonic() + 2 * after.total_seconds()
    while time.monotonic() < until:
        assert leases.owner in store.live_leases(after)
        time.sleep(0.2)

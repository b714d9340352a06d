"""The lease of a process that works on runs."""

import time
from datetime import timedelta
from pathlib import Path

from qd_pipeline.orchestration import ownership
from qd_pipeline.storage import PartitionStore
from qd_pipeline.storage.lease import process_id


def test_a_process_renews_its_lease_well_before_it_would_count_as_killed(tmp_path: Path) -> None:
    store, after = PartitionStore((tmp_path / "store").as_uri()), timedelta(seconds=1)
    ownership.tags("a run", store, after)
    until = time.monotonic() + 2 * after.total_seconds()
    while time.monotonic() < until:
        assert process_id() in store.live_leases(after)
        time.sleep(0.2)

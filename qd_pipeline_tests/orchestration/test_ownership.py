"""The lease of a process that works on runs."""

import json
import subprocess
import sys
import time
from datetime import timedelta
from pathlib import Path

import dagster as dg

from qd_pipeline.leases import Leases
from qd_pipeline.orchestration import instance as instances
from qd_pipeline.orchestration import ownership
from qd_pipeline.orchestration.jobs import CATEGORIES, IMPLICIT, OBSERVE_SOURCE
from qd_pipeline.orchestration.launches import abandoned_sensor
from qd_pipeline.orchestration.pipeline import Pipeline
from qd_pipeline.orchestration.resources import resources_of
from qd_pipeline.orchestration.stages.raw_drawings import FILES
from qd_pipeline.settings import Settings
from qd_pipeline.storage import PartitionStore


def test_a_process_renews_its_lease_well_before_it_would_count_as_killed(tmp_path: Path) -> None:
    store, after = PartitionStore((tmp_path / "store").as_uri()), timedelta(seconds=1)
    settings = Settings.load(home=tmp_path, abandoned_after=after.total_seconds())
    ownership.tags("a run", store, settings)
    process = Leases(settings.leases).owner
    until = time.monotonic() + 2 * after.total_seconds()
    while time.monotonic() < until:
        assert process in store.live_leases(after)
        time.sleep(0.2)


def test_of_the_runs_that_no_process_owns_only_those_that_would_have_an_owner_are_closed(
    tmp_path: Path,
) -> None:
    settings = Settings.load(home=tmp_path)
    started = dg.DagsterRunStatus.STARTED
    files, searches = frozenset({dg.AssetKey(FILES)}), frozenset({dg.AssetKey("searches")})
    runs = {
        "chain": dg.DagsterRun(CATEGORIES, status=started),
        "study": dg.DagsterRun(IMPLICIT, asset_selection=searches, status=started),
        "observation": dg.DagsterRun(OBSERVE_SOURCE, status=started),
        "observation in the UI": dg.DagsterRun(IMPLICIT, asset_selection=files, status=started),
        "another's": dg.DagsterRun("job", status=started),
    }
    own = instances.of(tmp_path)
    for run in runs.values():
        own.add_run(run)
    with dg.build_sensor_context(
        own,
        cursor=json.dumps({run.run_id: 0.0 for run in runs.values()}),
        resources={"partition_store": resources_of(settings)["partition_store"]},
    ) as context:
        abandoned_sensor(Pipeline(settings))(context)
    failed = {
        run.run_id for run in own.get_runs(dg.RunsFilter(statuses=[dg.DagsterRunStatus.FAILURE]))
    }
    assert {name for name, run in runs.items() if run.run_id in failed} == {"chain", "study"}


def test_a_forked_process_has_an_identity_of_its_own(tmp_path: Path) -> None:
    script = """
import os, sys
from pathlib import Path
from qd_pipeline.leases import Leases
leases = Leases(Path(sys.argv[1]))
leases.owner
if os.fork():
    os.wait()
print(leases.owner, flush=True)
"""
    command = [sys.executable, "-c", script, str(tmp_path)]
    ran = subprocess.run(command, check=True, capture_output=True, text=True)
    first, second = ran.stdout.split()
    assert first != second

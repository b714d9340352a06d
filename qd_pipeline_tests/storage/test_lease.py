"""Leases: renewed while their owner works, whatever its process and machine are called."""

import os
import subprocess
import sys
import time
from collections.abc import Callable
from datetime import timedelta

import pytest

from qd_pipeline.errors import BadSetting
from qd_pipeline.storage import PartitionStore, lease
from qd_pipeline_tests.storage.stores import folder_of

SOON = timedelta(milliseconds=20)


def test_a_lease_is_live_on_every_machine_while_it_is_held(
    open_store: Callable[[], PartitionStore],
) -> None:
    with open_store().lease("run-1", {"run": "1"}):
        assert open_store().live_leases() == {"run-1"}
    assert open_store().live_leases() == frozenset()


def test_a_lease_is_renewed_while_its_owner_works(local: PartitionStore) -> None:
    objects = local._objects
    with lease.lease(objects, {}, name="training", every=SOON):
        path = folder_of(local) / "leases" / "training"
        os.utime(path, (1e9, 1e9))
        deadline = time.monotonic() + 10
        while not local.live_leases():
            assert time.monotonic() < deadline, "the lease was not renewed"
            time.sleep(0.01)
    assert not path.exists()
    time.sleep(3 * SOON.total_seconds())
    assert not path.exists()


def test_a_lease_that_is_not_renewed_ends(local: PartitionStore) -> None:
    with local.lease("run-1"):
        path = folder_of(local) / "leases" / "run-1"
        at = time.time() - 600
        os.utime(path, (at, at))
        assert local.live_leases(timedelta(minutes=20)) == {"run-1"}
        assert local.live_leases(timedelta(minutes=5)) == frozenset()


def test_the_name_of_a_lease_is_a_plain_one(local: PartitionStore) -> None:
    with pytest.raises(BadSetting), local.lease("../x"):
        pass


def run(script: str, *arguments: str) -> list[str]:
    """Run a script in a process of its own; return the words that it and its forks print."""
    command = [sys.executable, "-W", "ignore", "-c", script, *arguments]
    ran = subprocess.run(command, check=True, capture_output=True, text=True)
    return ran.stdout.split()


def test_processes_have_identities_of_their_own_although_numbers_and_hosts_repeat() -> None:
    script = "from qd_pipeline.storage import lease; print(lease.process_id(), lease.process_id())"
    first, second = run(script), run(script)
    assert first[0] == first[1] != second[0] == second[1]


def test_a_forked_process_has_an_identity_of_its_own() -> None:
    first, second = run("""
import os
from qd_pipeline.storage import lease
lease.process_id()
if os.fork():
    os.wait()
print(lease.process_id(), flush=True)
""")
    assert first != second

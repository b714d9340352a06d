"""Leases: renewed while their owner works, whatever its process and machine are called."""

import errno
import fcntl
import os
import time
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path

import pytest

from qd_pipeline.errors import BadSetting
from qd_pipeline.leases import Leases
from qd_pipeline.storage import PartitionStore, lease
from qd_pipeline_tests.storage.stores import content, folder_of, write

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


def test_where_no_file_can_be_locked_a_process_has_its_id_and_the_store_is_written(
    local: PartitionStore, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*_: object) -> None:
        raise OSError(errno.ENOLCK, os.strerror(errno.ENOLCK))

    monkeypatch.setattr(fcntl, "flock", refuse)
    leases = Leases(tmp_path / "leases")
    own = leases.owner
    assert own == leases.owner
    assert list((tmp_path / "leases").iterdir()) == []
    # Of another process: nothing says that it has ended.
    (tmp_path / "leases" / f"{own}0").touch()
    assert not leases.any_ended
    write(local, "drawn")
    assert content(local) == "drawn"

"""A store that is a folder: links, disks that refuse, killed writers, moved folders."""

import errno
import os
import shutil
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest

from qd_pipeline.errors import DamagedPartition, HomeFailed
from qd_pipeline.storage import PartitionStore
from qd_pipeline_tests.storage.stores import content, folder_of, stored, write

DAY = 24 * 3600.0


def run(script: str, *arguments: str) -> "subprocess.CompletedProcess[str]":
    """Run a script with the store's address as its first argument."""
    header = "import sys\nfrom qd_pipeline.storage import PartitionStore\n"
    header += "store = PartitionStore(sys.argv[1])\n"
    command = [sys.executable, "-c", header + script, *arguments]
    return subprocess.run(command, check=False, capture_output=True, text=True)


def set_back(folder: Path, seconds: float) -> None:
    """Make all that is in a folder as old as the clocks of two machines may differ, or older."""
    at = time.time() - seconds
    for path in (folder, *folder.rglob("*")):
        os.utime(path, (at, at), follow_symlinks=False)


def files_in(folder: Path) -> list[Path]:
    return [path for path in folder.rglob("*") if path.is_file()]


def test_a_stored_file_is_opened_where_it_is_with_its_own_name(local: PartitionStore) -> None:
    with local.stage("evaluations", "8") as staged:
        staged.path("report.html").write_text("<p>")
        partition = staged.publish(fingerprint={}, metadata={})
    path = local.open_local(partition, "report.html")
    assert path.is_relative_to(folder_of(local) / "content" / "evaluations")
    assert path.name == "report.html"
    assert path.parent == local.open_all(partition)


def test_bitmaps_are_memory_mapped_from_the_stored_file(local: PartitionStore) -> None:
    with local.stage("bitmaps", "cow") as staged:
        np.save(staged.path("bitmaps.npy"), np.arange(12, dtype=np.uint8))
        partition = staged.publish(fingerprint={}, metadata={})
    mapped = np.load(local.open_local(partition, "bitmaps.npy"), mmap_mode="r")
    assert isinstance(mapped, np.memmap)
    assert mapped.sum() == 66


@pytest.mark.parametrize(
    "link",
    [
        "manifests/strokes",
        "manifests/strokes/cow",
        "manifests/strokes/cow/00000001.json",
        "content/strokes",
        "content/strokes/{}",
        "content/strokes/{}/table",
    ],
)
def test_a_link_in_the_store_is_not_followed(
    local: PartitionStore, tmp_path: Path, link: str
) -> None:
    partition = write(local, "drawings")
    place, elsewhere = folder_of(local) / link.format(partition.content), tmp_path / "elsewhere"
    place.rename(elsewhere)
    place.symlink_to(elsewhere)
    before = sorted(elsewhere.rglob("*"))
    with pytest.raises(DamagedPartition, match="by a link: remove the link"):
        content(local)
    with pytest.raises(DamagedPartition, match="by a link: remove the link"):
        local.open_all(local.read("strokes", "cow"))
    set_back(folder_of(local), 2 * DAY)
    local.collect_garbage()
    assert sorted(elsewhere.rglob("*")) == before
    assert elsewhere.exists()


def test_a_stage_cannot_publish_links_or_folders(local: PartitionStore, tmp_path: Path) -> None:
    (tmp_path / "secret").write_text("secret")
    for kind in ("link", "folder"):
        with local.stage("strokes", "cow") as staged:
            if kind == "link":
                staged.path("table").symlink_to(tmp_path / "secret")
            else:
                staged.path("table").mkdir()
            with pytest.raises(ValueError, match="plain files"):
                staged.publish(fingerprint={}, metadata={})
    assert local.find("strokes", "cow") is None


def test_a_moved_or_copied_store_is_whole(local: PartitionStore, tmp_path: Path) -> None:
    write(local, "old")
    write(local, "drawings")
    copied, moved = tmp_path / "a copy", tmp_path / "moved"
    shutil.copytree(folder_of(local), copied)
    folder_of(local).rename(moved)
    for place in (copied, moved):
        store = PartitionStore(place.as_uri())
        assert content(store) == "drawings"
        assert store.open_local(store.read("strokes", "cow"), "table").is_relative_to(place)
        store.collect_garbage()
        assert write(store, "more").sequence == 3
        assert content(store) == "more"
    assert not folder_of(local).exists()


def test_two_writers_in_two_processes_end_with_one_complete_result(local: PartitionStore) -> None:
    script = """
for number in range(20):
    with store.stage("strokes", "cow") as staged:
        staged.path("table").write_text(sys.argv[2] * 1000)
        staged.publish(fingerprint={"writer": sys.argv[2], "number": number}, metadata={})
"""
    command = [
        sys.executable,
        "-c",
        "import sys\nfrom qd_pipeline.storage import PartitionStore\n"
        "store = PartitionStore(sys.argv[1])\n" + script,
        local.url,
    ]
    writers = [subprocess.Popen([*command, name]) for name in "ab"]
    seen = set()
    while any(writer.poll() is None for writer in writers):
        # A reader during all the replacements gets one or the other, whole.
        if local.find("strokes", "cow"):
            seen.add(content(local))
    assert [writer.returncode for writer in writers] == [0, 0]
    assert seen <= {"a" * 1000, "b" * 1000}
    assert local.read("strokes", "cow").sequence == 40
    assert list((folder_of(local) / "scratch").iterdir()) == []


def test_what_a_killed_writer_left_goes_by_age_and_not_by_its_process(
    local: PartitionStore,
) -> None:
    killed = run(
        """
import os, signal
with store.stage("strokes", "cow") as staged:
    staged.path("table").write_text("half")
    os.kill(os.getpid(), signal.SIGKILL)
""",
        local.url,
    )
    assert killed.returncode == -9
    assert local.find("strokes", "cow") is None
    write(local, "whole")
    left = [*(folder_of(local) / "scratch").iterdir(), *(folder_of(local) / "leases").iterdir()]
    assert len(left) == 2
    assert local.collect_garbage() == 0
    for path in left:
        set_back(path, 23 * 3600.0)
    assert local.collect_garbage() == 0
    for path in left:
        set_back(path, 25 * 3600.0)
    assert local.collect_garbage() == 1
    assert not any(path.exists() for path in left)
    assert content(local) == "whole"


def test_content_that_was_stored_and_never_named_goes_by_age(local: PartitionStore) -> None:
    killed = run(
        """
import os, signal
store._objects.create = lambda *_: os.kill(os.getpid(), signal.SIGKILL)
store._prepared = True
with store.stage("strokes", "cow") as staged:
    staged.path("table").write_text("never named")
    staged.publish(fingerprint={}, metadata={})
""",
        local.url,
    )
    assert killed.returncode == -9
    write(local, "whole")
    assert len(stored(local)) == 3
    local.collect_garbage()
    assert len(stored(local)) == 3
    set_back(folder_of(local), 2 * DAY)
    local.collect_garbage()
    assert len(stored(local)) == 2
    assert content(local) == "whole"


def test_a_clock_that_is_an_hour_off_deletes_nothing_in_use(local: PartitionStore) -> None:
    write(local, "superseded")
    with local.stage("strokes", "cow") as staged:
        staged.path("table").write_text("at work")
        old = write(local, "published by another")
        for seconds in (3600.0, -3600.0):
            set_back(folder_of(local), seconds)
            local.collect_garbage()
            assert staged.path("table").read_text() == "at work"
            assert content(local) == "published by another"
        staged.publish(fingerprint={}, metadata={})
    assert content(local) == "at work"
    set_back(folder_of(local), 3600.0)
    local.collect_garbage()
    assert local.open_local(old, "table").read_text() == "published by another"


def test_the_grace_period_begins_when_a_partition_is_superseded(local: PartitionStore) -> None:
    old = write(local, "old")
    set_back(folder_of(local), 30 * DAY)
    write(local, "new")
    local.collect_garbage()
    assert local.open_local(old, "table").read_text() == "old"
    set_back(folder_of(local) / "manifests", 2 * DAY)
    local.collect_garbage()
    with pytest.raises(DamagedPartition):
        local.open_local(old, "table")
    assert content(local) == "new"


def test_a_stage_that_works_for_days_keeps_its_files(local: PartitionStore) -> None:
    with local.stage("classifiers", "8") as staged:
        staged.path("network.keras").write_text("epoch 1")
        set_back(folder_of(local) / "scratch", 30 * 3600.0)  # its lease has been renewed
        local.collect_garbage()
        assert staged.path("network.keras").read_text() == "epoch 1"
        staged.publish(fingerprint={}, metadata={})
    assert local.find("classifiers", "8")


def test_a_file_system_without_hard_links_holds_a_store(
    local: PartitionStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*_: object) -> None:
        raise OSError(errno.EPERM, os.strerror(errno.EPERM))

    monkeypatch.setattr(os, "link", refuse)
    assert [write(local, text).sequence for text in ("a", "b")] == [1, 2]
    # A writer that was killed between claiming a number and using it costs that number only.
    (folder_of(local) / "manifests" / "strokes" / "cow" / "00000003.claim").touch()
    assert write(local, "c").sequence == 4
    assert content(local) == "c"
    assert not local._objects.create("manifests/strokes/cow/00000004.json", b"")


OF_OTHERS = [
    ConnectionResetError(errno.ECONNRESET, "Connection reset by peer"),
    TimeoutError("timed out"),
    PermissionError(errno.EACCES, "Permission denied", "/elsewhere/table"),
    FileNotFoundError(errno.ENOENT, "No such file or directory", "/elsewhere"),
    OSError(errno.ENOSPC, "No space left on device", "/elsewhere/table"),
]
OF_THE_DISK = [
    OSError(errno.ENOSPC, "No space left on device"),
    OSError("Can't write data (errno = 28, 'No space left on device')"),
    OSError(errno.EFBIG, "File too large"),
]


@pytest.mark.parametrize("error", OF_OTHERS)
def test_what_the_stage_itself_met_is_not_blamed_on_the_store(
    local: PartitionStore, error: OSError
) -> None:
    with pytest.raises(OSError) as met, local.stage("strokes", "cow"):  # noqa: PT011
        raise error
    assert met.value is error


@pytest.mark.parametrize("error", OF_THE_DISK)
def test_what_the_disk_refused_is_blamed_on_the_store(
    local: PartitionStore, error: OSError
) -> None:
    with pytest.raises(HomeFailed, match="cannot be written"), local.stage("strokes", "cow"):
        raise error


def test_an_error_in_the_staging_folder_is_blamed_on_the_store(local: PartitionStore) -> None:
    with pytest.raises(HomeFailed, match="cannot be written"), local.stage("a", "b") as staged:
        (staged.folder / "missing" / "table").write_text("x")


@pytest.mark.parametrize(("limit", "size"), [(50, 10), (350, 10), (3000, 4000)])
def test_a_limit_on_the_size_of_files_is_told_and_the_old_partition_stays(
    local: PartitionStore, limit: int, size: int
) -> None:
    write(local, "old")
    before = stored(local)
    # 50 bytes are too few for a lease, 350 for a manifest, 3000 for the table.
    refused = run(
        f"""
import resource
resource.setrlimit(resource.RLIMIT_FSIZE, ({limit}, {limit}))
with store.stage("strokes", "cow") as staged:
    staged.path("table").write_bytes(b"x" * {size})
    staged.publish(fingerprint={{}}, metadata={{}})
""",
        local.url,
    )
    assert "HomeFailed" in refused.stderr.splitlines()[-1]
    assert "ulimit -f" in refused.stderr
    assert content(local) == "old"
    assert stored(local) == before
    for part in ("scratch", "leases"):
        assert list((folder_of(local) / part).iterdir()) == []


def test_a_store_that_cannot_be_a_folder_is_one_sentence(tmp_path: Path) -> None:
    (tmp_path / "store").touch()
    with (
        pytest.raises(HomeFailed, match="Not a directory"),
        PartitionStore((tmp_path / "store").as_uri()).stage("strokes", "cow"),
    ):
        pass


def test_looking_for_a_partition_writes_nothing(local: PartitionStore, tmp_path: Path) -> None:
    assert local.find("strokes", "cow") is None
    assert local.keys("strokes") == []
    assert local.snapshot().find("strokes", "cow") is None
    assert files_in(tmp_path) == []

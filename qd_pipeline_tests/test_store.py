"""The store: a reader sees all of a partition or nothing of it."""

import hashlib
import json
import os
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest

from qd_pipeline.errors import BadSetting, DamagedPartition, HomeFailed, MissingPartition
from qd_pipeline.store import MANIFEST, Partition, Store


def write(store: Store, content: str, key: str = "cow") -> Partition:
    with store.draft("strokes", key) as draft:
        draft.path("table").write_text(content)
        return draft.publish(recipe={"code": "1"}, facts={"rows": len(content)})


def folders(store: Store) -> list[Path]:
    return [entry for entry in (store.root / "strokes" / "cow").iterdir() if entry.is_dir()]


def test_a_published_partition_reads_back_with_its_facts(tmp_path: Path) -> None:
    write(Store(tmp_path), "drawings")
    found = Store(tmp_path).read("strokes", "cow")
    assert found.path("table").read_text() == "drawings"
    assert found.facts == {"rows": 8}


def test_the_same_content_has_the_same_version(tmp_path: Path) -> None:
    store = Store(tmp_path)
    first, other, again = write(store, "a"), write(store, "b"), write(store, "a")
    assert first.version == again.version != other.version


def test_a_partition_that_is_not_there_is_named_with_the_command_that_makes_it(
    tmp_path: Path,
) -> None:
    with pytest.raises(MissingPartition, match="`qd make strokes cow`"):
        Store(tmp_path).read("strokes", "cow")


def test_a_draft_that_fails_leaves_the_old_partition_and_no_litter(tmp_path: Path) -> None:
    store = Store(tmp_path)
    write(store, "old")

    def fail_halfway() -> None:
        with store.draft("strokes", "cow") as draft:
            draft.path("table").write_text("half")
            raise RuntimeError

    with pytest.raises(RuntimeError):
        fail_halfway()
    assert store.read("strokes", "cow").path("table").read_text() == "old"
    assert len(folders(store)) == 1


def test_a_new_partition_takes_the_place_of_the_old_and_removes_it(tmp_path: Path) -> None:
    store = Store(tmp_path)
    write(store, "old")
    write(store, "new")
    assert store.read("strokes", "cow").path("table").read_text() == "new"
    assert len(folders(store)) == 1


def test_of_two_writers_at_once_the_last_to_publish_stays_whole(tmp_path: Path) -> None:
    store = Store(tmp_path)
    with store.draft("strokes", "cow") as slow:
        slow.path("table").write_text("slow")
        write(store, "fast")
        assert store.read("strokes", "cow").path("table").read_text() == "fast"
        slow.publish(recipe={}, facts={})
    assert store.read("strokes", "cow").path("table").read_text() == "slow"
    assert len(folders(store)) == 1


def test_what_a_killed_writer_left_is_swept_by_the_next(tmp_path: Path) -> None:
    script = f"""
import os, signal
from pathlib import Path
from qd_pipeline.store import Store
with Store(Path({str(tmp_path)!r})).draft("strokes", "cow") as draft:
    draft.path("table").write_text("half")
    os.kill(os.getpid(), signal.SIGKILL)
"""
    killed = subprocess.run([sys.executable, "-c", script], check=False)
    assert killed.returncode == -9
    store = Store(tmp_path)
    assert store.find("strokes", "cow") is None
    assert len(folders(store)) == 1
    write(store, "whole")
    assert len(folders(store)) == 1


@pytest.mark.parametrize("damage", [b"", b"drawing", b"drawingz", b"drawings "])
def test_a_damaged_file_is_named_with_the_command_that_rebuilds_it(
    tmp_path: Path, damage: bytes
) -> None:
    partition = write(Store(tmp_path), "drawings")
    (partition.folder / "table").write_bytes(damage)
    with pytest.raises(DamagedPartition, match="`qd make strokes cow`"):
        Store(tmp_path).read("strokes", "cow").path("table")


def test_a_missing_file_is_damage_and_no_longer_fresh(tmp_path: Path) -> None:
    store = Store(tmp_path)
    partition = write(store, "drawings")
    assert store.is_fresh("strokes", "cow", {"code": "1"})
    (partition.folder / "table").unlink()
    assert not store.is_fresh("strokes", "cow", {"code": "1"})
    with pytest.raises(DamagedPartition):
        partition.path("table")


def test_a_manifest_with_one_altered_letter_is_refused(tmp_path: Path) -> None:
    store = Store(tmp_path)
    write(store, "drawings")
    manifest = tmp_path / "strokes" / "cow" / MANIFEST
    body = json.loads(manifest.read_text())
    for altered in ({**body, "version": "0"}, {"seal": body["seal"]}):
        manifest.write_text(json.dumps(altered))
        with pytest.raises(DamagedPartition, match="not what was written"):
            store.find("strokes", "cow")
    manifest.write_text(manifest.read_text()[:-3])
    with pytest.raises(DamagedPartition, match="not complete"):
        store.find("strokes", "cow")
    assert not store.is_fresh("strokes", "cow", {"code": "1"})
    write(store, "again")
    assert store.read("strokes", "cow").path("table").read_text() == "again"


@pytest.mark.parametrize("name", ["../cow", "/cow", "", ".", "cow/../../x", "a\0b", "x" * 300])
def test_no_name_leads_out_of_the_store(tmp_path: Path, name: str) -> None:
    store = Store(tmp_path / "store")
    for stage, key in ((name, "cow"), ("strokes", name)):
        with pytest.raises(BadSetting), store.draft(stage, key):
            pass
        with pytest.raises(BadSetting):
            store.find(stage, key)
    assert list(tmp_path.iterdir()) == []


def sealed(body: dict[str, Any]) -> str:
    """Write a manifest as whoever can write to the store could."""
    body.pop("seal", None)
    digest = hashlib.sha256(json.dumps(body, sort_keys=True).encode()).hexdigest()
    return json.dumps({**body, "seal": digest}, indent=1)


@pytest.mark.parametrize(
    "altered",
    [
        {"folder": "../../../elsewhere"},
        {"folder": "/etc"},
        {"folder": ".."},
        {"folder": "a\0b"},
        {"folder": "x" * 300},
        {"files": {"../../../elsewhere/secret": "0" * 64}},
        {"files": {"/etc/passwd": "0" * 64}},
        {"files": {"a/b": "0" * 64}},
        {"stage": "bitmaps"},
        {"key": "panda"},
    ],
)
def test_a_manifest_that_leads_elsewhere_is_refused_and_removes_nothing_there(
    tmp_path: Path, altered: dict[str, Any]
) -> None:
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    (elsewhere / "secret").write_text("secret")
    store = Store(tmp_path / "store")
    manifest = write(store, "drawings").folder.parent / MANIFEST
    manifest.write_text(sealed({**json.loads(manifest.read_text()), **altered}))
    with pytest.raises(DamagedPartition, match=r"leads elsewhere.*`qd make strokes cow`"):
        store.read("strokes", "cow")
    assert not store.is_fresh("strokes", "cow", {"code": "1"})
    write(store, "again")
    store.sweep()
    assert store.read("strokes", "cow").path("table").read_text() == "again"
    assert (elsewhere / "secret").read_text() == "secret"


@pytest.mark.parametrize(
    "link", ["strokes", "strokes/cow", "strokes/cow/{}", "strokes/cow/{}/table"]
)
def test_a_link_in_the_store_is_not_followed(tmp_path: Path, link: str) -> None:
    store = Store(tmp_path / "store")
    folder = write(store, "drawings").folder.name
    place = store.root / link.format(folder)
    place.rename(tmp_path / "elsewhere")
    place.symlink_to(tmp_path / "elsewhere")
    before = sorted((tmp_path / "elsewhere").rglob("*"))
    with pytest.raises(DamagedPartition, match=r"by a link|leads elsewhere"):
        store.read("strokes", "cow")
    store.sweep()
    assert sorted((tmp_path / "elsewhere").rglob("*")) == before
    if "{}" not in link:
        with pytest.raises(DamagedPartition, match="remove the link"):
            write(store, "again")


def test_what_another_machine_left_is_swept_when_it_has_been_silent_for_a_day(
    tmp_path: Path,
) -> None:
    store = Store(tmp_path)
    write(store, "drawings")
    litter = tmp_path / "strokes" / "cow" / "0badcafe"
    litter.mkdir()
    (litter / ".owner").write_text("elsewhere-1~7~7-7")
    store.sweep()
    assert litter.exists()
    for each in (litter / ".owner", litter):
        os.utime(each, (time.time() - 90_000,) * 2)
    store.sweep()
    assert not litter.exists()


def test_a_home_that_cannot_be_written_is_one_sentence(tmp_path: Path) -> None:
    (tmp_path / "store").touch()
    with (
        pytest.raises(HomeFailed, match="cannot be written"),
        Store(tmp_path / "store").draft("strokes", "cow"),
    ):
        pass

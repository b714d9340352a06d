"""A store of any kind: a reader gets all of a partition or nothing of it."""

import json
import threading
from collections.abc import Callable, Iterable
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from qd_pipeline.errors import BadSetting, DamagedPartition, MissingPartition, StoreFailed
from qd_pipeline.storage import PartitionStore, manifest
from qd_pipeline.storage.objects import StoredObject
from qd_pipeline.storage.partition import digest
from qd_pipeline_tests.storage.stores import alter, content, stored, write

NOTHING_OLDER = timedelta(seconds=-5)  # what was written this second is older than this


def test_a_published_partition_reads_back_with_its_metadata(
    open_store: Callable[[], PartitionStore],
) -> None:
    published = write(open_store(), "drawings")
    found = open_store().read("strokes", "cow")
    assert found == published
    assert content(open_store()) == "drawings"
    assert found.metadata == {"rows": 8}
    assert found.files["table"].size == 8


def test_a_partition_that_is_not_there_is_named_with_the_command_that_makes_it(
    store: PartitionStore,
) -> None:
    assert store.find("strokes", "cow") is None
    with pytest.raises(MissingPartition, match="`qd make strokes cow`"):
        store.read("strokes", "cow")


def test_the_same_content_has_the_same_version(store: PartitionStore) -> None:
    first, other, again = write(store, "a"), write(store, "b"), write(store, "a")
    assert first.version == again.version != other.version
    assert (first.sequence, other.sequence, again.sequence) == (1, 2, 3)


def test_the_stage_may_say_what_the_version_is(store: PartitionStore) -> None:
    with store.stage("strokes", "cow") as staged:
        staged.path("table").write_text("drawings")
        staged.publish(fingerprint={}, metadata={}, version="0" * 64)
    assert store.read("strokes", "cow").version == "0" * 64


def test_all_files_are_opened_in_one_folder_under_their_names(store: PartitionStore) -> None:
    with store.stage("classifiers", "2") as staged:
        staged.path("network.keras").write_bytes(b"\0\1")
        staged.path("classes.json").write_text("[]")
        staged.publish(fingerprint={}, metadata={})
    folder = store.open_all(store.read("classifiers", "2"))
    assert {path.name: path.read_bytes() for path in folder.iterdir()} == {
        "network.keras": b"\0\1",
        "classes.json": b"[]",
    }


def test_a_partition_says_where_its_files_are(store: PartitionStore, tmp_path: Path) -> None:
    partition = write(store, "drawings")
    place = str(tmp_path / "store") if store.url.startswith("file:") else store.url
    assert store.location(partition) == f"{place}/content/strokes/{partition.content}"


def test_a_stage_that_fails_leaves_the_old_partition_and_nothing_else(
    store: PartitionStore,
) -> None:
    write(store, "old")
    before = stored(store)

    def fail_halfway() -> None:
        with store.stage("strokes", "cow") as staged:
            staged.path("table").write_text("half")
            raise RuntimeError

    with pytest.raises(RuntimeError):
        fail_halfway()
    assert content(store) == "old"
    assert stored(store) == before
    assert not store.live_leases()


def test_a_reader_of_what_is_superseded_is_not_disturbed_until_the_grace_period_ends(
    store: PartitionStore,
) -> None:
    old = write(store, "old")
    write(store, "new")
    store.collect_garbage()
    assert store.open_local(old, "table").read_text() == "old"
    assert content(store) == "new"
    store.collect_garbage(NOTHING_OLDER)
    assert content(store) == "new"
    assert len(stored(store)) == 2
    assert write(store, "newer").sequence == 3


def test_of_two_writers_at_once_the_last_to_publish_stays_whole(store: PartitionStore) -> None:
    with store.stage("strokes", "cow") as slow:
        slow.path("table").write_text("slow")
        write(store, "fast")
        assert content(store) == "fast"
        slow.publish(fingerprint={}, metadata={})
    assert content(store) == "slow"


def test_writers_at_the_same_moment_end_with_one_complete_result_each_number_once(
    open_store: Callable[[], PartitionStore],
) -> None:
    write(open_store(), "first")
    ready = threading.Barrier(4)
    made: list[tuple[int, str]] = []

    def publish(name: str) -> None:
        with open_store().stage("strokes", "cow") as staged:
            staged.path("table").write_text(name)
            ready.wait()
            partition = staged.publish(fingerprint={"code": name}, metadata={})
            made.append((partition.sequence, name))

    writers = [threading.Thread(target=publish, args=(f"writer {n}",)) for n in range(4)]
    for writer in writers:
        writer.start()
    for writer in writers:
        writer.join()
    assert sorted(sequence for sequence, _ in made) == [2, 3, 4, 5]
    assert content(open_store()) == max(made)[1]


def test_the_loser_of_a_race_takes_the_result_that_was_made_from_the_same(
    store: PartitionStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    with store.stage("strokes", "cow") as staged:
        staged.path("table").write_text("ours")
        create = store._objects.create

        def lose(path: str, body: bytes) -> bool:
            monkeypatch.undo()
            write(store, "theirs", fingerprint="same")
            return create(path, body)

        monkeypatch.setattr(store._objects, "create", lose)
        published = staged.publish(fingerprint={"code": "same"}, metadata={})
    assert published == store.read("strokes", "cow")
    assert content(store) == "theirs"
    assert len(stored(store)) == 2


def test_a_manifest_whose_confirmation_got_lost_is_ours_and_keeps_its_files(
    store: PartitionStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    create = store._objects.create

    def lose_the_answer(path: str, body: bytes) -> bool:
        create(path, body)
        return False

    with store.stage("strokes", "cow") as staged:
        staged.path("table").write_text("ours")
        monkeypatch.setattr(store._objects, "create", lose_the_answer)
        published = staged.publish(fingerprint={}, metadata={})
    assert published.sequence == 1
    assert content(store) == "ours"


def test_a_partition_has_its_files_until_one_is_gone(
    open_store: Callable[[], PartitionStore],
) -> None:
    partition = write(open_store(), "drawings")
    for reader in (open_store(), open_store().snapshot()):
        assert reader.has_files(partition)
    alter(open_store(), partition.path_of("table"), None)
    for reader in (open_store(), open_store().snapshot()):
        assert not reader.has_files(partition)


def test_a_fingerprint_equals_itself_after_json_has_made_lists_of_its_tuples(
    store: PartitionStore,
) -> None:
    with store.stage("strokes", "cow") as staged:
        published = staged.publish(fingerprint={"sets": ("a", "b")}, metadata={})
    assert published.fingerprint == store.read("strokes", "cow").fingerprint == {"sets": ["a", "b"]}


def test_a_snapshot_shows_all_partitions_by_listing_the_store_once(
    store: PartitionStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    for key in ("panda", "cow"):
        write(store, key, key)
    write(store, "newer", "cow")
    listings = []
    listing = store._objects.list

    def counted(prefix: str) -> Iterable[StoredObject]:
        listings.append(prefix)
        return listing(prefix)

    monkeypatch.setattr(store._objects, "list", counted)
    snapshot = store.snapshot()
    assert snapshot.keys("strokes") == ["cow", "panda"]
    assert snapshot.read("strokes", "cow").metadata == {"rows": 5}
    assert snapshot.find("bitmaps", "cow") is None
    assert listings == ["manifests", "content"]
    assert store.keys("strokes") == ["cow", "panda"]
    assert store.keys("bitmaps") == []
    assert len(listings) == 4


@pytest.mark.parametrize("damage", [b"", b"drawing", b"drawingz", b"drawings ", None])
def test_a_damaged_file_is_named_with_the_command_that_rebuilds_it(
    store: PartitionStore, damage: bytes | None
) -> None:
    partition = write(store, "drawings")
    alter(store, partition.path_of("table"), damage)
    with pytest.raises(DamagedPartition, match="`qd make strokes cow`"):
        store.open_local(partition, "table")
    with pytest.raises(DamagedPartition, match="`qd make strokes cow`"):
        store.open_all(partition)
    write(store, "again")
    assert content(store) == "again"


def manifest_of(store: PartitionStore) -> tuple[str, dict[str, Any]]:
    path = manifest.path_of("strokes", "cow", 1)
    return path, json.loads(store._objects.get(path) or b"")


def sealed(body: dict[str, Any]) -> bytes:
    """Write a manifest as anyone who can write to the store could."""
    body.pop("seal", None)
    return json.dumps({**body, "seal": digest(body)}, indent=1).encode()


def test_a_manifest_with_one_altered_letter_is_refused(store: PartitionStore) -> None:
    write(store, "drawings")
    path, body = manifest_of(store)
    for altered in ({**body, "version": "0"}, {"seal": body["seal"]}):
        alter(store, path, json.dumps(altered, indent=1).encode())
        with pytest.raises(DamagedPartition, match="not what was written"):
            store.find("strokes", "cow")
    for altered_text in (sealed(body)[:-3], b"", b"[]", b"null", b"\xff"):
        alter(store, path, altered_text)
        with pytest.raises(DamagedPartition, match="not complete"):
            store.find("strokes", "cow")
    with pytest.raises(DamagedPartition):
        store.snapshot().find("strokes", "cow")
    write(store, "again")
    assert content(store) == "again"


@pytest.mark.parametrize(
    "altered",
    [
        {"content": "../../../elsewhere"},
        {"content": "/etc"},
        {"content": ".."},
        {"content": "a\0b"},
        {"content": "x" * 300},
        {"content": "panda-0123456789abcdef-0123456789abcdef"},
        {"files": {"../../../elsewhere/secret": {"sha256": "0" * 64, "size": 6}}},
        {"files": {"/etc/passwd": {"sha256": "0" * 64, "size": 6}}},
        {"files": {"a/b": {"sha256": "0" * 64, "size": 6}}},
        {"stage": "bitmaps"},
        {"key": "panda"},
        {"sequence": 7},
    ],
)
def test_a_manifest_that_leads_elsewhere_is_refused_and_removes_nothing_there(
    store: PartitionStore, tmp_path: Path, altered: dict[str, Any]
) -> None:
    secret = tmp_path / "elsewhere" / "secret"
    secret.parent.mkdir()
    secret.write_text("secret")
    write(store, "drawings")
    path, body = manifest_of(store)
    alter(store, path, sealed({**body, **altered}))
    with pytest.raises(DamagedPartition, match=r"leads elsewhere.*`qd make strokes cow`"):
        store.read("strokes", "cow")
    write(store, "again")
    store.collect_garbage(NOTHING_OLDER)
    assert content(store) == "again"
    assert secret.read_text() == "secret"


@pytest.mark.parametrize(
    "altered",
    [
        {"files": {"table": {"sha256": "0" * 64, "length": 6}}},
        {"files": []},
        {"fingerprint": None},
        {"metadata": []},
    ],
)
def test_a_manifest_with_fields_that_are_not_known_is_damage_and_no_traceback(
    store: PartitionStore, altered: dict[str, Any]
) -> None:
    write(store, "drawings")
    path, body = manifest_of(store)
    alter(store, path, sealed({**body, **altered}))
    with pytest.raises(DamagedPartition, match="not complete"):
        store.read("strokes", "cow")


@pytest.mark.parametrize("schema", [0, 2, "1", None])
def test_a_manifest_of_another_version_is_refused_with_what_to_do(
    store: PartitionStore, schema: object
) -> None:
    write(store, "drawings")
    path, body = manifest_of(store)
    alter(store, path, sealed({"schema": schema, "anything": body["version"]}))
    with pytest.raises(DamagedPartition, match=r"version.*reads version 1.*`qd make strokes cow`"):
        store.read("strokes", "cow")
    write(store, "again")
    assert content(store) == "again"


@pytest.mark.parametrize("text", [b'{"format": 1}', b'{"format": 3}', b"{}", b"?"])
def test_a_store_of_another_format_is_refused_with_what_to_do(
    open_store: Callable[[], PartitionStore], text: bytes
) -> None:
    write(open_store(), "drawings")
    alter(open_store(), "format.json", text)
    for use in (
        lambda: open_store().find("strokes", "cow"),
        lambda: open_store().snapshot(),
        lambda: open_store().keys("strokes"),
        lambda: write(open_store(), "again"),
        lambda: open_store().collect_garbage(),
    ):
        with pytest.raises(StoreFailed, match=r"reads and writes format 2: name an empty place"):
            use()


def test_a_place_that_holds_something_else_is_not_written_to(store: PartitionStore) -> None:
    alter(store, "strokes/cow/manifest.json", b"{}")
    with pytest.raises(StoreFailed, match="a store of format 1"):
        write(store, "drawings")
    assert not stored(store)


@pytest.mark.parametrize("name", ["../cow", "/cow", "", ".", "cow/../../x", "a\0b", "x" * 300])
def test_no_name_leads_out_of_the_store(store: PartitionStore, tmp_path: Path, name: str) -> None:
    for stage, key in ((name, "cow"), ("strokes", name)):
        with pytest.raises(BadSetting), store.stage(stage, key):
            pass
        with pytest.raises(BadSetting):
            store.find(stage, key)
    with pytest.raises(BadSetting), store.lease(name):
        pass
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("name", ["../x", "/x", "a/b", "", ".hidden"])
def test_a_file_has_a_plain_name(store: PartitionStore, name: str) -> None:
    with store.stage("strokes", "cow") as staged, pytest.raises(ValueError, match="named"):
        staged.path(name)


def test_a_probe_leaves_nothing_and_says_how_far_the_stores_clock_is_ahead(
    store: PartitionStore,
) -> None:
    # An object store stamps whole seconds.
    assert abs(store.probe()) < 30
    assert not list(store._objects.list("leases"))

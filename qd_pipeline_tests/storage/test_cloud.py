"""A store in an object store: credentials, servers that ignore conditions, local copies."""

import os
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import obstore
import pytest
from obstore.store import MemoryStore

from qd_pipeline.errors import BadSetting, DamagedPartition, StoreFailed
from qd_pipeline.storage import PartitionStore, bucket
from qd_pipeline.storage.cloud import CloudObjects
from qd_pipeline_tests.storage.stores import alter, content, write


@pytest.fixture(autouse=True)
def _no_credentials(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    for name in list(os.environ):
        if name.startswith(("AWS_", "GOOGLE_", "AZURE_", "GCE_")):
            monkeypatch.delenv(name)
    monkeypatch.setenv("HOME", str(tmp_path))


@pytest.mark.parametrize(
    ("url", "named"),
    [
        ("s3://drawings/qd", "AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY"),
        ("gs://drawings", "GOOGLE_APPLICATION_CREDENTIALS"),
        ("az://account/container", "AZURE_STORAGE_ACCOUNT_KEY"),
    ],
)
def test_a_cloud_without_credentials_is_told_at_once_without_asking_it(
    url: str, named: str
) -> None:
    began = time.monotonic()
    with pytest.raises(StoreFailed, match=f"without credentials: set {named}"):
        PartitionStore(url)
    assert time.monotonic() - began < 1


@pytest.mark.parametrize(
    ("scheme", "environment"),
    [
        ("s3", {"AWS_ACCESS_KEY_ID": "id", "AWS_SECRET_ACCESS_KEY": "secret"}),
        ("s3", {"AWS_METADATA_ENDPOINT": "http://169.254.169.254"}),
        ("gs", {"GOOGLE_SERVICE_ACCOUNT": "/key.json"}),
        ("az", {"AZURE_STORAGE_ACCOUNT_KEY": "key"}),
    ],
)
def test_credentials_are_found_under_the_names_that_obstore_reads(
    scheme: str, environment: dict[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    assert bucket.has_credentials(scheme)
    for name in environment:
        monkeypatch.setenv(name, "")
    assert not bucket.has_credentials(scheme)


@pytest.mark.parametrize(
    "url",
    ["", "store", "/store", "ftp://host/store", "https://host/store", "file://host/x", "file://",
     "s3://", "s3://me:secret@bucket/x", "file:///x?y", "s3://[x", "memory://a#b"],
)  # fmt: skip
def test_what_is_no_address_of_a_store_is_refused_without_its_secrets(url: str) -> None:
    with pytest.raises(BadSetting) as refused:
        PartitionStore(url)
    assert "secret" not in str(refused.value)


def test_a_server_that_does_not_answer_is_one_sentence_without_secrets(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "id")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "secret")
    monkeypatch.setenv("AWS_ENDPOINT_URL", "http://127.0.0.1:1")
    client = bucket.open_bucket("s3://drawings/qd", retry={"max_retries": 0})
    with pytest.raises(
        StoreFailed, match=r"s3://drawings/qd does not answer.*\(Connection refused\)"
    ) as failed:
        CloudObjects("s3://drawings/qd", client).get("format.json")
    assert "secret" not in str(failed.value)
    assert "\n" not in str(failed.value)


def test_a_server_that_ignores_conditions_is_refused_before_anything_is_written(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    put = obstore.put

    def put_always(bucket: MemoryStore, path: str, body: bytes, **_: object) -> object:
        return put(bucket, path, body)

    monkeypatch.setattr("qd_pipeline.storage.cloud.obstore.put", put_always)
    store = PartitionStore("memory://ignores-conditions")
    for _ in range(2):
        with (
            pytest.raises(StoreFailed, match=r"ignores.*If-None-Match.*use a server"),
            store.stage("strokes", "cow"),
        ):
            pass


def test_two_stores_of_one_name_in_memory_are_the_same() -> None:
    write(PartitionStore("memory://shared"), "drawings")
    assert content(PartitionStore("memory://shared")) == "drawings"
    assert PartitionStore("memory://another").find("strokes", "cow") is None


def test_a_copy_is_made_once_and_made_again_when_it_is_not_right(tmp_path: Path) -> None:
    store = PartitionStore("memory://copies", cache=tmp_path)
    partition = write(store, "drawings")
    path = store.open_local(partition, "table")
    number = path.stat().st_ino
    assert store.open_local(partition, "table").stat().st_ino == number
    path.write_text("altered!")
    assert store.open_local(partition, "table").read_text() == "drawings"
    # A good copy is enough while the stored file is damaged; without it the damage is told.
    alter(store, partition.path_of("table"), b"altered!")
    assert store.open_local(partition, "table").read_text() == "drawings"
    path.unlink()
    with pytest.raises(DamagedPartition):
        store.open_local(partition, "table")
    assert [each.name for each in path.parent.iterdir()] == []


def test_copies_are_shared_by_processes_and_bounded_by_their_size(tmp_path: Path) -> None:
    store = PartitionStore("memory://bounded", cache=tmp_path, cache_bytes=2500)
    partitions = [write(store, str(number) * 1000, f"key{number}") for number in range(4)]
    paths = [store.open_local(partition, "table") for partition in partitions[:3]]
    # All were opened in the last hour: their readers may not have opened the paths yet.
    assert all(path.exists() for path in paths)
    for hours, path in zip((3, 2, 4), paths, strict=True):
        at = time.time() - hours * 3600
        os.utime(path.parent, (at, at))
    newest = store.open_local(partitions[3], "table")
    assert [path.exists() for path in (*paths, newest)] == [False, True, False, True]
    another = PartitionStore("memory://bounded", cache=tmp_path)
    assert another.open_local(partitions[1], "table") == paths[1]


def test_the_cache_is_not_looked_through_for_each_download(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    store = PartitionStore("memory://many", cache=tmp_path, cache_bytes=100_000)
    with store.stage("strokes", "cow") as staged:
        for number in range(50):
            staged.path(f"table{number}").write_text(str(number))
        partition = staged.publish(fingerprint={}, metadata={})
    looked = []
    scandir = os.scandir

    def counted(folder: Any) -> Any:
        looked.append(folder)
        return scandir(folder)

    monkeypatch.setattr(os, "scandir", counted)
    folder = store.open_all(partition)
    monkeypatch.undo()
    assert len(list(folder.iterdir())) == 50
    assert looked.count(folder.parent) == 1


def test_without_a_cache_folder_copies_end_with_the_process(tmp_path: Path) -> None:
    script = """
from qd_pipeline.storage import PartitionStore
store = PartitionStore("memory://x")
with store.stage("strokes", "cow") as staged:
    staged.path("table").write_text("drawings")
    partition = staged.publish(fingerprint={}, metadata={})
path = store.open_local(partition, "table")
print(path, path.read_text())
"""
    ran = subprocess.run(
        [sys.executable, "-c", script],
        check=True,
        capture_output=True,
        text=True,
        env={**os.environ, "TMPDIR": str(tmp_path)},
    )
    path, text = ran.stdout.split()
    assert text == "drawings"
    assert Path(path).is_relative_to(tmp_path)
    assert [each.name for each in tmp_path.iterdir() if each.name.startswith("qd")] == []

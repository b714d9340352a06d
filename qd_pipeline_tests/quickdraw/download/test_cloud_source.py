"""Sources in object stores: read, resumed, and failing in one sentence."""

import os
from pathlib import Path

import obstore
import pytest
from obstore.exceptions import GenericError, PermissionDeniedError
from obstore.store import MemoryStore

from qd_pipeline.errors import SourceFailed
from qd_pipeline.quickdraw.download import Fetched, Limits, fetch, parse_source, source_version
from qd_pipeline.storage import bucket

WHOLE = b"".join(b'{"word":"cow","key_id":"%d"}\n' % key for key in range(2000))
NAME = "full/simplified/cow.ndjson"
QUICK = Limits(attempts=2, backoff=0.001)


@pytest.fixture
def stored(monkeypatch: pytest.MonkeyPatch) -> MemoryStore:
    """Serve a bucket with a file of cows, from memory."""
    memory = MemoryStore()
    obstore.put(memory, NAME, WHOLE)
    monkeypatch.setattr(bucket, "open_bucket", lambda *_, **__: memory)
    return memory


def get(folder: Path, drawings: int | None = None) -> tuple[bytes, Fetched]:
    target, partial = folder / "cow.ndjson", folder / "partial"
    source = parse_source("s3://drawings/quickdraw")
    fetched = fetch(source, "cow", target, partial, drawings=drawings, limits=QUICK)
    return target.read_bytes(), fetched


@pytest.mark.usefixtures("stored")
@pytest.mark.parametrize("wanted", [None, 3, 5000])
def test_a_bucket_is_read_like_the_official_one(tmp_path: Path, wanted: int | None) -> None:
    content, fetched = get(tmp_path, wanted)
    assert content == b"".join(WHOLE.splitlines(keepends=True)[:wanted])
    assert fetched.url == "s3://drawings/quickdraw/full/simplified/cow.ndjson"
    assert fetched.complete is (wanted != 3)


@pytest.mark.parametrize("changed", [False, True])
def test_an_interrupted_download_is_resumed_unless_the_file_has_changed(
    stored: MemoryStore, tmp_path: Path, *, changed: bool
) -> None:
    def interrupt(_done: int, _total: int) -> None:
        raise KeyboardInterrupt

    source, partial = parse_source("s3://drawings/quickdraw"), tmp_path / "partial"
    with pytest.raises(KeyboardInterrupt):
        fetch(source, "cow", tmp_path / "x", partial, drawings=None, on_progress=interrupt)
    os.truncate(partial / "body", 10_000)  # a store in memory sends all in one piece
    newer = WHOLE.replace(b"cow", b"COW") if changed else WHOLE
    if changed:
        obstore.put(stored, NAME, newer)
    content, fetched = get(tmp_path)
    assert content == newer
    assert fetched.resumed_from == (0 if changed else 10_000)


@pytest.mark.usefixtures("stored")
def test_a_download_that_was_interrupted_after_its_last_byte_is_completed(tmp_path: Path) -> None:
    def interrupt(_done: int, _total: int) -> None:
        raise KeyboardInterrupt

    source, partial = parse_source("s3://drawings/quickdraw"), tmp_path / "partial"
    with pytest.raises(KeyboardInterrupt):
        fetch(source, "cow", tmp_path / "x", partial, drawings=None, on_progress=interrupt)
    assert (partial / "body").stat().st_size == len(WHOLE)
    assert get(tmp_path)[0] == WHOLE


def test_the_version_at_the_source_changes_with_the_file(stored: MemoryStore) -> None:
    source = parse_source("gs://drawings")
    first = source_version(source, "cow")
    assert first == source_version(source, "cow")
    obstore.put(stored, NAME, WHOLE)
    assert source_version(source, "cow") != first


@pytest.mark.usefixtures("stored")
def test_a_file_that_is_not_in_the_bucket_is_reported_at_once(tmp_path: Path) -> None:
    source = parse_source("s3://drawings/quickdraw")
    with pytest.raises(SourceFailed, match=r"panda\.ndjson is not there.*full/simplified/ begins"):
        fetch(source, "panda", tmp_path / "x", tmp_path / "partial", drawings=None)


@pytest.mark.parametrize(
    ("error", "message"),
    [
        (PermissionDeniedError("no\n\nDebug source:\nx"), r"was refused \(no\).*credentials"),
        (GenericError("reset\n\nDebug source:\nx"), r"attempt 2 of 2.*it failed \(reset\)"),
    ],
)
@pytest.mark.usefixtures("stored")
def test_a_bucket_that_fails_is_one_sentence(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, error: Exception, message: str
) -> None:
    def fail(*_: object, **__: object) -> None:
        raise error

    monkeypatch.setattr(obstore, "get", fail)
    with pytest.raises(SourceFailed, match=message) as failed:
        get(tmp_path)
    assert "Debug" not in str(failed.value)


def test_a_public_bucket_is_read_without_credentials(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in list(os.environ):
        if name.startswith(("AWS_", "GOOGLE_")):
            monkeypatch.delenv(name)
    monkeypatch.setenv("HOME", str(tmp_path))
    asked: list[bool] = []

    def open_bucket(_url: str, *, anonymous: bool, **_: object) -> MemoryStore:
        asked.append(anonymous)
        return MemoryStore()

    monkeypatch.setattr(bucket, "open_bucket", open_bucket)
    for _ in range(2):
        with pytest.raises(SourceFailed, match="is not there"):
            source_version(parse_source("s3://drawings"), "cow")
        monkeypatch.setenv("AWS_ACCESS_KEY_ID", "id")
        monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "secret")
    assert asked == [True, False]

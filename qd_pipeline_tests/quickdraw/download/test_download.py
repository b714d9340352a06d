import errno
import hashlib
import json
import os
import resource
import signal
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import asdict
from pathlib import Path
from types import MappingProxyType

import pytest

from qd_pipeline import catalog
from qd_pipeline.catalog import Category
from qd_pipeline.errors import BadSetting, HomeFailed, SourceFailed
from qd_pipeline.quickdraw.download import (
    Fetched,
    Limits,
    Source,
    fetch,
    parse_source,
    source_version,
    sweep,
)
from qd_pipeline.quickdraw.download.sources.sample import SampleSource
from qd_pipeline.quickdraw.download.sources.web import OfficialBucket
from qd_pipeline.quickdraw.sample import ANIMALS
from qd_pipeline_tests.mirror import Mirror, after_change, chunked, endless, reset, stall, status

LINES = [b'{"word":"cow","key_id":"%d"}\n' % key for key in range(5000)]
WHOLE = b"".join(LINES)
QUICK = Limits(attempts=1, backoff=0.001)


@pytest.fixture
def mirror(tmp_path: Path) -> Iterator[Mirror]:
    with Mirror(tmp_path / "mirror") as mirror:
        mirror.write("cow", WHOLE)
        yield mirror


@pytest.fixture
def home(tmp_path: Path) -> Path:
    (tmp_path / "home").mkdir()
    return tmp_path / "home"


def get(
    url: str, home: Path, drawings: int | None = None, limits: Limits = QUICK
) -> tuple[bytes, Fetched]:
    target = home / "cow.ndjson"
    source = parse_source(url)
    fetched = fetch(source, "cow", target, home / "partial", drawings=drawings, limits=limits)
    assert [path.name for path in home.iterdir()] == ["cow.ndjson"]
    content = target.read_bytes()
    assert fetched.bytes == len(content)
    assert fetched.sha256 == hashlib.sha256(content).hexdigest()
    return content, fetched


def write(folder: Path, content: bytes) -> str:
    """Write a file of cows into a folder with the bucket's layout; return the folder's URL."""
    path = folder / "full" / "simplified" / "cow.ndjson"
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content)
    return folder.as_uri()


def test_all_is_the_whole_file(mirror: Mirror, home: Path) -> None:
    content, fetched = get(mirror.url, home)
    assert content == WHOLE
    assert (fetched.drawings, fetched.complete, fetched.requested) == (5000, True, None)
    assert fetched.url == f"{mirror.url}/full/simplified/cow.ndjson"
    assert fetched.source == mirror.url


@pytest.mark.parametrize("wanted", [1, 2, 999, 4999])
def test_a_number_gives_the_first_lines(mirror: Mirror, home: Path, wanted: int) -> None:
    content, fetched = get(mirror.url, home, wanted)
    assert content == b"".join(LINES[:wanted])
    assert (fetched.drawings, fetched.complete, fetched.requested) == (wanted, False, wanted)


def test_nothing_beyond_the_first_lines_is_waited_for(mirror: Mirror, home: Path) -> None:
    mirror.always("cow", endless(WHOLE))
    assert get(mirror.url, home, 7000)[0] == WHOLE + b"".join(LINES[:2000])


def test_a_number_that_is_all_gives_a_whole_file(mirror: Mirror, home: Path) -> None:
    content, fetched = get(mirror.url, home, 5000)
    assert (content, fetched.complete) == (WHOLE, True)


def test_fewer_drawings_than_asked_for_are_fine(mirror: Mirror, home: Path) -> None:
    content, fetched = get(mirror.url, home, 10_000)
    assert content == WHOLE
    assert (fetched.drawings, fetched.requested, fetched.complete) == (5000, 10_000, True)


@pytest.mark.parametrize("wanted", [None, 3, 4])
def test_a_last_line_counts_though_no_line_feed_ends_it(tmp_path: Path, wanted: int | None) -> None:
    (tmp_path / "home").mkdir()
    url = write(tmp_path / "mirror", b"one\ntwo\nthree")
    content, fetched = get(url, tmp_path / "home", wanted)
    assert content == b"one\ntwo\nthree"
    assert (fetched.drawings, fetched.complete) == (3, True)


def test_lines_count_whether_or_not_they_are_drawings(tmp_path: Path, home: Path) -> None:
    url = write(tmp_path / "mirror", b"\xff\x00\n\n{}\r\n" + WHOLE)
    assert get(url, home, 4)[0] == b"\xff\x00\n\n{}\r\n" + LINES[0]


def test_a_long_line_is_one_line(tmp_path: Path, home: Path) -> None:
    long = b"[" * 1_000_000 + b"\n"
    url = write(tmp_path / "mirror", long + WHOLE)
    assert get(url, home, 2)[0] == long + LINES[0]


def test_every_source_gives_the_same_bytes(mirror: Mirror, home: Path) -> None:
    over_http, _ = get(mirror.url, home, 100)
    from_folder, _ = get(mirror.folder.as_uri(), home, 100)
    assert over_http == from_folder


def test_the_sample_is_read_like_the_bucket(tmp_path: Path) -> None:
    sample = SampleSource(1, 30)
    target = tmp_path / "x.ndjson"
    few = fetch(sample, ANIMALS[0], target, tmp_path / "partial", drawings=10)
    first = target.read_bytes()
    more = fetch(sample, ANIMALS[0], target, tmp_path / "partial", drawings=10_000)
    assert (few.drawings, few.complete, more.drawings, more.complete) == (10, False, 30, True)
    assert target.read_bytes().startswith(first)


def test_real_drawings_arrive_byte_for_byte(real_drawings: Path, home: Path) -> None:
    original = (real_drawings / "full" / "simplified" / "cow.ndjson").read_bytes()
    with Mirror(real_drawings) as mirror:
        content, fetched = get(mirror.url, home)
    assert content == original
    assert fetched.drawings == 25


@pytest.mark.parametrize("wanted", [0, -1])
def test_no_drawings_cannot_be_asked_for(mirror: Mirror, home: Path, wanted: int) -> None:
    with pytest.raises(BadSetting, match=f"drawings is {wanted}"):
        get(mirror.url, home, wanted)
    assert mirror.requests == []


def test_progress_counts_drawings_or_bytes(mirror: Mirror, home: Path) -> None:
    source, target, partial = parse_source(mirror.url), home / "x", home / "partial"
    told: list[tuple[int, int]] = []

    def tell(done: int, total: int) -> None:
        told.append((done, total))

    fetch(source, "cow", target, partial, drawings=4000, on_progress=tell)
    assert told == sorted(told)
    assert told[-1] == (4000, 4000)
    fetch(source, "cow", target, partial, drawings=None, on_progress=tell)
    assert told[-1] == (len(WHOLE), len(WHOLE))
    mirror.script("cow", chunked())
    fetch(source, "cow", target, partial, drawings=None, on_progress=tell)
    assert told[-1] == (len(WHOLE), 0)


def test_fetched_goes_through_json(mirror: Mirror, home: Path) -> None:
    _, fetched = get(mirror.url, home, 10)
    assert Fetched(**json.loads(json.dumps(asdict(fetched)))) == fetched


def test_the_version_at_the_source_changes_with_the_file_and_costs_no_download(
    mirror: Mirror, home: Path
) -> None:
    source = parse_source(mirror.url)
    first = source_version(source, "cow")
    assert first == source_version(source, "cow") == get(mirror.url, home, 10)[1].etag
    assert mirror.asked("cow")[0].headers["Range"] == "bytes=0-0"
    mirror.write("cow", WHOLE + LINES[0])
    assert source_version(source, "cow") != first


def test_a_date_is_a_version_where_there_is_no_tag(mirror: Mirror) -> None:
    mirror.etags = None
    source = parse_source(mirror.url)
    first = source_version(source, "cow")
    assert first == source_version(source, "cow")
    then = time.time() - 100
    os.utime(mirror.write("cow", WHOLE), (then, then))
    assert source_version(source, "cow") != first


def test_a_file_without_tag_and_date_is_never_known_to_be_unchanged(mirror: Mirror) -> None:
    mirror.etags, mirror.dates = None, False
    source = parse_source(mirror.url)
    assert source_version(source, "cow") != source_version(source, "cow")


def test_the_version_of_a_local_file_changes_when_it_is_written(tmp_path: Path) -> None:
    source = parse_source(write(tmp_path, WHOLE))
    first = source_version(source, "cow")
    assert first == source_version(source, "cow")
    write(tmp_path, WHOLE)
    assert source_version(source, "cow") != first


def test_the_version_of_the_sample_is_its_generator_seed_and_size() -> None:
    versions = {
        source_version(SampleSource(seed, drawings), ANIMALS[0])
        for seed, drawings in ((1, 30), (2, 30), (1, 31), (1, 30))
    }
    assert len(versions) == 3


def test_a_source_that_does_not_answer_has_no_version(mirror: Mirror) -> None:
    mirror.always("cow", status(503))
    with pytest.raises(SourceFailed, match="503"):
        source_version(parse_source(mirror.url), "cow", QUICK)
    mirror.always("cow", status(404))
    with pytest.raises(SourceFailed, match="is not there"):
        source_version(parse_source(mirror.url), "cow", QUICK)


STRICT = Limits(
    attempts=1, min_speed=2**40, speed_window=1e-6, deadline=1e-6, max_bytes=10, backoff=0.001
)


@pytest.mark.parametrize("kind", ["file", "sample"])
def test_limits_of_networks_do_not_apply_to_local_sources(
    tmp_path: Path, home: Path, kind: str
) -> None:
    source: Source = parse_source("sample", sample_drawings=30)
    if kind == "file":
        source = parse_source(write(tmp_path / "mirror", WHOLE))
    fetched = fetch(source, "cow", home / "x", home / "partial", drawings=None, limits=STRICT)
    assert fetched.complete
    assert not source.is_network


def test_an_error_that_is_not_the_disks_is_not_blamed_on_it(mirror: Mirror, home: Path) -> None:
    def fail(_done: int, _total: int) -> None:
        raise ConnectionResetError(errno.ECONNRESET, "Connection reset by peer")

    source = parse_source(mirror.url)
    with pytest.raises(ConnectionResetError):
        fetch(source, "cow", home / "x", home / "partial", drawings=None, on_progress=fail)
    assert get(mirror.url, home)[0] == WHOLE


def test_the_file_may_be_wanted_on_another_disk(mirror: Mirror, home: Path) -> None:
    other = Path("/dev/shm")  # noqa: S108
    if not other.is_dir() or other.stat().st_dev == home.stat().st_dev:
        pytest.skip("needs a second file system in /dev/shm")
    with tempfile.TemporaryDirectory(dir=other) as folder:
        target = Path(folder) / "cow.ndjson"
        fetch(parse_source(mirror.url), "cow", target, home / "partial", drawings=None)
        assert target.read_bytes() == WHOLE
        assert [path.name for path in Path(folder).iterdir()] == ["cow.ndjson"]
    assert list(home.iterdir()) == []


def interrupt(mirror: Mirror, home: Path, after: int = 50_000, drawings: int | None = None) -> None:
    """Break a download off."""
    mirror.script("cow", reset(after=after))
    with pytest.raises(SourceFailed):
        get(mirror.url, home, drawings)
    assert [path.name for path in home.iterdir()] == ["partial"]


@pytest.mark.parametrize("wanted", [None, 3000])
def test_the_next_run_resumes_where_the_last_one_stopped(
    mirror: Mirror, home: Path, wanted: int | None
) -> None:
    interrupt(mirror, home, drawings=wanted)
    content, fetched = get(mirror.url, home, wanted)
    assert content == b"".join(LINES[:wanted])
    assert fetched.resumed_from == 50_000


def test_the_next_run_begins_again_where_the_file_has_changed(mirror: Mirror, home: Path) -> None:
    interrupt(mirror, home)
    newer = WHOLE.replace(b"cow", b"COW")
    mirror.write("cow", newer)
    content, fetched = get(mirror.url, home)
    assert (content, fetched.resumed_from) == (newer, 0)


def test_the_next_run_begins_again_where_the_file_has_shrunk(mirror: Mirror, home: Path) -> None:
    interrupt(mirror, home)
    mirror.script("cow", after_change(LINES[0]))
    assert get(mirror.url, home)[0] == LINES[0]


def test_the_next_run_begins_again_where_fewer_are_wanted(mirror: Mirror, home: Path) -> None:
    interrupt(mirror, home)
    assert get(mirror.url, home, 3)[0] == b"".join(LINES[:3])


def test_bytes_of_another_source_are_not_resumed(mirror: Mirror, home: Path) -> None:
    interrupt(mirror, home)
    content, fetched = get(mirror.folder.as_uri(), home)
    assert (content, fetched.resumed_from) == (WHOLE, 0)


@pytest.mark.parametrize("note", [b"", b"{", b"[]", b'{"address": 1, "size": 2}', b"\xff"])
def test_a_damaged_note_of_the_version_means_to_begin_again(
    mirror: Mirror, home: Path, note: bytes
) -> None:
    interrupt(mirror, home)
    (home / "partial" / "version.json").write_bytes(note)
    content, fetched = get(mirror.url, home)
    assert (content, fetched.resumed_from) == (WHOLE, 0)


def test_bytes_that_were_damaged_on_the_disk_are_downloaded_again(
    mirror: Mirror, home: Path
) -> None:
    interrupt(mirror, home)
    (home / "partial" / "body").write_bytes(bytes(50_000))
    limits = Limits(attempts=2, backoff=0.001)
    content, fetched = get(mirror.url, home, limits=limits)
    assert (content, fetched.resumed_from) == (WHOLE, 0)


def test_an_interrupted_process_keeps_what_arrived(mirror: Mirror, home: Path) -> None:
    def interrupted(_done: int, _total: int) -> None:
        raise KeyboardInterrupt

    source = parse_source(mirror.url)
    with pytest.raises(KeyboardInterrupt):
        fetch(source, "cow", home / "x", home / "partial", drawings=None, on_progress=interrupted)
    content, fetched = get(mirror.url, home)
    assert content == WHOLE
    assert fetched.resumed_from > 0


def test_what_an_earlier_boot_of_the_machine_left_is_not_trusted(
    mirror: Mirror, home: Path
) -> None:
    interrupt(mirror, home)
    note = home / "partial" / "version.json"
    note.write_text(json.dumps(json.loads(note.read_text()) | {"boot": "an earlier one"}))
    content, fetched = get(mirror.url, home)
    assert (content, fetched.resumed_from) == (WHOLE, 0)


def test_a_local_file_that_changes_while_it_is_read_is_read_again(
    tmp_path: Path, home: Path
) -> None:
    older, newer = WHOLE * 4, WHOLE.replace(b"cow", b"COW") * 4
    source = parse_source(write(tmp_path / "mirror", older))
    told: list[int] = []

    def change_it(done: int, _total: int) -> None:
        if not told:
            write(tmp_path / "mirror", newer)
        told.append(done)

    limits = Limits(backoff=0.001)
    target, partial = home / "cow.ndjson", home / "partial"
    fetch(source, "cow", target, partial, drawings=None, limits=limits, on_progress=change_it)
    assert target.read_bytes() == newer


def test_the_next_run_resumes_a_killed_download(mirror: Mirror, home: Path) -> None:
    mirror.script("cow", stall(after=50_000))
    with running(mirror.url, home) as process:
        await_bytes(home, 50_000)
        process.send_signal(signal.SIGKILL)
        process.wait()
    target = home / "cow.ndjson"
    assert not target.exists()
    fetched = fetch(parse_source(mirror.url), "cow", target, home / "partial", drawings=None)
    assert (target.read_bytes(), fetched.resumed_from) == (WHOLE, 50_000)


def test_a_download_in_use_is_copied_and_not_taken(mirror: Mirror, home: Path) -> None:
    mirror.script("cow", stall(after=50_000))
    with running(mirror.url, home) as process:
        await_bytes(home, 50_000)
        source = parse_source(mirror.url)
        target = home / "other.ndjson"
        fetched = fetch(source, "cow", target, home / "partial", drawings=None)
        assert (target.read_bytes(), fetched.resumed_from) == (WHOLE, 50_000)
        assert process.poll() is None
        (in_use,) = home.glob("partial~*")
        assert (in_use / "body").read_bytes() == WHOLE[:50_000]
        process.kill()


def test_what_a_killed_download_left_is_put_back_once_it_is_old(mirror: Mirror, home: Path) -> None:
    interrupt(mirror, home)
    killed = home / "partial~0123456789abcdef"
    (home / "partial").rename(killed)
    (home / "other~0123456789abcdef").mkdir()
    sweep(home)
    assert len(list(home.glob("*~*"))) == 2
    for path in (*home.iterdir(), *killed.iterdir()):
        os.utime(path, (time.time() - 3 * 3600,) * 2)
    sweep(home)
    assert [path.name for path in home.iterdir()] == ["partial"]
    content, fetched = get(mirror.url, home)
    assert (content, fetched.resumed_from) == (WHOLE, 50_000)


def test_several_at_once_all_succeed(mirror: Mirror, home: Path) -> None:
    interrupt(mirror, home)
    together = threading.Barrier(8)

    def one(_: int) -> Fetched:
        together.wait()
        source, target = parse_source(mirror.url), home / "cow.ndjson"
        return fetch(source, "cow", target, home / "partial", drawings=None)

    with ThreadPoolExecutor(8) as pool:
        results = list(pool.map(one, range(8)))
    assert {fetched.sha256 for fetched in results} == {hashlib.sha256(WHOLE).hexdigest()}
    assert [path.name for path in home.iterdir()] == ["cow.ndjson"]
    assert (home / "cow.ndjson").read_bytes() == WHOLE
    assert any(fetched.resumed_from == 50_000 for fetched in results)


def test_the_official_bucket_must_hold_the_official_file(
    mirror: Mirror, home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    bucket = OfficialBucket(mirror.url)
    with pytest.raises(SourceFailed, match="size 153890 instead of 96402135"):
        fetch(bucket, "cow", home / "x", home / "partial", drawings=None)
    md5 = hashlib.md5(WHOLE).hexdigest()  # noqa: S324
    for figures in (Category("cow", 5000, len(WHOLE), md5), Category("cow", 5000, len(WHOLE), "0")):
        monkeypatch.setattr(catalog, "CATEGORIES", MappingProxyType({"cow": figures}))
        if figures.simplified_md5 == md5:
            assert fetch(bucket, "cow", home / "x", home / "partial", drawings=None).complete
        else:
            with pytest.raises(SourceFailed, match="MD5"):
                fetch(bucket, "cow", home / "x", home / "partial", drawings=None)
    assert (home / "x").read_bytes() == WHOLE


def test_the_first_drawings_of_the_official_bucket_need_no_figures(
    mirror: Mirror, home: Path
) -> None:
    assert (
        fetch(OfficialBucket(mirror.url), "cow", home / "x", home / "partial", drawings=5).drawings
        == 5
    )
    with pytest.raises(BadSetting, match="kow"):
        fetch(OfficialBucket(mirror.url), "kow", home / "x", home / "partial", drawings=5)


def fails_on_disk(url: str, home: Path, code: int) -> None:
    """Check that a refusing disk is reported and changes no file."""
    target = home / "cow.ndjson"
    with pytest.raises(HomeFailed, match=os.strerror(code)) as caught:
        fetch(parse_source(url), "cow", target, home / "partial", drawings=None, limits=QUICK)
    assert caught.value.culprit == str(home)
    assert caught.value.remedy
    assert target.read_bytes() == LINES[0]
    assert [path.name for path in home.iterdir()] == ["cow.ndjson"]


def test_a_file_size_limit_is_reported(mirror: Mirror, home: Path) -> None:
    (home / "cow.ndjson").write_bytes(LINES[0])
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (100_000, hard))
    try:
        fails_on_disk(mirror.url, home, errno.EFBIG)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))


def test_a_folder_that_may_not_be_written_is_reported(mirror: Mirror, home: Path) -> None:
    (home / "cow.ndjson").write_bytes(LINES[0])
    with small_disk(home, "ro") if os.geteuid() == 0 else unwritable(home):
        code = errno.EROFS if os.geteuid() == 0 else errno.EACCES
        fails_on_disk(mirror.url, home, code)


def test_a_full_disk_is_reported(mirror: Mirror, home: Path) -> None:
    with small_disk(home, "rw"):
        (home / "cow.ndjson").write_bytes(LINES[0])
        fails_on_disk(mirror.url, home, errno.ENOSPC)


def test_a_folder_with_a_long_name_in_other_letters_works(mirror: Mirror, tmp_path: Path) -> None:
    home = tmp_path / ("Zeichnungen – désordre 絵 " * 3) / ("x" * 200)
    home.mkdir(parents=True)
    assert get(mirror.url, home)[0] == WHOLE


@contextmanager
def unwritable(folder: Path) -> Iterator[None]:
    folder.chmod(0o500)
    try:
        yield
    finally:
        folder.chmod(0o700)


@contextmanager
def small_disk(folder: Path, mode: str) -> Iterator[None]:
    """Put a disk of 100 kB at a folder, with what is there."""
    before = {path.name: path.read_bytes() for path in folder.iterdir()}
    mount = ["mount", "-t", "tmpfs", "-o", "size=100k", "tmpfs", str(folder)]
    if subprocess.run(mount, capture_output=True, check=False).returncode:
        pytest.skip("needs the right to mount a small disk")
    try:
        for name, content in before.items():
            (folder / name).write_bytes(content)
        subprocess.run(["mount", "-o", f"remount,{mode}", str(folder)], check=True)
        yield
    finally:
        subprocess.run(["umount", str(folder)], check=True)


@contextmanager
def running(url: str, home: Path) -> Iterator[subprocess.Popen[bytes]]:
    """Download in a process of its own."""
    code = (
        "import sys; from pathlib import Path\n"
        "from qd_pipeline.quickdraw.download import fetch, parse_source\n"
        "home = Path(sys.argv[2])\n"
        "fetch(parse_source(sys.argv[1]), 'cow', home / 'cow.ndjson', home / 'partial',"
        " drawings=None)\n"
    )
    process = subprocess.Popen([sys.executable, "-c", code, url, str(home)])
    try:
        yield process
    finally:
        process.kill()
        process.wait()


def await_bytes(home: Path, count: int) -> None:
    """Wait until so many bytes have arrived on the disk."""
    until = time.monotonic() + 120
    while not any(path.stat().st_size >= count for path in home.glob("partial~*/body")):
        assert time.monotonic() < until
        time.sleep(0.01)

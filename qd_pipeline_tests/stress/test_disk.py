"""A disk that refuses: one sentence, the old partitions as they were, no orphans."""

import os
import shutil
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from qd_pipeline.errors import DamagedPartition
from qd_pipeline.storage import PartitionStore
from qd_pipeline_tests.commands import qd
from qd_pipeline_tests.homes import prepare

NOBODY = 65534
STAGES = {
    "raw_drawings": "cow",
    "strokes": "cow",
    "bitmaps": "cow",
    "classifiers": "2",
    "evaluations": "2",
}
STRESS = bool(os.environ.get("QD_STRESS"))
LIMITED = tuple(STAGES) if STRESS else ("raw_drawings", "bitmaps", "classifiers")
PLACES = [
    *("store/content/bitmaps", "store/manifests/bitmaps/cow"),
    *("dagster", "dagster/history", "."),
]
TINY = (
    *("--class-set", "2", "--epochs", "1", "--drawings", "30"),
    *("--network", "dense_baseline", "--units", "8"),
)
as_root = pytest.mark.skipif(os.geteuid() != 0, reason="needs root")


def contents(home: Path) -> dict[str, bytes]:
    """Return every file of the store's partitions."""
    return {
        str(path.relative_to(home / "store")): path.read_bytes()
        for part in ("content", "manifests")
        for path in sorted((home / "store" / part).rglob("*"))
        if path.is_file()
    }


def store_of(home: Path) -> PartitionStore:
    return PartitionStore((home / "store").as_uri())


def ensure_untouched(home: Path, before: dict[str, bytes]) -> None:
    """Assert that the store is as it was, without orphans."""
    assert contents(home) == before
    ensure_no_orphans(home)


def ensure_old_or_new(home: Path, before: dict[str, bytes], stage: str, key: str) -> None:
    """Assert that one partition at most is another than it was, and complete."""
    another = {name for name, _ in before.items() ^ contents(home).items()}
    places = (f"content/{stage}/{key}-", f"manifests/{stage}/{key}/")
    assert all(name.startswith(places) for name in another)
    store = store_of(home)
    store.open_all(store.read(stage, key))
    ensure_no_orphans(home)


def ensure_no_orphans(home: Path) -> None:
    for folder in ("partial", "store/scratch", "store/leases"):
        assert list((home / folder).glob("*")) == []
    assert list(home.rglob("*~*")) == []
    store = store_of(home)
    made = [store.read(stage, key) for stage in STAGES for key in store.keys(stage)]
    superseded = [path for path in home.glob("store/manifests/*/*/*") if path.is_file()]
    assert len(list(home.glob("store/content/*/*"))) == len(superseded) >= len(made)


def ensure_one_sentence(printed: str) -> None:
    assert "Traceback" not in printed, printed
    told = [line for line in printed.splitlines() if "✗" in line]
    assert told, printed
    assert len(set(told)) == len(told)


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a data directory with the class set of two."""
    home = prepare(tmp_path_factory.mktemp("made") / "home")
    output = home.parent / "output.txt"
    with qd(output, "run", *TINY, "--home", str(home)) as command:
        assert command.end() == 0, command.printed
    return home


@pytest.fixture
def home(made: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(made, tmp_path / "home"))


@pytest.mark.parametrize("stage", LIMITED)
def test_a_limit_on_the_size_of_files_is_told_by_every_stage(
    home: Path, tmp_path: Path, stage: str, record_property: Callable[[str, object], None]
) -> None:
    # Dagster's and MLflow's databases are larger than the limit already, and may not grow.
    before = contents(home)
    arguments = ("make", stage, STAGES[stage], "--drawings", "300", "--home", str(home))
    limit = 20_000
    with qd(tmp_path / "output.txt", *arguments, largest_file=limit) as command:
        assert command.end() == 1
    ensure_one_sentence(command.printed)
    ensure_untouched(home, before)
    record_property("times", 1)


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """Mount a file system of 40 MB."""
    folder = tmp_path / "disk"
    folder.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", "size=40m", "tmpfs", str(folder)]
    if os.geteuid() != 0 or subprocess.run(mount, check=False, capture_output=True).returncode:
        pytest.skip("needs to mount a small file system")
    try:
        yield folder
    finally:
        subprocess.run(["umount", "--lazy", str(folder)], check=True)


def test_a_full_disk_is_told_by_every_stage_and_nothing_is_lost(
    made: Path, small_disk: Path, tmp_path: Path, record_property: Callable[[str, object], None]
) -> None:
    home, output = small_disk / "home", tmp_path / "output.txt"
    shutil.copytree(made, home)
    before = contents(home)
    # What is free is less than the stage's files, or nothing at all: then it is the databases
    # that cannot be written.
    rooms = [0, 4096, 65536, 262144, 1_000_000] if STRESS else [0, 262144]
    times = 0
    for room in rooms:
        for stage, key in STAGES.items() if STRESS else [("raw_drawings", "cow")]:
            ballast = small_disk / "ballast"
            with ballast.open("wb") as file:
                free = os.statvfs(small_disk).f_bavail * os.statvfs(small_disk).f_frsize
                os.posix_fallocate(file.fileno(), 0, max(free - room, 1))
            with qd(output, "make", stage, key, "--drawings", "9000", "--home", str(home)) as full:
                code = full.end()
            # 9,000 drawings fit into no room, and nothing fits into none; other stages may fit.
            if room == 0 or stage == "raw_drawings":
                assert code == 1, (room, stage)
                ensure_untouched(home, before)
            if code:
                ensure_one_sentence(full.printed)
                # It may be published already when a database has no room for the news of it.
                ensure_old_or_new(home, before, stage, key)
                times += 1
            ballast.unlink()
            before = contents(home)
    with qd(output, "make", "raw_drawings", "cow", "--home", str(home)) as healed:
        assert healed.end() == 0, healed.printed
    record_property("times", times)


def give_away(*paths: Path) -> None:
    for path in paths:
        os.chown(path, NOBODY, NOBODY)
        path.chmod(0o755 if path.is_dir() else 0o644)


@as_root
def test_a_home_of_somebody_else_is_told_and_left_alone(home: Path, tmp_path: Path) -> None:
    give_away(home, *home.rglob("*"))
    before = contents(home)
    arguments = ("make", "bitmaps", "cow", "--home", str(home))
    with qd(tmp_path / "output.txt", *arguments, privileged=False) as command:
        assert command.end() == 1
    assert "cannot be written" in command.said
    ensure_one_sentence(command.printed)
    ensure_untouched(home, before)


@as_root
@pytest.mark.parametrize("place", PLACES if STRESS else PLACES[::2])
def test_a_part_of_the_home_that_became_read_only_is_told(
    home: Path, tmp_path: Path, place: str
) -> None:
    paths = [home / place, *(home / place).rglob("*")] if place == "." else [home / place]
    if place.startswith("dagster"):
        paths += [path for path in (home / place).rglob("*") if path.suffix.startswith(".db")]
    give_away(*paths)
    before = contents(home)
    arguments = ("make", "bitmaps", "cow", "--home", str(home))
    with qd(tmp_path / "output.txt", *arguments, privileged=False) as command:
        assert command.end() == 1
    ensure_one_sentence(command.printed)
    ensure_untouched(home, before)


def test_a_disk_that_became_read_only_is_told(
    made: Path, small_disk: Path, tmp_path: Path, record_property: Callable[[str, object], None]
) -> None:
    home, output = small_disk / "home", tmp_path / "output.txt"
    shutil.copytree(made, home)
    subprocess.run(["mount", "-o", "remount,ro", str(small_disk)], check=True)
    before = contents(home)
    with qd(output, "make", "bitmaps", "cow", "--home", str(home)) as refused:
        assert refused.end() == 1
    ensure_one_sentence(refused.printed)
    ensure_untouched(home, before)
    subprocess.run(["mount", "-o", "remount,rw", str(small_disk)], check=True)
    with qd(output, "make", "bitmaps", "cow", "--home", str(home)) as healed:
        assert healed.end() == 0, healed.printed
    record_property("times", 1)


def damaged(content: bytes, chance: int) -> Iterator[bytes]:
    """Yield a file cut short, emptied, lengthened, and with single bits turned."""
    yield content + b"\0"
    if not content:
        return  # nothing can be taken from it
    yield content[: len(content) // 2]
    yield content[:-1]
    yield b""
    for bit in (0, len(content) * 4 + chance % 8, len(content) * 8 - 1):
        turned = bytearray(content)
        turned[bit // 8] ^= 1 << bit % 8
        yield bytes(turned)


def test_a_damaged_file_of_any_stage_is_told_with_the_command_that_rebuilds_it(
    made: Path, record_property: Callable[[str, object], None]
) -> None:
    store, times = store_of(made), 0
    for partition in [store.read(stage, key) for stage in STAGES for key in store.keys(stage)]:
        stage, key = partition.stage, partition.key
        manifest = f"{made}/store/manifests/{stage}/{key}/{partition.sequence:08}.json"
        files = Path(store.location(partition))
        for path in (*(files / name for name in partition.files), Path(manifest)):
            content = path.read_bytes()
            for bad in damaged(content, times):
                path.write_bytes(bad)
                with pytest.raises(DamagedPartition, match=f"`qd make {stage} {key}`"):
                    store.open_all(store.read(stage, key))
                times += 1
            path.write_bytes(content)
        store.open_all(store.read(stage, key))
    assert times > 100
    record_property("times", times)


def test_what_is_damaged_is_not_learned_from_and_what_is_rebuilt_is(
    home: Path, tmp_path: Path
) -> None:
    output, store = tmp_path / "output.txt", store_of(home)
    before = contents(home)
    for stage, name in (("strokes", "table.parquet"), ("bitmaps", "bitmaps.npy")):
        path = Path(store.location(store.read(stage, "cow")), name)
        content = path.read_bytes()
        path.write_bytes(content[:-1] + bytes([content[-1] ^ 1]))
        with qd(output, "run", *TINY, "--seed", "1", "--home", str(home)) as command:
            assert command.end() == 1
        assert f"`qd make {stage} cow " in command.said
        path.write_bytes(content)
    assert contents(home) == before
    trained = store.read("classifiers", "2")
    path = Path(store.location(trained), "network.keras")
    path.write_bytes(path.read_bytes()[:-1])
    with qd(output, "make", "evaluations", "2", "--home", str(home)) as command:
        assert command.end() == 1
    assert "`qd make classifiers 2 " in command.said
    # The remedy makes what was there: with the settings, not the defaults.
    with qd(output, "make", "classifiers", "2", "--home", str(home)) as command:
        assert command.end() == 0, command.printed
    rebuilt = store.read("classifiers", "2")
    assert rebuilt.metadata["run_config"]["epochs"] == 1
    assert (rebuilt.fingerprint, rebuilt.version) == (trained.fingerprint, trained.version)

"""Killed with SIGKILL at any moment: nothing lost, nothing half-written, nothing left open."""

import os
import random
import re
import time
from collections.abc import Callable, Iterator, Mapping
from datetime import timedelta
from pathlib import Path

import dagster as dg
import pytest
from mlflow import MlflowClient

from qd_pipeline.orchestration import instance
from qd_pipeline.quickdraw import sample
from qd_pipeline.quickdraw.download import sweep
from qd_pipeline.storage import Partition, PartitionStore
from qd_pipeline_tests.commands import qd
from qd_pipeline_tests.homes import prepare
from qd_pipeline_tests.mirror import Mirror, drip

TIMES = 50 if os.environ.get("QD_STRESS") else 1
SEED = int(os.environ.get("QD_STRESS_SEED", "20240229"))
SOON = {"QD_ABANDONED_AFTER": "2"}
"""A killed process is noticed in the time of a test."""

STAGES = {
    "raw_drawings": ("cow", "panda"),
    "strokes": ("cow", "panda"),
    "bitmaps": ("cow", "panda"),
    "classifiers": ("2",),
    "evaluations": ("2",),
}


def store_of(home: Path) -> PartitionStore:
    return PartitionStore((home / "store").as_uri())


def published(home: Path) -> dict[tuple[str, str], Partition]:
    """Return every published partition, after checking every byte of it."""
    store = store_of(home)
    found = {(stage, key): store.find(stage, key) for stage, keys in STAGES.items() for key in keys}
    made = {name: partition for name, partition in found.items() if partition is not None}
    for partition in made.values():
        store.open_all(partition)
    return made


def versions(made: Mapping[tuple[str, str], Partition]) -> set[tuple[str, str]]:
    return {(f"{stage}/{key}", each.version) for (stage, key), each in made.items()}


def ensure_nothing_mixed(home: Path, known: set[tuple[str, str]]) -> None:
    """Assert that all inputs of what is published were complete partitions themselves."""
    for (stage, key), partition in published(home).items():
        inputs = partition.fingerprint["inputs"].items()
        read = {each for each in inputs if not each[0].startswith("quickdraw_files/")}
        assert read <= known, (stage, key)


def ensure_no_run_is_open(home: Path) -> None:
    client = MlflowClient(f"sqlite:///{home}/mlflow.db")
    ids = [experiment.experiment_id for experiment in client.search_experiments()]
    assert list(client.search_runs(ids, "attributes.status = 'RUNNING'")) == []
    over = {
        dg.DagsterRunStatus.SUCCESS,
        dg.DagsterRunStatus.FAILURE,
        dg.DagsterRunStatus.CANCELED,
    }
    with instance.of(home) as dagster:
        assert {run.status for run in dagster.get_runs()} <= over
        for (stage, key), partition in published(home).items():
            assert told_version(dagster, stage, key) == partition.version


def ensure_a_day_later_nothing_is_left(home: Path) -> None:
    """Assert that garbage collection keeps what is published and no more."""
    day = timedelta(days=1, hours=1).total_seconds()
    for path in (*home.glob("dagster~*"), *home.glob("store/**/*"), *home.glob("partial/**/*")):
        os.utime(path, (path.stat().st_atime - day, path.stat().st_mtime - day))
    store, made = store_of(home), published(home)
    store.collect_garbage()
    sweep(home / "partial")
    instance.prepare(home)
    kept = {str(path.relative_to(home / "store")) for path in home.glob("store/content/*/*")}
    assert kept == {partition.content_path for partition in made.values()}
    assert len(list(home.glob("store/manifests/*/*/*"))) == len(made)
    for folder in ("scratch", "leases"):
        assert list((home / "store" / folder).iterdir()) == []
    # What can be resumed is kept under its own name.
    assert {path.name for path in (home / "partial").glob("*")} <= set(STAGES["raw_drawings"])
    assert [entry.name for entry in home.iterdir() if "~" in entry.name] == []
    assert published(home) == made


def told_version(dagster: dg.DagsterInstance, stage: str, key: str) -> str | None:
    wanted = dg.AssetRecordsFilter(asset_key=dg.AssetKey(stage), asset_partitions=[key])
    made = dagster.fetch_materializations(wanted, limit=1).records[0].asset_materialization
    assert made is not None
    return (made.tags or {}).get("dagster/data_version")


def arguments(home: Path, mirror: Mirror, drawings: int) -> tuple[str, ...]:
    choices = {"--source": mirror.url, "--home": str(home), "--drawings": str(drawings)}
    chosen = [part for choice in choices.items() for part in choice]
    small = ("--network", "dense_baseline", "--units", "8")
    return ("run", "--class-set", "2", "--epochs", "1", *small, *chosen)


@pytest.fixture
def mirror(tmp_path: Path) -> Iterator[Mirror]:
    """Return a mirror of two categories, which takes its time."""
    with Mirror(tmp_path / "mirror") as mirror:
        for category in STAGES["strokes"]:
            mirror.write(category, b"".join(sample.ndjson_lines(category, 40 + TIMES, 0)))
            mirror.always(category, drip(piece=1000, pause=0.01))
        yield mirror


def test_a_process_killed_at_any_moment_leaves_what_the_next_run_takes_up(
    tmp_path: Path, mirror: Mirror, record_property: Callable[[str, object], None]
) -> None:
    chance = random.Random(SEED)  # noqa: S311 (moments are no secrets)
    output = tmp_path / "output.txt"
    length, moments = 0.0, []
    homes = [prepare(tmp_path / "home")]
    known: set[tuple[str, str]] = set()
    for number in range(TIMES + 1):
        # One drawing more: every stage has to be made anew. Every third home is a new one.
        if number % 3 == 2:
            homes.append(tmp_path / f"home {number}")
        home = homes[-1]
        before = published(home)
        with qd(output, *arguments(home, mirror, 40 + number)) as victim:
            began = time.monotonic()
            if number == 0:
                assert victim.end() == 0, victim.printed
                length = time.monotonic() - began
                known |= versions(published(home))
                continue
            moments.append(chance.uniform(0, length))
            victim.process.join(moments[-1])
            victim.kill()
        after = published(home)
        known |= versions(after)
        assert before.keys() <= after.keys()
        ensure_nothing_mixed(home, known)
        # By folder: from one test drawing more comes the very same classifier.
        made = {name for name in after if after[name] != before.get(name)}
        time.sleep(float(SOON["QD_ABANDONED_AFTER"]) + 0.1)
        with qd(output, *arguments(home, mirror, 40 + number), environment=SOON) as heir:
            assert heir.end() == 0, heir.printed
        # What the killed process had published is not made again.
        counted = rf"\b{8 - len(made)} partitions? materialized, {len(made)} already up to date"
        assert re.search(counted, heir.said) or (
            len(made) == 8 and "Everything is up to date." in heir.said
        ), heir.said
        known |= versions(published(home))
        ensure_nothing_mixed(home, known)
        ensure_no_run_is_open(home)
        ensure_a_day_later_nothing_is_left(home)
    record_property("times", TIMES)
    record_property("seed", SEED)
    record_property("moments", [round(each, 2) for each in moments])

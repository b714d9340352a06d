"""Killed with SIGKILL at any moment: nothing lost, nothing half-written, nothing left open."""

import os
import random
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import dagster as dg
import pytest
from mlflow import MlflowClient

from qd_pipeline.orchestration import instance
from qd_pipeline.quickdraw import sample
from qd_pipeline.store import MANIFEST, Store
from qd_pipeline_tests.commands import qd
from qd_pipeline_tests.mirror import Mirror, drip

TIMES = 50 if os.environ.get("QD_STRESS") else 2
SEED = int(os.environ.get("QD_STRESS_SEED", "20240229"))
STAGES = {
    "raw_drawings": ("cow", "panda"),
    "strokes": ("cow", "panda"),
    "bitmaps": ("cow", "panda"),
    "classifiers": ("2",),
    "evaluations": ("2",),
}


def partitions(home: Path) -> dict[tuple[str, str], str]:
    """Give the version of every published partition, after checking every byte of it."""
    store, found = Store(home / "store"), {}
    for stage, keys in STAGES.items():
        for key in keys:
            partition = store.find(stage, key)
            if partition is not None:
                partition.verified()
                found[stage, key] = partition.version
    return found


def folders(home: Path) -> dict[tuple[str, str], str]:
    """Give the folder of every published partition: another one whenever it is made again."""
    store = Store(home / "store")
    found = {(stage, key): store.find(stage, key) for stage, keys in STAGES.items() for key in keys}
    return {name: partition.folder.name for name, partition in found.items() if partition}


def see_nothing_mixed(home: Path, published: set[tuple[str, str, str]]) -> None:
    """See that all inputs of what is published were complete partitions themselves."""
    store = Store(home / "store")
    for stage, key in partitions(home):
        for name, version in store.read(stage, key).recipe.get("inputs", {}).items():
            assert (*name.split("/"), version) in published, (stage, key, name)


def see_all_in_order(home: Path) -> None:
    """See that nothing lies about and no run is open."""
    store = home / "store"
    for stage, keys in STAGES.items():
        for key in keys:
            folder = Store(store).read(stage, key).folder.name
            assert {entry.name for entry in (store / stage / key).iterdir()} == {MANIFEST, folder}
    partial = home / "partial"
    assert not partial.is_dir() or list(partial.iterdir()) == []
    assert [entry.name for entry in home.iterdir() if "~" in entry.name] == []
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
        for (stage, key), version in partitions(home).items():
            assert told_version(dagster, stage, key) == version


def told_version(dagster: dg.DagsterInstance, stage: str, key: str) -> str | None:
    wanted = dg.AssetRecordsFilter(asset_key=dg.AssetKey(stage), asset_partitions=[key])
    made = dagster.fetch_materializations(wanted, limit=1).records[0].asset_materialization
    assert made is not None
    return (made.tags or {}).get("dagster/data_version")


def arguments(home: Path, mirror: Mirror, drawings: int) -> tuple[str, ...]:
    choices = {"--source": mirror.url, "--home": str(home), "--drawings": str(drawings)}
    chosen = [part for choice in choices.items() for part in choice]
    return ("run", "--class-counts", "2", "--epochs", "1", *chosen)


@pytest.fixture
def mirror(tmp_path: Path) -> Iterator[Mirror]:
    """Give a mirror of two categories, which takes its time."""
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
    homes = [tmp_path / "home"]
    published: set[tuple[str, str, str]] = set()
    for number in range(TIMES + 1):
        # One drawing more: every stage has to be made anew. Every third home is a new one.
        if number % 3 == 2:
            homes.append(tmp_path / f"home {number}")
        home = homes[-1]
        before, folders_before = partitions(home), folders(home)
        with qd(output, *arguments(home, mirror, 40 + number)) as victim:
            began = time.monotonic()
            if number == 0:
                assert victim.end() == 0, victim.printed
                length = time.monotonic() - began
                published |= {(*name, version) for name, version in partitions(home).items()}
                continue
            moments.append(chance.uniform(0, length))
            victim.process.join(moments[-1])
            victim.kill()
        after = partitions(home)
        published |= {(*name, version) for name, version in (before | after).items()}
        assert before.keys() <= after.keys()
        see_nothing_mixed(home, published)
        # By folder: from one test drawing more comes the very same classifier.
        made = set(folders(home).items()) - set(folders_before.items())
        with qd(output, *arguments(home, mirror, 40 + number)) as heir:
            assert heir.end() == 0, heir.printed
        # What the killed process had published is not made again.
        assert f"{8 - len(made)} partitions made, {len(made)} fresh" in heir.printed or (
            len(made) == 8 and "nothing to do" in heir.printed
        )
        published |= {(*name, version) for name, version in partitions(home).items()}
        see_nothing_mixed(home, published)
        see_all_in_order(home)
    record_property("times", TIMES)
    record_property("seed", SEED)
    record_property("moments", [round(each, 2) for each in moments])

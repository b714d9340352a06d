"""Many at once: every one succeeds, without an error of SQLite's locks."""

import contextlib
import os
from collections.abc import Callable, Sequence
from pathlib import Path

from mlflow import MlflowClient

from qd_pipeline.quickdraw import sample
from qd_pipeline.storage import PartitionStore
from qd_pipeline_tests.commands import qd
from qd_pipeline_tests.homes import prepare

STRESS = bool(os.environ.get("QD_STRESS"))


def at_once(
    folder: Path, home: Path, commands: Sequence[tuple[str, ...]], **environment: str
) -> None:
    """Start commands together, and see all of them succeed without a word of locks."""
    with contextlib.ExitStack() as stack:
        started = [
            stack.enter_context(
                qd(folder / f"{number}.txt", *command, "--home", str(home), environment=environment)
            )
            for number, command in enumerate(commands)
        ]
        for command in started:
            assert command.end(600) == 0, command.printed
            assert "locked" not in command.printed
            assert "Traceback" not in command.printed


def test_two_runs_of_one_partition_end_with_one_of_the_two_results(
    tmp_path: Path, record_property: Callable[[str, object], None]
) -> None:
    # A place in other letters and another time zone: `test_conditions.py` has odder ones.
    home = prepare(tmp_path / "Größe und Übermaß" / "絵 と 線" / "home")
    pairs = 5 if STRESS else 1
    for _ in range(pairs):
        at_once(
            tmp_path,
            home,
            [("make", "raw_drawings", "cow", "--drawings", str(count)) for count in (30, 35)],
            TZ="Pacific/Kiritimati",
        )
        store = PartitionStore((home / "store").as_uri())
        made = store.read("raw_drawings", "cow")
        lines = store.open_local(made, "drawings.ndjson").read_bytes().splitlines(keepends=True)
        assert len(lines) == made.metadata["drawings"] == made.fingerprint["settings"]["drawings"]
        assert lines == list(sample.ndjson_lines("cow", len(lines), 0))
        assert list((home / "store" / "scratch").iterdir()) == []
    record_property("times", pairs)


def test_many_partitions_at_once_on_a_new_home_all_succeed(
    tmp_path: Path, record_property: Callable[[str, object], None]
) -> None:
    home = tmp_path / "home"
    animals = sample.ANIMALS if STRESS else sample.ANIMALS[:4]
    # The first of them make Dagster's and MLflow's databases, all at once.
    at_once(tmp_path, home, [("make", "raw_drawings", each, "--drawings", "9") for each in animals])
    done = len(animals)
    if STRESS:
        for stage in ("strokes", "bitmaps"):
            at_once(tmp_path, home, [("make", stage, each) for each in animals])
        stages = ("raw_drawings", "strokes", "bitmaps")
        pairs = [(stage, each) for each in animals for stage in stages][:20]
        at_once(tmp_path, home, [("make", *pair) for pair in pairs])
        done += 2 * len(animals) + len(pairs)
    store = PartitionStore((home / "store").as_uri())
    for each in animals:
        store.open_all(store.read("raw_drawings", each))
    client = MlflowClient(f"sqlite:///{home}/mlflow.db")
    ids = [experiment.experiment_id for experiment in client.search_experiments()]
    statuses = [run.info.status for run in client.search_runs(ids)]
    assert statuses == ["FINISHED"] * done
    record_property("times", done)

"""The weekly schedule with a real daemon: what changed is made again, and nothing else."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import dagster as dg
import pytest

from qd_pipeline.orchestration.automation import KEEPS_UP
from qd_pipeline.orchestration.driver import Driver
from qd_pipeline.quickdraw import sample
from qd_pipeline.timetable import WEEKDAYS
from qd_pipeline_tests.daemon import WORKSPACE, started, wait_until
from qd_pipeline_tests.mirror import Mirror
from qd_pipeline_tests.orchestration.chain import driver, run

DRAWINGS = 40
ANIMALS = ("cow", "panda", "camel", "rabbit", "frog", "duck", "elephant", "shark")


def drawn(category: str, seed: int) -> bytes:
    return b"".join(sample.ndjson_lines(category, DRAWINGS, seed))


@pytest.fixture
def mirror(tmp_path: Path) -> Iterator[Mirror]:
    with Mirror(tmp_path / "mirror") as mirror:
        for animal in ANIMALS:
            mirror.write(animal, drawn(animal, seed=0))
        yield mirror


@pytest.fixture
def made(tmp_path: Path, mirror: Mirror) -> Driver:
    """Make the chain once, of the class sets of 2 and of 4."""
    home = tmp_path / "home"
    tiny: dict[str, Any] = {"network": "dense_baseline", "units": 8}
    made = driver(home, source=mirror.url, class_sets=("2", "4"), drawings=DRAWINGS, **tiny)
    assert not run(made).failures
    return made


def soon() -> dict[str, str]:
    """Have the weekly schedule tick in one to two minutes: after the daemon has started."""
    at = datetime.now(UTC) + timedelta(seconds=130)
    day = WEEKDAYS[at.isoweekday() % 7]
    return {"QD_SCHEDULE_TIME": f"{at:%H:%M}", "QD_SCHEDULE_WEEKDAY": day}


def runs_of_nobody(made: Driver) -> list[tuple[list[str], str, dg.DagsterRunStatus]]:
    """Give steps, partition and status of each run that nobody started."""
    runs = made.instance.get_runs(dg.RunsFilter(tags={KEEPS_UP: "yes"}))
    return sorted(
        (
            sorted(step.step_key for step in made.instance.get_run_step_stats(run.run_id)),
            run.tags["dagster/partition"],
            run.status,
        )
        for run in runs
    )


def test_the_daemon_makes_again_what_changed_at_the_source_and_what_depends_on_it(
    made: Driver, mirror: Mirror
) -> None:
    store = made.workshop.store
    before = {key: store.read("evaluations", key).version for key in ("2", "4")}
    mirror.write("panda", drawn("panda", seed=1))
    asked = len(mirror.requests)
    settings = {**soon(), "QD_SOURCE": mirror.url}
    with started(Path(made.workshop.home), "dagster-daemon", "run", *WORKSPACE, **settings):
        wait_until(lambda: store.read("evaluations", "2").version != before["2"])
        wait_until(lambda: len(runs_of_nobody(made)) == 3)
        wait_until(
            lambda: {run[2] for run in runs_of_nobody(made)} == {dg.DagsterRunStatus.SUCCESS}
        )
    done = dg.DagsterRunStatus.SUCCESS
    assert runs_of_nobody(made) == [
        (["bitmaps", "strokes"], "panda", done),
        (["classifiers", "evaluations"], "2", done),
        (["raw_drawings"], "panda", done),
    ]
    assert store.read("evaluations", "4").version == before["4"]
    requests = [request.path for request in mirror.requests[asked:]]
    unchanged = [path for path in requests if "panda" not in path]
    assert len(unchanged) == len(set(unchanged)) == 5
    assert len(requests) - len(unchanged) == 2

"""The weekly schedule with a real daemon: it makes again what changed, and nothing else."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import dagster as dg
import pytest

from qd_pipeline.orchestration.automation import AUTOMATED_TAGS
from qd_pipeline.orchestration.runner import PipelineRunner
from qd_pipeline.quickdraw import sample
from qd_pipeline_tests.daemon import WORKSPACE, started, wait_until
from qd_pipeline_tests.mirror import Mirror
from qd_pipeline_tests.orchestration.chain import run, runner

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
def made(tmp_path: Path, mirror: Mirror) -> PipelineRunner:
    """Run the pipeline once, on the class sets of 2 and of 4."""
    settings = {"source": mirror.url}
    tiny = runner(
        tmp_path / "home", settings=settings, drawings=DRAWINGS, network="dense_baseline", units=8
    )
    assert not run(tiny, ["2", "4"]).failures
    return tiny


def soon() -> dict[str, str]:
    """Let the weekly schedule tick in one to two minutes: after the daemon has started."""
    at = datetime.now(UTC) + timedelta(seconds=130)
    return {"QD_SCHEDULE_TIME": f"{at:%H:%M}", "QD_SCHEDULE_WEEKDAY": f"{at:%A}"}


def automated_runs(made: PipelineRunner) -> list[tuple[list[str], str, dg.DagsterRunStatus]]:
    """Return steps, partition and status of each automated run."""
    runs = made.instance.get_runs(dg.RunsFilter(tags=AUTOMATED_TAGS))
    return sorted(
        (
            sorted(step.step_key for step in made.instance.get_run_step_stats(run.run_id)),
            run.tags.get("dagster/partition", ""),
            run.status,
        )
        for run in runs
    )


def test_the_daemon_makes_again_what_changed_at_the_source_and_what_depends_on_it(
    made: PipelineRunner, mirror: Mirror
) -> None:
    store = made.store
    before = {key: store.read("evaluations", key).version for key in ("2", "4")}
    mirror.write("panda", drawn("panda", seed=1))
    asked = len(mirror.requests)
    settings = {**soon(), "QD_SOURCE": mirror.url}
    with started(made.pipeline.settings.home, "dagster-daemon", "run", *WORKSPACE, **settings):
        wait_until(lambda: store.read("evaluations", "2").version != before["2"])
        wait_until(lambda: len(automated_runs(made)) == 3)
        wait_until(
            lambda: {run[2] for run in automated_runs(made)} == {dg.DagsterRunStatus.SUCCESS}
        )
    done = dg.DagsterRunStatus.SUCCESS
    assert automated_runs(made) == [
        (["classifiers", "evaluations"], "2", done),
        (["data_stages"], "panda", done),
        (["quickdraw_files"], "", done),
    ]
    assert store.read("evaluations", "4").version == before["4"]
    requests = [request.path for request in mirror.requests[asked:]]
    unchanged = [path for path in requests if "panda" not in path]
    assert len(unchanged) == len(set(unchanged)) == 5
    # The observation, and the download with a look at its version.
    assert len(requests) - len(unchanged) == 3

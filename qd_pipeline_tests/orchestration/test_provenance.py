"""Provenance: where drawings come from, whatever the setting says by now."""

import json
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from qd_pipeline.orchestration.runner import PipelineRunner
from qd_pipeline.quickdraw import sample
from qd_pipeline_tests.cli.in_process import qd
from qd_pipeline_tests.mirror import FOLDER, Mirror
from qd_pipeline_tests.orchestration.automated import Automation, observe
from qd_pipeline_tests.orchestration.chain import SMALL, run, runner

DRAWINGS = 40


@pytest.fixture(scope="module")
def mirror(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Mirror]:
    with Mirror(tmp_path_factory.mktemp("mirror")) as mirror:
        folder = mirror.folder / FOLDER
        folder.mkdir(parents=True)
        for category in ("cow", "panda"):
            lines = sample.ndjson_lines(category, DRAWINGS, 1)
            (folder / f"{category}.ndjson").write_bytes(b"".join(lines))
        yield mirror


def runner_of(source: str, home: Path) -> PipelineRunner:
    settings = {"class_sets": {"2": ("cow", "panda")}, "source": source}
    return runner(home, settings=settings, drawings=DRAWINGS, **SMALL)


@pytest.fixture(scope="module")
def now(tmp_path_factory: pytest.TempPathFactory, mirror: Mirror) -> PipelineRunner:
    """Run the pipeline from a mirror; after that the setting says sample."""
    home = tmp_path_factory.mktemp("home")
    assert not run(runner_of(mirror.url, home)).failures
    return runner_of("sample", home)


def test_an_evaluation_made_again_says_where_its_drawings_came_from(
    now: PipelineRunner, mirror: Mirror
) -> None:
    now.materialize("2", [now.pipeline.stages["evaluations"]])
    assert not now.failures
    evaluated = now.store.read("evaluations", "2")
    figures = json.loads(now.store.open_local(evaluated, "evaluation.json").read_text())
    assert figures["source"] == f"mirror {mirror.url}"
    assert figures["synthetic"] is False
    registered = now.tracker.registry.version("quickdraw-2", 1)
    assert registered.tags["synthetic"] == "false"


def test_a_schedule_does_not_put_another_source_s_drawings_in_their_place(
    now: PipelineRunner,
) -> None:
    observed = observe(now)
    assert not observed.success
    (failed,) = observed.filter_events(lambda event: event.is_step_failure)
    reason = failed.step_failure_data.user_failure_data
    assert reason is not None
    assert "was downloaded from" in str(reason.description)
    assert "set QD_SOURCE" in str(reason.description)
    assert Automation(now).requests() == []


def test_making_it_again_takes_the_source_that_it_came_from(now: PipelineRunner) -> None:
    before = now.store.read("raw_drawings", "cow")
    for file in before.files:
        now.store.open_local(before, file).unlink()
    healed = qd("make", "raw_drawings", "cow", "--home", now.pipeline.settings.home)
    assert healed.code == 0, healed.printed
    # As many of them as before, too.
    assert now.store.read("raw_drawings", "cow").version == before.version


def test_where_no_record_of_the_source_is_left_the_one_that_is_taken_is_told(
    now: PipelineRunner, tmp_path: Path
) -> None:
    home = tmp_path / "home"
    shutil.copytree(now.pipeline.settings.home, home)
    for manifest in home.glob("store/manifests/raw_drawings/cow/*.json"):
        manifest.write_text("{")
    healed = qd("make", "raw_drawings", "cow", "--home", home)
    assert healed.code == 0, healed.printed
    told = "No record of the source of raw_drawings cow is left: it is downloaded from synthetic"
    assert told in healed.said

"""Where drawings came from, whatever the setting says by now."""

import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from qd_pipeline.orchestration.driver import Driver
from qd_pipeline.quickdraw import sample
from qd_pipeline_tests.commands import qd
from qd_pipeline_tests.mirror import FOLDER, Mirror
from qd_pipeline_tests.orchestration.chain import driver, run
from qd_pipeline_tests.orchestration.test_schedules import tick

DRAWINGS = 40


@pytest.fixture(scope="module")
def mirror(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Mirror]:
    with Mirror(tmp_path_factory.mktemp("mirror")) as mirror:
        folder = mirror.folder / FOLDER
        folder.mkdir(parents=True)
        for category in ("cow", "panda"):
            sample.write_ndjson(folder / f"{category}.ndjson", category, DRAWINGS, 1)
        yield mirror


@pytest.fixture(scope="module")
def now(tmp_path_factory: pytest.TempPathFactory, mirror: Mirror) -> Driver:
    """Make a chain from a mirror; since then the setting says sample."""
    home = tmp_path_factory.mktemp("home")
    made = driver(home, source=mirror.url, class_sets=("2",), drawings=DRAWINGS)
    assert not run(made).failures
    return driver(home, source="sample", class_sets=("2",), drawings=DRAWINGS)


def test_an_evaluation_made_again_says_where_its_drawings_came_from(
    now: Driver, mirror: Mirror
) -> None:
    now.make("2", ["evaluations"])
    assert not now.failures
    evaluated = now.workshop.store.read("evaluations", "2")
    figures = json.loads(evaluated.path("evaluation.json").read_text())
    assert figures["source"] == f"mirror {mirror.url}"
    assert figures["synthetic"] is False
    registered = now.workshop.tracker.registry.version("quickdraw-2", 1)
    assert registered.tags["synthetic"] == "false"


def test_a_schedule_does_not_put_another_source_s_drawings_in_their_place(
    now: Driver, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("QD_HOME", now.workshop.home)
    found = tick(now)
    assert not found.run_requests
    assert "was downloaded from" in found.skip_message
    assert "set QD_SOURCE" in found.skip_message


def test_neither_does_the_remedy_for_a_damaged_partition(
    now: Driver, mirror: Mirror, tmp_path: Path
) -> None:
    before = now.workshop.store.read("raw_drawings", "cow").version
    ask = ("make", "raw_drawings", "cow", "--home", now.workshop.home)
    output = tmp_path / "output.txt"
    with qd(output, *ask) as refused:
        assert refused.end() == 1
    assert "was downloaded from" in refused.said
    with qd(output, *ask, "--source", mirror.url) as healed:
        assert healed.end() == 0, healed.printed
    # As many of them as before, too.
    assert now.workshop.store.read("raw_drawings", "cow").version == before

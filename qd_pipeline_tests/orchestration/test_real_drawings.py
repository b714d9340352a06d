"""The whole chain on people's drawings: over file://, over HTTP, and for a class set given."""

import json
from pathlib import Path

import numpy as np
import pytest

from benchmarks.benchmark_set import CATEGORIES as FIFTEEN
from qd_pipeline.orchestration.runner import PipelineRunner
from qd_pipeline_tests.mirror import Mirror
from qd_pipeline_tests.orchestration.chain import run, runner


@pytest.fixture(scope="module")
def made(real_drawings: Path, tmp_path_factory: pytest.TempPathFactory) -> PipelineRunner:
    """Run the pipeline on the notebook's animals."""
    source = {"source": real_drawings.as_uri()}
    return run(runner(tmp_path_factory.mktemp("home"), settings=source, drawings=25))


def test_the_notebooks_animals_go_through(made: PipelineRunner) -> None:
    again = run(
        runner(
            made.pipeline.settings.home,
            settings={"source": made.pipeline.settings.source},
            drawings=25,
        )
    )
    assert made.failures == {}
    assert len(made.materialized) == 30
    assert again.materialized == []
    for name in ("2", "4", "8"):
        evaluated = made.store.read("evaluations", name)
        figures = made.store.open_local(evaluated, "evaluation.json").read_text()
        assert json.loads(figures)["synthetic"] is False


def test_over_http_come_the_same_drawings(
    made: PipelineRunner, real_drawings: Path, tmp_path: Path
) -> None:
    animals = ("cow", "panda")
    with Mirror(real_drawings) as mirror:
        fetched, again = (
            runner(tmp_path, settings={"source": mirror.url}, drawings=25) for _ in range(2)
        )
        for each in (fetched, again):
            each.run_categories(animals, lambda *_: None)
            assert each.failures == {}
    assert len(fetched.materialized) == 6
    assert again.materialized == []
    for animal in animals:
        same = made.store.read("bitmaps", animal).version
        assert fetched.store.read("bitmaps", animal).version == same


def test_bitmaps_in_the_store_are_googles(made: PipelineRunner, real_drawings: Path) -> None:
    for animal in ("frog", "rabbit", "duck"):
        drawn = made.store.read("bitmaps", animal)
        ours = np.load(made.store.open_local(drawn, "bitmaps.npy"))
        theirs = np.load(real_drawings / "full" / "numpy_bitmap" / f"{animal}.npy")
        assert np.array_equal(ours.reshape(-1, 784), theirs)


def test_fifteen_categories_of_a_users_own_go_through(real_drawings: Path, tmp_path: Path) -> None:
    settings = {"source": real_drawings.as_uri(), "class_sets": {"15": tuple(FIFTEEN)}}
    made = run(runner(tmp_path, settings=settings, drawings=500, preset="default", epochs=2))
    assert made.failures == {}
    figures = made.store.read("evaluations", "15").metadata["figures"]
    assert figures["test_accuracy_low"] > 2 / 15
    assert figures["test_drawings"] > 2_000
    assert made.store.read("bitmaps", "paint_can").metadata["rows"] == 500

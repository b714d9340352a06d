"""The whole chain on people's drawings: over file://, over HTTP, and for a class set given."""

import json
from pathlib import Path

import numpy as np
import pytest

from qd_pipeline.orchestration.runner import PipelineRunner
from qd_pipeline_tests.mirror import Mirror
from qd_pipeline_tests.orchestration.chain import SMALL, run, runner

NOT_TRAINED_ON = ("frog", "rabbit", "duck")


def run_on(source: str, home: Path) -> PipelineRunner:
    """Run the pipeline on a class set, and make the drawings of three more categories."""
    class_sets = {"2": ("cow", "panda"), "3": NOT_TRAINED_ON}
    made = runner(home, settings={"source": source, "class_sets": class_sets}, drawings=25, **SMALL)
    run(made, ["2"]).run_categories(NOT_TRAINED_ON, lambda *_: None)
    return made


@pytest.fixture(scope="module")
def made(real_drawings: Path, tmp_path_factory: pytest.TempPathFactory) -> PipelineRunner:
    return run_on(real_drawings.as_uri(), tmp_path_factory.mktemp("home"))


def test_people_s_drawings_go_through_once(made: PipelineRunner, real_drawings: Path) -> None:
    again = run_on(real_drawings.as_uri(), made.pipeline.settings.home)
    assert made.failures == {}
    assert len(made.materialized) == 2 * 3 + 3 * 3 + 2
    assert again.materialized == []
    evaluated = made.store.read("evaluations", "2")
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


def test_a_class_set_of_a_users_own_is_learned(real_drawings: Path, tmp_path: Path) -> None:
    settings = {"source": real_drawings.as_uri(), "class_sets": {"own": ("paint can", "cat")}}
    made = run(runner(tmp_path, settings=settings, drawings=500, epochs=5, **SMALL))
    assert made.failures == {}
    assert made.store.read("bitmaps", "paint_can").metadata["rows"] == 500
    figures = made.store.read("evaluations", "own").metadata["figures"]
    assert figures["test_drawings"] > 300
    # Above chance, by more than chance.
    assert figures["test_accuracy_low"] > 0.6

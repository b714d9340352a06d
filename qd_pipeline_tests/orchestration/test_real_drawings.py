"""The whole chain on people's drawings: over file://, over HTTP, and for a class set given."""

import json
from pathlib import Path

import numpy as np
import pytest

from benchmarks.benchmark_set import CATEGORIES as FIFTEEN
from qd_pipeline.orchestration.partitions import By
from qd_pipeline_tests.mirror import Mirror
from qd_pipeline_tests.orchestration.chain import run, runner


@pytest.mark.parametrize(
    ("scheme", "class_sets", "partitions"), [("file", ("2", "4", "8"), 30), ("http", ("2",), 8)]
)
def test_the_notebooks_animals_go_through(
    real_drawings: Path, tmp_path: Path, scheme: str, class_sets: tuple[str, ...], partitions: int
) -> None:
    with Mirror(real_drawings) as mirror:
        source = mirror.url if scheme == "http" else real_drawings.as_uri()
        made, again = (
            run(runner(tmp_path, settings={"source": source}, drawings=25), class_sets)
            for _ in range(2)
        )
    assert made.failures == {}
    assert len(made.materialized) == partitions
    assert again.materialized == []
    for name in class_sets:
        evaluated = made.store.read("evaluations", name)
        figures = made.store.open_local(evaluated, "evaluation.json").read_text()
        assert json.loads(figures)["synthetic"] is False


def test_bitmaps_in_the_store_are_googles(real_drawings: Path, tmp_path: Path) -> None:
    made = runner(tmp_path, settings={"source": real_drawings.as_uri()}, drawings=25)
    for animal in ("frog", "rabbit", "duck"):
        made.materialize(animal, made.pipeline.chain(By.CATEGORY))
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

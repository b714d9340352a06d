"""The whole chain on people's drawings: over file://, over HTTP, and for a class set given."""

import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from benchmarks.benchmark_set import CATEGORIES as FIFTEEN
from qd_pipeline.store import Store
from qd_pipeline_tests.mirror import Mirror
from qd_pipeline_tests.orchestration.chain import driver, run


@pytest.mark.parametrize(
    ("scheme", "class_sets", "partitions"), [("file", ("2", "4", "8"), 30), ("http", ("2",), 8)]
)
def test_the_notebooks_animals_go_through(
    real_drawings: Path, tmp_path: Path, scheme: str, class_sets: tuple[str, ...], partitions: int
) -> None:
    with Mirror(real_drawings) as mirror:
        source = mirror.url if scheme == "http" else real_drawings.as_uri()
        made, again = (
            run(driver(tmp_path, source=source, class_sets=class_sets, drawings=25))
            for _ in range(2)
        )
    assert made.failures == {}
    assert len(made.made) == partitions
    assert again.made == []
    for name in class_sets:
        evaluated = made.workshop.store.read("evaluations", name)
        assert json.loads(evaluated.path("evaluation.json").read_text())["synthetic"] is False


def test_bitmaps_in_the_store_are_googles(real_drawings: Path, tmp_path: Path) -> None:
    made = driver(tmp_path, source=real_drawings.as_uri(), drawings=25)
    for animal in ("frog", "rabbit", "duck"):
        made.make(animal, ["raw_drawings", "strokes", "bitmaps"])
        ours = np.load(made.workshop.store.read("bitmaps", animal).path("bitmaps.npy"))
        theirs = np.load(real_drawings / "full" / "numpy_bitmap" / f"{animal}.npy")
        assert np.array_equal(ours.reshape(-1, 784), theirs)


def test_fifteen_categories_of_a_users_own_go_through(real_drawings: Path, tmp_path: Path) -> None:
    names = json.dumps(FIFTEEN)
    (tmp_path / "sets.toml").write_text(f"[class_sets]\n15 = {names}\n")
    home = tmp_path / "home"
    # The partitions are read when the definitions are imported: a process of its own.
    options = f"--home {home} --class-sets {tmp_path}/sets.toml --drawings 500 --epochs 2"
    command = [sys.executable, "-c", "from qd_pipeline.cli import main; main()", "run"]
    ended = subprocess.run(
        [*command, *options.split(), "--source", real_drawings.as_uri()],
        capture_output=True,
        text=True,
        check=False,
    )
    assert ended.returncode == 0, ended.stdout + ended.stderr
    assert "Traceback" not in ended.stderr
    evaluated = Store(home / "store").read("evaluations", "15")
    assert evaluated.facts["figures"]["test_accuracy_low"] > 2 / 15
    assert evaluated.facts["figures"]["test_drawings"] > 2_000
    assert Store(home / "store").read("bitmaps", "paint_can").facts["rows"] == 500

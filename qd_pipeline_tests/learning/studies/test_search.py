import os
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from qd_pipeline.errors import BadSetting, HomeFailed
from qd_pipeline.learning.data import ClassSetData
from qd_pipeline.learning.studies.search import Search, Trial, search
from qd_pipeline.learning.studies.space import Space
from qd_pipeline.learning.training.config import TrainingConfig
from qd_pipeline_tests.learning.shapes import write_shapes

RECIPE = TrainingConfig("dense_baseline", epochs=1, batch_size=32, units=8)
GRID = Space.parse({"units": [4, 16]})


@pytest.fixture(scope="module")
def shapes(tmp_path_factory: pytest.TempPathFactory) -> ClassSetData:
    return write_shapes(tmp_path_factory.mktemp("shapes"), 60)


def run(data: ClassSetData, folder: Path, space: Space = GRID, **options: Any) -> Search:
    options = {"folds": 2, "study": "shapes", **options}
    return search(data, RECIPE, space, storage=folder / "studies.db", **options)


def test_a_grid_is_tried_whole_and_its_best_is_a_recipe(
    shapes: ClassSetData, tmp_path: Path
) -> None:
    told: list[Trial] = []
    progress: list[tuple[int, int]] = []
    found = run(
        shapes,
        tmp_path,
        on_trial=told.append,
        on_progress=lambda done, total: progress.append((done, total)),
    )
    assert [trial.settings for trial in found.trials] == GRID.points()
    assert list(found.trials) == told
    best = max(
        (trial for trial in found.trials if not trial.pruned),
        key=lambda trial: trial.result.figures["cv_accuracy"],
    )
    assert found.best == best
    assert found.recipe == RECIPE.with_settings(**best.settings)
    assert progress[0] == (0, 4)
    assert progress == sorted(progress)
    # What is done is not done again.
    assert run(shapes, tmp_path, on_trial=told.append) == found
    assert len(told) == 2


def test_an_interrupted_search_goes_on_where_it_was(shapes: ClassSetData, tmp_path: Path) -> None:
    told: list[Trial] = []

    def stop_at_the_second(trial: Trial) -> None:
        if trial.number == 1:
            raise KeyboardInterrupt
        told.append(trial)

    with pytest.raises(KeyboardInterrupt):
        run(shapes, tmp_path, on_trial=stop_at_the_second)
    found = run(shapes, tmp_path, on_trial=told.append)
    assert [trial.settings for trial in told] == GRID.points()
    assert list(found.trials) == told
    assert [trial.number for trial in told] == [0, 2]


KILLED = """
import os, signal, sys
from pathlib import Path
from qd_pipeline_tests.learning.studies.test_search import GRID, run
from qd_pipeline_tests.learning.shapes import write_shapes

def die(trial):
    if trial.number == 1:
        os.kill(os.getpid(), signal.SIGKILL)

folder = Path(sys.argv[1])
run(write_shapes(folder, 60), folder, on_trial=die)
"""


def test_a_killed_search_goes_on_where_it_was(shapes: ClassSetData, tmp_path: Path) -> None:
    root = Path(__file__).parents[3]
    killed = subprocess.run(
        [sys.executable, "-c", KILLED, str(tmp_path)],
        check=False,
        cwd=root,
        env={**os.environ, "PYTHONPATH": str(root)},
    )
    assert killed.returncode == -signal.SIGKILL
    told: list[Trial] = []
    found = run(shapes, tmp_path, on_trial=told.append)
    assert [trial.settings for trial in told] == GRID.points()[1:]
    assert [trial.settings for trial in found.trials] == GRID.points()


def test_more_trials_of_a_study_are_added_to_those_before(
    shapes: ClassSetData, tmp_path: Path
) -> None:
    space = Space.parse({"learning_rate": {"low": 0.0001, "high": 0.01, "log": True}})
    first = run(shapes, tmp_path, space, trials=1)
    more = run(shapes, tmp_path, space, trials=2)
    assert more.trials[:1] == first.trials
    rates = [trial.settings["learning_rate"] for trial in more.trials]
    assert len(set(rates)) == 2
    assert all(isinstance(rate, float) and 0.0001 <= rate <= 0.01 for rate in rates)


def test_a_trial_below_the_median_is_given_up(shapes: ClassSetData, tmp_path: Path) -> None:
    # Three that learn, then one whose steps are too small to move it from where it starts.
    space = Space.parse({"learning_rate": [0.003, 0.004, 0.005, 1e-9]})
    found = run(shapes, tmp_path, space)
    assert [trial.pruned for trial in found.trials] == [False, False, False, True]
    assert [len(trial.result.folds) for trial in found.trials] == [2, 2, 2, 1]
    assert found.best.number < 3


def test_a_point_that_is_no_recipe_is_refused_before_any_training(
    shapes: ClassSetData, tmp_path: Path
) -> None:
    with pytest.raises(BadSetting, match=r"learning rate is -0\.1"):
        run(shapes, tmp_path, Space.parse({"learning_rate": [0.1, -0.1]}))
    with pytest.raises(BadSetting, match="trials is 0"):
        run(shapes, tmp_path, trials=0)
    assert not (tmp_path / "studies.db").exists()


def test_a_storage_that_is_no_database_is_named(shapes: ClassSetData, tmp_path: Path) -> None:
    (tmp_path / "studies.db").write_text("no database, and longer than a header would be " * 10)
    with pytest.raises(HomeFailed, match=r"studies\.db cannot be used .*move it away"):
        run(shapes, tmp_path)

import json
from dataclasses import dataclass
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any

import pytest

from qd_pipeline.errors import BadSetting, HomeFailed, TrainingDiverged
from qd_pipeline.learning.data import ClassSetData
from qd_pipeline.learning.studies.search import Search, Trial, search
from qd_pipeline.learning.studies.space import Space
from qd_pipeline.learning.training.config import TrainingConfig
from qd_pipeline_tests.commands import processes, start
from qd_pipeline_tests.learning.shapes import write_shapes

CONFIG = TrainingConfig("dense_baseline", epochs=1, batch_size=32, units=8)
GRID = Space.parse({"units": [4, 16]})


@pytest.fixture(scope="module")
def shapes(tmp_path_factory: pytest.TempPathFactory) -> ClassSetData:
    return write_shapes(tmp_path_factory.mktemp("shapes"), 60)


def run(
    data: ClassSetData,
    folder: Path,
    space: Space = GRID,
    config: TrainingConfig = CONFIG,
    **options: Any,
) -> Search:
    options = {"folds": 2, "study": "shapes", "heartbeat_seconds": 1, **options}
    found = search(data, config, space, storage=f"sqlite:///{folder}/studies.db", **options)
    assert found is not None
    return found


@dataclass
class Resumed:
    """A search of the grid that was interrupted in its second trial, and resumed.

    Attributes:
        folder: Where its storage lies.
        reported: The trials that it reported.
        before: The progress that it reported until the interruption.
        after: The progress that it reported when it was resumed.
        found: Its result.
    """

    folder: Path
    reported: list[Trial]
    before: list[tuple[int, int]]
    after: list[tuple[int, int]]
    found: Search


@pytest.fixture(scope="module")
def resumed(shapes: ClassSetData, tmp_path_factory: pytest.TempPathFactory) -> Resumed:
    folder = tmp_path_factory.mktemp("resumed")
    reported: list[Trial] = []
    before: list[tuple[int, int]] = []
    after: list[tuple[int, int]] = []

    def stop_at_the_second(trial: Trial) -> None:
        if trial.number == 1:
            raise KeyboardInterrupt
        reported.append(trial)

    with pytest.raises(KeyboardInterrupt):
        run(
            shapes,
            folder,
            on_trial=stop_at_the_second,
            on_progress=lambda *at: before.append(at),
        )
    found = run(shapes, folder, on_trial=reported.append, on_progress=lambda *at: after.append(at))
    return Resumed(folder, reported, before, after, found)


def test_a_grid_is_tried_whole_and_its_best_settings_are_found(
    shapes: ClassSetData, resumed: Resumed
) -> None:
    found = resumed.found
    assert [trial.settings for trial in found.trials] == GRID.points()
    best = max(
        (trial for trial in found.trials if not trial.pruned),
        key=lambda trial: trial.result.figures["cv_accuracy"],
    )
    assert found.best == best
    assert found.config == CONFIG.with_settings(**best.settings)
    # What is done is not done again.
    reported: list[Trial] = []
    assert run(shapes, resumed.folder, on_trial=reported.append) == found
    assert reported == []


def test_an_interrupted_search_is_resumed(resumed: Resumed) -> None:
    assert [trial.settings for trial in resumed.reported] == GRID.points()
    assert list(resumed.found.trials) == resumed.reported
    assert [trial.number for trial in resumed.reported] == [0, 1]
    assert (resumed.before[0], resumed.after[0]) == ((0, 4), (2, 4))
    for progress in (resumed.before, resumed.after):
        assert progress == sorted(progress)


def search_until_killed(folder: Path, told: Connection) -> None:
    """Search, and stop at the second trial for ever."""

    def on_trial(trial: Trial) -> None:
        if trial.number == 1:
            told.send("the second trial runs")
            told.recv()

    run(write_shapes(folder, 60), folder, on_trial=on_trial)


def test_a_search_in_another_process_is_left_alone_until_that_is_killed_and_then_resumed(
    shapes: ClassSetData, tmp_path: Path
) -> None:
    ours, theirs = processes.Pipe()
    other = start(search_until_killed, tmp_path, theirs)
    try:
        assert ours.poll(300)
        with pytest.raises(BadSetting, match="search shapes is at work in another process"):
            run(shapes, tmp_path)
    finally:
        other.kill()
        other.join()
    reported: list[Trial] = []
    found = run(shapes, tmp_path, on_trial=reported.append)
    assert [trial.settings for trial in reported] == GRID.points()[1:]
    assert [trial.settings for trial in found.trials] == GRID.points()


SHARED = Space.parse({"learning_rate": {"low": 0.0001, "high": 0.01, "log": True}, "units": [4, 8]})


def share_until_killed(folder: Path, told: Connection) -> None:
    """Be the second worker of a search, and stop in its first trial for ever."""

    def on_trial(_: Trial) -> None:
        told.send("a trial runs")
        told.recv()

    search(
        write_shapes(folder, 60),
        CONFIG,
        SHARED,
        storage=f"sqlite:///{folder}/studies.db",
        study="shapes",
        folds=2,
        trials=3,
        workers=2,
        worker=1,
        heartbeat_seconds=1,
        on_trial=on_trial,
    )


def test_a_trial_of_a_killed_worker_is_tried_by_another_and_is_the_same_as_on_one_machine(
    shapes: ClassSetData, tmp_path: Path
) -> None:
    (tmp_path / "shared").mkdir()
    ours, theirs = processes.Pipe()
    other = start(share_until_killed, tmp_path / "shared", theirs)
    assert ours.poll(300)
    other.kill()
    other.join()
    # The third point is sampled from what is known of the first.
    options: dict[str, Any] = {"trials": 3, "workers": 2}
    found = run(shapes, tmp_path / "shared", SHARED, **options)
    alone = run(shapes, tmp_path, SHARED, **options)

    def outcomes(trials: Search) -> list[object]:
        return [(each.number, each.settings, each.result.accuracies) for each in trials.trials]

    assert outcomes(found) == outcomes(alone)


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


def test_a_trial_below_the_median_is_pruned(shapes: ClassSetData, tmp_path: Path) -> None:
    # Three that learn, then one whose steps are too small to move it from where it starts.
    space = Space.parse({"learning_rate": [0.003, 0.004, 0.005, 1e-9]})
    found = run(shapes, tmp_path, space)
    assert [trial.pruned for trial in found.trials] == [False, False, False, True]
    assert [len(trial.result.folds) for trial in found.trials] == [2, 2, 2, 1]
    assert found.best.number < 3


def test_a_trial_that_diverges_is_reported_and_the_search_goes_on(
    shapes: ClassSetData, tmp_path: Path
) -> None:
    reported: list[Trial] = []
    space = Space.parse({"learning_rate": [1e30, 0.003]})
    diverging = CONFIG.with_settings(epochs=20)
    found = run(shapes, tmp_path, space, config=diverging, on_trial=reported.append)
    assert list(found.trials) == reported
    first, second = found.trials
    assert first.pruned
    assert "give a learning rate below 1e+30" in (first.diverged or "")
    assert (second.pruned, second.diverged) == (False, None)
    assert found.best == second
    assert json.loads(json.dumps(found.to_json(), allow_nan=False))["trials"][0]["folds"] == []


def test_a_search_of_which_every_trial_diverges_fails_in_one_sentence(
    shapes: ClassSetData, tmp_path: Path
) -> None:
    space = Space.parse({"learning_rate": [1e30]})
    with pytest.raises(TrainingDiverged, match="search shapes has diverged in every one of 1"):
        run(shapes, tmp_path, space, config=CONFIG.with_settings(epochs=20))


def test_a_point_out_of_bounds_is_refused_before_any_training(
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

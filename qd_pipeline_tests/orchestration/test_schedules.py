"""The schedules, the observation of a real mirror, and the automation that follows it."""

import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import replace
from pathlib import Path
from threading import Lock

import dagster as dg
import pytest

from qd_pipeline.errors import BadSetting
from qd_pipeline.learning.training.config import TrainingConfig
from qd_pipeline.orchestration import instance, jobs
from qd_pipeline.orchestration.automation import AUTOMATED_TAGS
from qd_pipeline.orchestration.failures import LOG
from qd_pipeline.orchestration.jobs import OBSERVE_SOURCE
from qd_pipeline.orchestration.partitions import By
from qd_pipeline.orchestration.pipeline import Pipeline
from qd_pipeline.orchestration.runner import PipelineRunner
from qd_pipeline.orchestration.schedules import schedules_of
from qd_pipeline.orchestration.stages.raw_drawings import FILES
from qd_pipeline.quickdraw import sample
from qd_pipeline.settings import ScheduleSettings, Settings
from qd_pipeline.tracking import CLASSIFIERS, Identity
from qd_pipeline_tests.homes import prepare, tracker_in
from qd_pipeline_tests.mirror import FOLDER, Mirror, status
from qd_pipeline_tests.orchestration.automated import (
    Automation,
    keys_of,
    observe,
    report_failure,
    tick,
)
from qd_pipeline_tests.orchestration.chain import SMALL, run, runner

CATEGORIES = ("cow", "panda", "frog", "rabbit", "elephant", "duck")
CHAIN = ["raw_drawings", "strokes", "bitmaps"]
DRAWINGS = 40


def draw(mirror: Mirror, category: str, seed: int) -> None:
    """Put drawings of a category into the mirror, other ones for another seed."""
    path = mirror.folder / FOLDER / f"{category}.ndjson"
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(b"".join(sample.ndjson_lines(category, DRAWINGS + 10, seed)))


@pytest.fixture(scope="module")
def mirror(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Mirror]:
    with Mirror(tmp_path_factory.mktemp("mirror")) as mirror:
        for category in CATEGORIES:
            draw(mirror, category, seed=0)
        yield mirror


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory, mirror: Mirror) -> PipelineRunner:
    """Run the pipeline on the class sets of 2 and of 4."""
    home = tmp_path_factory.mktemp("home")
    settings = {"source": mirror.url, "http": {"attempts": 1}}
    made = runner(home, settings=settings, drawings=DRAWINGS, **SMALL)
    assert not run(made, ["2", "4"]).failures
    return made


def versions(made: PipelineRunner) -> dict[str, tuple[int, str]]:
    """Return how often each partition was published, and its data version."""
    store, pipeline = made.store, made.pipeline
    found = {
        f"{stage.name} {key}": store.find(stage.name, key)
        for by in (By.CATEGORY, By.CLASS_SET)
        for stage in pipeline.chain(by)
        for key in pipeline.partitions.keys(by)
    }
    return {name: (each.sequence, each.version) for name, each in found.items() if each}


def test_a_tick_only_requests_the_run_that_asks_the_source(
    made: PipelineRunner, mirror: Mirror
) -> None:
    before = len(mirror.requests)
    (request,) = tick(made)
    assert request.tags.items() >= AUTOMATED_TAGS.items()
    assert made.definitions.resolve_schedule_def("weekly").job_name == OBSERVE_SOURCE
    # A tick has a minute; a server that does not answer may take longer.
    assert len(mirror.requests) == before


def test_without_an_observation_by_schedule_nothing_is_requested(
    made: PipelineRunner, mirror: Mirror
) -> None:
    draw(mirror, "panda", seed=3)
    try:
        assert Automation(made).requests() == []
        made.definitions.resolve_job_def(OBSERVE_SOURCE).execute_in_process(instance=made.instance)
        assert Automation(made).requests() == []
    finally:
        draw(mirror, "panda", seed=0)
        made.materialize("panda", made.pipeline.chain(By.CATEGORY))


def test_an_observation_that_finds_nothing_changed_asks_once_a_category_and_runs_nothing(
    made: PipelineRunner, mirror: Mirror
) -> None:
    before = len(mirror.requests)
    assert observe(made).success
    asked = [request.path.rpartition("/")[2] for request in mirror.requests[before:]]
    assert sorted(asked) == sorted(f"{category}.ndjson" for category in CATEGORIES)
    assert Automation(made).requests() == []


def test_a_change_at_the_source_is_followed_to_what_depends_on_it_and_no_further(
    made: PipelineRunner, mirror: Mirror
) -> None:
    before = versions(made)
    draw(mirror, "frog", seed=1)
    assert observe(made).success
    automation = Automation(made)
    assert list(automation.follow()) == [
        (["frog"], CHAIN),
        (["4"], ["classifiers", "evaluations"]),
    ]
    assert automation.requests() == []
    after = versions(made)
    assert {name for name in after if after[name] != before[name]} == {
        *(f"{stage} frog" for stage in CHAIN),
        "classifiers 4",
        "evaluations 4",
    }
    trained = made.store.read("classifiers", "4")
    # What was chosen for it stays chosen.
    assert trained.fingerprint["settings"]["epochs"] == 1


def test_new_lines_beyond_those_taken_train_nothing(made: PipelineRunner, mirror: Mirror) -> None:
    before = versions(made)
    path = mirror.folder / FOLDER / "duck.ndjson"
    lines = path.read_bytes().splitlines(keepends=True)
    path.write_bytes(b"".join([*lines, lines[-1]]))
    assert observe(made).success
    assert [keys for keys, _ in Automation(made).follow()] == [["duck"]]
    after = versions(made)
    assert {name: version for name, (_, version) in after.items()} == {
        name: version for name, (_, version) in before.items()
    }


def test_what_is_made_by_hand_sets_off_nothing(made: PipelineRunner, mirror: Mirror) -> None:
    automation = Automation(made)
    assert automation.requests() == []
    draw(mirror, "cow", seed=1)
    made.materialize("cow", [made.pipeline.stages["raw_drawings"]])
    assert not made.failures
    assert automation.requests() == []
    made.materialize("cow", [made.pipeline.stages[name] for name in ("strokes", "bitmaps")])
    run(made, ["2"])


@contextmanager
def torn(made: PipelineRunner, stage: str, key: str, *, later: bool = False) -> Iterator[None]:
    """Tear the manifests of a partition, or publish a later torn one, and mend that."""
    folder = made.pipeline.settings.home / "store" / "manifests" / stage / key
    kept = {path: path.read_bytes() for path in sorted(folder.iterdir())}
    places = [folder / f"{int(max(kept).stem) + 1:08}.json"] if later else list(kept)
    for path in places:
        path.unlink(missing_ok=True)
        path.write_bytes(b'{"schema": 1, "stage": "clas')
    try:
        yield
    finally:
        for path in places:
            path.unlink()
            if path in kept:
                path.write_bytes(kept[path])


def test_where_a_manifest_is_torn_other_records_say_how_it_was_made(
    made: PipelineRunner, tmp_path: Path
) -> None:
    stage, sets = made.pipeline.stages["classifiers"], made.pipeline.class_sets
    later = PipelineRunner(made.pipeline, {})
    with torn(made, "classifiers", "2"):
        wanted = later.recorded(stage, "2")
        assert wanted is not None
        assert wanted.model_dump()["preset"] == "notebook"
        assert observe(made).success
        (request,) = Automation(made).requests()
        config = request.run_config["ops"]["classifiers"]["config"]
        assert (config["preset"], config["epochs"]) == ("notebook", 1)
        with instance.of(prepare(tmp_path)) as empty:
            later.instance = empty
            from_mlflow = later.recorded(stage, "2")
            assert from_mlflow is not None
            assert from_mlflow.effective("2", sets) == wanted.effective("2", sets)
            later.tracker = tracker_in(tmp_path)
            with pytest.raises(BadSetting, match="no record of its settings is left: name them"):
                later.recorded(stage, "2")
    with torn(made, "classifiers", "2", later=True), instance.of(tmp_path) as empty:
        later.instance = empty
        earlier = later.recorded(stage, "2")
        assert earlier is not None
        assert earlier.model_dump()["preset"] == "notebook"
        # A run from before there was a setting.
        trained = {"network": "picture_and_strokes", "epochs": 3, "optimizer": "adamw"}
        who = Identity("root", "classifiers", "2")
        with later.tracker.run(CLASSIFIERS, who, name="x", tags=who.tags) as logged:
            logged.log(params=trained, metrics={"test_accuracy": 0.9})
        old = later.recorded(stage, "2")
        assert old is not None
        assert old.effective("2", sets) == {
            **TrainingConfig.from_json(trained).effective(),
            "class_set": list(sets["2"]),
        }


def test_what_was_not_chosen_for_a_torn_partition_follows_the_settings(
    made: PipelineRunner,
) -> None:
    now = {"source": made.pipeline.settings.source, "promotion_margin": 0.05, "drawings": 70}
    later = PipelineRunner(Pipeline(Settings.load(home=made.pipeline.settings.home, **now)), {})

    def field(stage: str, key: str, name: str, *, chosen: bool) -> object:
        found = later.recorded(later.pipeline.stages[stage], key, chosen=chosen)
        return found and getattr(found, name)

    with torn(made, "evaluations", "2", later=True):
        assert field("evaluations", "2", "promotion_margin", chosen=False) == 0.01
        assert field("evaluations", "2", "promotion_margin", chosen=True) == 0.05
    with torn(made, "raw_drawings", "cow", later=True):
        assert field("raw_drawings", "cow", "drawings", chosen=True) == DRAWINGS
    with torn(made, "raw_drawings", "cow"):
        # No earlier manifest tells whether it was chosen.
        assert field("raw_drawings", "cow", "drawings", chosen=True) == DRAWINGS


def test_a_torn_partition_of_a_stage_without_settings_is_remade(made: PipelineRunner) -> None:
    with torn(made, "bitmaps", "cow"):
        assert observe(made).success
        (request,) = Automation(made).requests()
        assert keys_of(made, request) == ["cow"]


def test_records_of_several_torn_partitions_are_read_one_after_the_other(
    made: PipelineRunner, monkeypatch: pytest.MonkeyPatch
) -> None:
    reading, together, later = Lock(), list[str](), PipelineRunner(made.pipeline, {})

    def read(_pipeline: Pipeline, _stage: object, key: str, **_: object) -> None:
        if not reading.acquire(blocking=False):
            together.append(key)
        else:
            time.sleep(0.05)
            reading.release()
        raise BadSetting(key, "is lost", "look for it")

    monkeypatch.setattr("qd_pipeline.orchestration.records.recorded_config", read)
    with ExitStack() as torn_ones:
        for key in CATEGORIES:
            torn_ones.enter_context(torn(made, "raw_drawings", key))
        later.run_categories(CATEGORIES, lambda _key, _done: None)
    assert set(later.failures) == set(CATEGORIES)
    assert together == []


def test_neighbours_are_requested_in_one_run_under_a_key_of_the_observation(
    made: PipelineRunner, mirror: Mirror
) -> None:
    for category in ("rabbit", "elephant"):
        draw(mirror, category, seed=1)
    keys = set()
    for _ in range(2):
        assert observe(made).success
        (request,) = Automation(made).requests()
        assert keys_of(made, request) == ["rabbit", "elephant"]
        keys.add(request.run_key)
    assert len(keys) == 2


def test_a_run_that_failed_is_not_repeated_before_the_next_observation(
    made: PipelineRunner,
) -> None:
    automation = Automation(made)
    for request in automation.requests():
        failed = dg.DagsterRun(
            request.job_name,
            status=dg.DagsterRunStatus.FAILURE,
            tags=request.tags,
        )
        made.instance.add_run(failed)
    # Neither is anything trained on what they left stale.
    assert automation.requests() == []
    assert observe(made).success
    (request,) = automation.requests()
    assert keys_of(made, request) == ["rabbit", "elephant"]


def test_a_category_that_no_class_set_has_any_more_is_not_asked_for(
    made: PipelineRunner, mirror: Mirror
) -> None:
    settings = {"source": mirror.url, "class_sets": {"2": ("cow", "panda")}}
    fewer = runner(made.pipeline.settings.home, settings=settings, drawings=DRAWINGS)
    before = len(mirror.requests)
    assert observe(fewer).success
    asked = {request.path.rpartition("/")[2] for request in mirror.requests[before:]}
    assert asked == {"cow.ndjson", "panda.ndjson"}
    assert not (made.pipeline.settings.home / "logs" / LOG).exists()


def test_a_classifier_of_which_no_record_is_left_waits_for_a_person(
    made: PipelineRunner, mirror: Mirror, tmp_path: Path
) -> None:
    settings = {"source": mirror.url, "class_sets": {"2": ("cow", "panda")}}
    fewer = runner(made.pipeline.settings.home, settings=settings, drawings=DRAWINGS)
    later = PipelineRunner(fewer.pipeline, {})
    later.tracker = tracker_in(prepare(tmp_path))
    made_by = dg.AssetRecordsFilter(dg.AssetKey("classifiers"), asset_partitions=["2"])
    for record in made.instance.fetch_materializations(made_by, limit=9).records:
        made.instance.delete_run(record.run_id)
    with torn(made, "classifiers", "2"):
        assert run(later, ["2"]).failures == {
            "2": "classifiers 2 is damaged, and no record of its settings is left: name them, as "
            "`qd run --class-set 2 --preset default --epochs 15` does."
        }
        assert observe(fewer).success
        automation = Automation(fewer)
        assert automation.requests() == []
        assert automation.skipped == (
            "Dagster does not know with which settings classifiers 2 was materialized: see what "
            "`qd run` says."
        )


def test_a_file_that_cannot_be_asked_for_is_one_line_in_the_log_and_keeps_no_other_back(
    made: PipelineRunner, mirror: Mirror
) -> None:
    mirror.always("panda", status(503))
    assert observe(made).success
    (request,) = Automation(made).requests()
    assert keys_of(made, request) == ["rabbit", "elephant"]
    log = made.pipeline.settings.home / "logs" / LOG
    (line,) = log.read_text(encoding="utf-8").splitlines()
    assert "quickdraw_files 1 of 6 categories failed" in line
    assert "panda" in line


def test_a_source_that_is_gone_fails_the_observation_which_is_told_like_any_run(
    made: PipelineRunner, mirror: Mirror, monkeypatch: pytest.MonkeyPatch
) -> None:
    for category in CATEGORIES:
        mirror.always(category, status(503))
    monkeypatch.setattr(jobs, "_SECONDS_TO_RETRY", 1)
    result = observe(replace(made))  # its definitions, with the pause, are made anew
    assert not result.success
    report_failure(
        made.pipeline.settings, made.instance, result.dagster_run, result.get_run_failure_event()
    )
    log = made.pipeline.settings.home / "logs" / LOG
    line = log.read_text(encoding="utf-8").splitlines()[-1]
    assert f"{FILES} failed: " in line
    assert mirror.url in line
    assert result.run_id in line


def test_the_weekly_schedule_runs_and_the_daily_one_waits_to_be_turned_on() -> None:
    weekly, daily = schedules_of(ScheduleSettings(time="21:05", zone="Asia/Tokyo"))
    assert (weekly.name, weekly.cron_schedule) == ("weekly", "5 21 * * 1")
    assert (daily.name, daily.cron_schedule) == ("daily", "5 21 * * *")
    assert weekly.execution_timezone == daily.execution_timezone == "Asia/Tokyo"
    assert weekly.default_status is dg.DefaultScheduleStatus.RUNNING
    assert daily.default_status is dg.DefaultScheduleStatus.STOPPED

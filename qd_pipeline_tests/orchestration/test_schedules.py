"""The real schedule, the real automation and a real mirror."""

from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import dagster as dg
import pytest

from qd_pipeline.orchestration.automation import KEEPS_UP_TAGS
from qd_pipeline.orchestration.driver import Driver
from qd_pipeline.orchestration.failures import LOG
from qd_pipeline.orchestration.schedules import schedules_of
from qd_pipeline.quickdraw import sample
from qd_pipeline.settings import Settings
from qd_pipeline.stages import CATEGORY_STAGES, CLASS_SET_STAGES
from qd_pipeline_tests.mirror import FOLDER, Mirror, status
from qd_pipeline_tests.orchestration.chain import driver, run

CATEGORIES = ("cow", "panda", "frog", "rabbit", "elephant", "duck")
DRAWINGS = 40


def draw(mirror: Mirror, category: str, seed: int) -> None:
    """Put drawings of a category into the mirror, other ones for another seed."""
    path = mirror.folder / FOLDER / f"{category}.ndjson"
    path.parent.mkdir(parents=True, exist_ok=True)
    sample.write_ndjson(path, category, DRAWINGS + 10, seed)


@pytest.fixture(scope="module")
def mirror(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Mirror]:
    with Mirror(tmp_path_factory.mktemp("mirror")) as mirror:
        for category in CATEGORIES:
            draw(mirror, category, seed=0)
        yield mirror


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory, mirror: Mirror) -> Driver:
    home = tmp_path_factory.mktemp("home")
    made = driver(home, source=mirror.url, class_sets=("2", "4"), drawings=DRAWINGS)
    assert not run(made).failures
    return made


def tick(made: Driver, name: str = "weekly") -> Any:
    """Let a schedule tick; give why it skipped, or what it asks for."""
    # Without `with` Dagster would look for the state of later definitions in this instance.
    with dg.build_schedule_context(
        instance=made.instance,
        resources={"workshop": made.workshop},
        repository_def=made.definitions.get_repository_def(),
        scheduled_execution_time=datetime.now(UTC),
    ) as context:
        return made.definitions.resolve_schedule_def(name).evaluate_tick(context)


def execute(made: Driver, request: Any) -> None:
    """Do what a schedule asks for, as the daemon would."""
    result = made.definitions.resolve_job_def("downloads").execute_in_process(
        partition_key=request.partition_key,
        instance=made.instance,
        run_config=request.run_config,
        tags=dict(request.tags),
    )
    assert result.success


def follow(made: Driver, found: dg.EvaluateAutomationConditionsResult) -> dict[str, set[str]]:
    """Do what the automation asks for, as the daemon would, and give it by asset."""
    asked = {
        stage: {str(key) for key in found.get_requested_partitions(dg.AssetKey(stage))}
        for stage in (*CATEGORY_STAGES, *CLASS_SET_STAGES)
    }
    for stages, job in (
        (CATEGORY_STAGES, "categories"),
        (CLASS_SET_STAGES, "classifiers_and_evaluations"),
    ):
        for key in sorted(set().union(*(asked[stage] for stage in stages))):
            result = made.definitions.resolve_job_def(job).execute_in_process(
                partition_key=key,
                instance=made.instance,
                asset_selection=[dg.AssetKey(stage) for stage in stages if key in asked[stage]],
                tags=KEEPS_UP_TAGS,
            )
            assert result.success
    return {stage: keys for stage, keys in asked.items() if keys}


class Automation:
    """The automation, tick by tick."""

    def __init__(self, made: Driver) -> None:
        self.made = made
        self.last = dg.evaluate_automation_conditions(made.definitions, made.instance)

    def tick(self) -> dict[str, set[str]]:
        made = self.made
        self.last = dg.evaluate_automation_conditions(
            made.definitions, made.instance, cursor=self.last.cursor
        )
        return follow(made, self.last)


def versions(made: Driver) -> dict[str, str]:
    """Give the version of each partition in the store."""
    store = made.workshop.store
    found = {
        f"{stage} {key}": store.find(stage, key)
        for stages, keys in ((CATEGORY_STAGES, CATEGORIES), (CLASS_SET_STAGES, ("2", "4")))
        for stage in stages
        for key in keys
    }
    return {name: partition.folder.name for name, partition in found.items() if partition}


def test_a_schedule_that_finds_nothing_changed_asks_once_a_category_and_runs_nothing(
    made: Driver, mirror: Mirror
) -> None:
    asked_before = len(mirror.requests)
    found = tick(made)
    assert not found.run_requests
    assert found.skip_message == "Nothing changed at the source in 6 downloaded categories."
    asked = mirror.requests[asked_before:]
    assert len(asked) == len(CATEGORIES)
    assert all("If-None-Match" in request.headers for request in asked)


def test_a_change_at_the_source_is_followed_to_what_depends_on_it_and_no_further(
    made: Driver, mirror: Mirror
) -> None:
    automation, before = Automation(made), versions(made)
    assert automation.tick() == {}
    draw(mirror, "frog", seed=1)
    (request,) = tick(made).run_requests
    assert request.partition_key == "frog"
    execute(made, request)
    assert automation.tick() == {"strokes": {"frog"}, "bitmaps": {"frog"}}
    assert automation.tick() == {"classifiers": {"4"}, "evaluations": {"4"}}
    assert automation.tick() == {}
    after = versions(made)
    assert {name for name in after if after[name] != before[name]} == {
        "raw_drawings frog",
        "strokes frog",
        "bitmaps frog",
        "classifiers 4",
        "evaluations 4",
    }
    trained = made.workshop.store.read("classifiers", "4")
    assert trained.recipe["settings"]["epochs"] == made.choices.classifiers.epochs


def test_new_lines_beyond_those_taken_change_nothing_downstream(
    made: Driver, mirror: Mirror
) -> None:
    automation = Automation(made)
    path = mirror.folder / FOLDER / "duck.ndjson"
    lines = path.read_bytes().splitlines(keepends=True)
    path.write_bytes(b"".join([*lines, lines[-1]]))
    (request,) = tick(made).run_requests
    assert request.partition_key == "duck"
    execute(made, request)
    assert automation.tick() == {}


def test_what_somebody_made_by_hand_sets_off_nothing(made: Driver, mirror: Mirror) -> None:
    automation = Automation(made)
    draw(mirror, "cow", seed=1)
    made.make("cow", ["raw_drawings"])
    assert automation.tick() == {}


def test_each_request_has_a_key_of_its_own(made: Driver, mirror: Mirror) -> None:
    for category in ("rabbit", "elephant"):
        draw(mirror, category, seed=1)
    ticks = [{request.run_key for request in tick(made).run_requests} for _ in range(2)]
    assert [len(keys) for keys in ticks] == [2, 2]
    assert not ticks[0] & ticks[1]


def test_a_category_that_no_class_set_has_any_more_is_not_asked_for(
    made: Driver, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("QD_HOME", str(tmp_path))
    old = dg.AssetMaterialization("raw_drawings", partition="of old")
    made.instance.report_runless_asset_event(old)
    tick(made)
    assert not (tmp_path / "logs" / LOG).exists()


def test_a_source_that_is_gone_is_one_sentence_and_a_line_in_the_log(
    made: Driver, mirror: Mirror, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("QD_HOME", str(tmp_path))
    monkeypatch.setenv("QD_HTTP_ATTEMPTS", "1")
    mirror.always("panda", status(503))
    found = [request.partition_key for request in tick(made).run_requests]
    assert "panda" not in found
    (line,) = (tmp_path / "logs" / LOG).read_text(encoding="utf-8").splitlines()
    assert "raw_drawings 1 of 6 categories failed" in line
    assert "panda" in line


def test_the_weekly_schedule_runs_and_the_daily_one_waits_to_be_turned_on() -> None:
    timetable = Settings.from_environment(
        {"QD_SCHEDULE_TIME": "21:05", "QD_SCHEDULE_ZONE": "Asia/Tokyo"}
    ).timetable
    weekly, daily = schedules_of(timetable)
    assert (weekly.name, weekly.cron_schedule) == ("weekly", "5 21 * * 1")
    assert (daily.name, daily.cron_schedule) == ("daily", "5 21 * * *")
    assert weekly.execution_timezone == daily.execution_timezone == "Asia/Tokyo"
    assert weekly.default_status is dg.DefaultScheduleStatus.RUNNING
    assert daily.default_status is dg.DefaultScheduleStatus.STOPPED

"""One answer to what is stale, whoever asks: `qd run`, Dagster's UI, automation."""

import shutil
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import dagster as dg
import pytest

# What Dagster's UI asks to mark partitions; there is no public way to it.
from dagster._core.definitions.data_version import CachingStaleStatusResolver, StaleStatus
from dagster._core.loader import LoadingContextForTest

from qd_pipeline.orchestration import observations
from qd_pipeline.orchestration.automation import requests
from qd_pipeline.orchestration.fingerprint import difference, fingerprint
from qd_pipeline.orchestration.observations import observed_versions
from qd_pipeline.orchestration.partitions import By
from qd_pipeline.orchestration.pipeline import Pipeline
from qd_pipeline.orchestration.registry import STAGES
from qd_pipeline.orchestration.runner import PipelineRunner
from qd_pipeline.orchestration.staleness import Staleness
from qd_pipeline.quickdraw import sample
from qd_pipeline.settings import Settings
from qd_pipeline_tests.mirror import FOLDER
from qd_pipeline_tests.orchestration.automated import keys_of, observe
from qd_pipeline_tests.orchestration.chain import run, runner

COW = ["raw_drawings cow", "strokes cow", "bitmaps cow"]
PANDA = ["raw_drawings panda", "strokes panda", "bitmaps panda"]
TRAINED = ["classifiers 2", "evaluations 2"]


@dataclass(frozen=True)
class Home:
    """A data directory with a class set of two, and the mirror that it came from."""

    home: Path
    mirror: Path

    def draw(self, category: str, seed: int) -> None:
        self.file(category).parent.mkdir(parents=True, exist_ok=True)
        self.file(category).write_bytes(b"".join(sample.ndjson_lines(category, 45, seed)))

    def file(self, category: str) -> Path:
        return self.mirror / FOLDER / f"{category}.ndjson"

    def runner(self, code: str | None = None, **settings: Any) -> PipelineRunner:
        """Return a runner that has chosen a small network: all else is as the settings say.

        Args:
            code: Name of a stage that has another code version.
            settings: Settings that differ.
        """
        given = {
            "home": self.home,
            "source": self.mirror.as_uri(),
            "class_sets": {"2": ("cow", "panda")},
            "drawings": 40,
            "epochs": 1,
            **settings,
        }
        stages = [replace(each, code_version="9") if each.name == code else each for each in STAGES]
        pipeline = Pipeline(Settings.load(**given), stages)
        small = {"network": "dense_baseline", "units": 8}
        config = pipeline.config(pipeline.stages["classifiers"], **small)
        return replace(runner(self.home, pipeline=pipeline), configs={"classifiers": config})


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Home:
    """Run the pipeline once."""
    folder = tmp_path_factory.mktemp("made")
    home = Home(folder / "home", folder / "mirror")
    for category in ("cow", "panda"):
        home.draw(category, seed=0)
    assert run(home.runner()).failures == {}
    return home


@pytest.fixture
def home(made: Home, tmp_path: Path) -> Iterator[Home]:
    """Yield a copy of the data directory, over the same mirror."""
    aside = made.file("cow").with_suffix(".before")
    yield Home(shutil.copytree(made.home, tmp_path / "home"), made.mirror)
    if aside.exists():
        aside.replace(made.file("cow"))


def stale_for_dagster(made: PipelineRunner) -> set[str]:
    """Return the partitions that Dagster's UI marks as stale."""
    resolver = CachingStaleStatusResolver(
        made.instance,
        made.definitions.resolve_asset_graph(),
        LoadingContextForTest(made.instance),
    )
    return {
        f"{stage.name} {key}"
        for by in (By.CATEGORY, By.CLASS_SET)
        for stage in made.pipeline.chain(by)
        for key in made.pipeline.partitions.keys(by)
        if resolver.get_status(dg.AssetKey(stage.name), key) is StaleStatus.STALE
    }


def stale_at_first(made: PipelineRunner, staleness: Staleness) -> set[str]:
    """Return the partitions that are stale for a reason of their own.

    Dagster's UI marks these; that what follows from them is stale too is told once they are made.
    """
    reasons = {
        f"{stage.name} {key}": staleness.reason(stage, key)
        for by in (By.CATEGORY, By.CLASS_SET)
        for stage in made.pipeline.chain(by)
        for key in made.pipeline.partitions.keys(by)
    }
    return {
        name
        for name, reason in reasons.items()
        if reason and not (reason.startswith("its input") and reason.endswith("is stale"))
    }


def source_changed(home: Home) -> PipelineRunner:
    home.file("cow").rename(home.file("cow").with_suffix(".before"))
    home.draw("cow", seed=1)
    return home.runner()


CHANGES: dict[str, tuple[Callable[[Home], PipelineRunner], set[str], list[str]]] = {
    "nothing": (lambda home: home.runner(), set(), []),
    "source": (source_changed, {COW[0]}, [*COW, *TRAINED]),
    "code of strokes": (
        lambda home: home.runner(code="strokes"),
        {COW[1], PANDA[1]},
        [*COW[1:], *PANDA[1:]],  # the same drawings: nothing is trained
    ),
    "code of classifiers": (
        lambda home: home.runner(code="classifiers"),
        {TRAINED[0]},
        TRAINED,
    ),
    "code of evaluations": (
        lambda home: home.runner(code="evaluations"),
        {TRAINED[1]},
        TRAINED[1:],
    ),
    "setting of the download": (
        lambda home: home.runner(drawings=30),
        {COW[0], PANDA[0]},
        [*COW, *PANDA, *TRAINED],
    ),
    "setting of the training": (lambda home: home.runner(epochs=2), {TRAINED[0]}, TRAINED),
    "class set": (
        lambda home: home.runner(class_sets={"2": ("panda", "cow")}),
        {TRAINED[0]},
        TRAINED,
    ),
}


@pytest.mark.parametrize("change", CHANGES)
def test_commands_dagsters_ui_and_automation_agree_on_what_is_stale(
    home: Home, change: str
) -> None:
    apply, first, all_of_it = CHANGES[change]
    made = apply(home)
    # As each command and the web server do when they start; then as a schedule does.
    observations.report_settings(made.pipeline, made.instance, made.store)
    observation = observe(made)
    assert observation.success
    versions = observed_versions(made.instance, observation.run_id)
    staleness = Staleness(
        made.pipeline, made.store, source_version=lambda key, _config: versions.get(key)
    )
    assert stale_at_first(made, staleness) == first
    assert stale_for_dagster(made) == first
    requested = [
        f"{asset.path[-1]} {key}"
        for request in requests(staleness, "1", set())
        for key in keys_of(made, request)
        for asset in request.asset_selection or ()
    ]
    run(made)
    assert made.failures == {}
    assert sorted(made.materialized) == sorted(all_of_it)
    drawings = made.store.read("strokes", "cow").metadata["drawings"]
    assert drawings == made.pipeline.settings.drawings
    of_categories = [name for name in all_of_it if name not in TRAINED]
    # Class sets follow when their categories are there.
    assert requested == (of_categories or all_of_it)
    assert stale_for_dagster(made) == set()
    after = Staleness(made.pipeline, made.store)
    assert stale_at_first(made, after) == set()
    assert requests(after, "2", set()) == []


def test_a_classifier_of_other_categories_under_its_key_is_stale_and_says_which(home: Home) -> None:
    made = home.runner(class_sets={"2": ("panda", "cow")})
    reason = Staleness(made.pipeline, made.store).reason(made.pipeline.stages["classifiers"], "2")
    assert reason == "class set changed from cow, panda to panda, cow"


def test_a_fingerprint_of_another_schema_is_stale_with_one_sentence(home: Home) -> None:
    made = home.runner()
    before = made.store.read("strokes", "cow")
    old: list[dict[str, Any]] = [
        {},
        {"schema": 0},
        {"recipe": "strokes", "drawings": 40},
        {**before.fingerprint, "schema": 99},
    ]
    for written in old:
        with made.store.stage("strokes", "cow") as staged:
            table = made.store.open_local(before, "table.parquet")
            shutil.copy(table, staged.path("table.parquet"))
            staged.publish(fingerprint=written, metadata=before.metadata, version=before.version)
        reason = Staleness(made.pipeline, made.store).reason(made.pipeline.stages["strokes"], "cow")
        assert reason == "it was made by another version of this project"


def test_partitions_of_a_foreign_schema_stop_no_command(home: Home) -> None:
    made = home.runner()
    for stage, key in (("raw_drawings", "cow"), ("classifiers", "2")):
        before = made.store.read(stage, key)
        with made.store.stage(stage, key) as staged:
            for name in before.files:
                shutil.copy(made.store.open_local(before, name), staged.path(name))
            staged.publish(fingerprint={"schema": 0}, metadata={}, version=before.version)
    observations.report_settings(made.pipeline, made.instance, made.store)
    run(made)
    assert made.failures == {}
    assert sorted(made.materialized) == sorted([*COW, *TRAINED])


def test_a_new_optional_setting_with_its_default_makes_nothing_stale() -> None:
    stage = Pipeline(Settings.load()).stages["classifiers"]
    before = fingerprint(stage, {"epochs": 15})
    now = fingerprint(stage, {"epochs": 15, "warm_up": None})
    assert difference(before, now) is None
    reason = difference(before, fingerprint(stage, {"epochs": 15, "warm_up": 3}))
    assert reason == "warm up changed from the default to 3"
    # A setting that there is no longer, too.
    removed = difference(fingerprint(stage, {"epochs": 15, "warm_up": 3}), before)
    assert removed == "warm up changed from 3 to the default"

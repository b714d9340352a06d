"""What Dagster loads, spelled out by hand."""

from pathlib import Path
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any, cast

import dagster as dg
import pytest

from qd_pipeline.definitions import build_definitions
from qd_pipeline.errors import BadSetting
from qd_pipeline.learning.training.config import TrainingConfig
from qd_pipeline.learning.training.presets import PRESETS
from qd_pipeline.orchestration.partitions import By
from qd_pipeline.orchestration.pipeline import Pipeline
from qd_pipeline.orchestration.stages.training_config import TrainingStageConfig
from qd_pipeline.settings import Settings

if TYPE_CHECKING:
    from qd_pipeline.storage import Partition

ANIMALS = {"cow", "panda", "frog", "rabbit", "elephant", "duck", "camel", "shark"}
DRAWINGS = {"strokes", "bitmaps"}
STAGES = {
    "raw_drawings": {"quickdraw_files"},
    "strokes": {"raw_drawings"},
    "bitmaps": {"strokes"},
    "classifiers": {"class_sets", *DRAWINGS},
    "evaluations": {"classifiers", *DRAWINGS},
}
PIPELINE = Pipeline(Settings.load())
DEFS = build_definitions(PIPELINE.settings)


def specs(defs: dg.Definitions = DEFS) -> dict[str, dg.AssetSpec]:
    return {spec.key.to_user_string(): spec for spec in defs.resolve_all_asset_specs()}


def test_the_lineage_names_all_that_a_stage_reads() -> None:
    for name, upstream in STAGES.items():
        assert {dep.asset_key.to_user_string() for dep in specs()[name].deps} == upstream


def test_the_data_stages_have_a_partition_a_category_and_the_others_one_a_class_set() -> None:
    for name in STAGES:
        partitions = specs()[name].partitions_def
        assert partitions is not None
        keys = set(partitions.get_partition_keys())
        expected = {"2", "4", "8"} if name in {"classifiers", "evaluations"} else ANIMALS
        assert keys == expected


def test_every_stage_has_kinds_owners_a_group_and_a_code_version() -> None:
    for name in STAGES:
        spec = specs()[name]
        assert spec.kinds
        assert spec.owners
        assert spec.group_name in {"drawings", "learning"}
        assert spec.code_version


def test_every_asset_is_described_in_one_sentence() -> None:
    assert set(specs()) > set(STAGES)
    for spec in specs().values():
        description = spec.description or ""
        assert description.endswith(".")
        assert description.count(".") == 1
        assert "\n\n" not in description


def test_every_stage_is_checked() -> None:
    keys = DEFS.resolve_asset_graph().asset_check_keys
    checked = {key.asset_key.to_user_string() for key in keys}
    assert checked >= set(STAGES)


def test_a_category_feeds_the_class_sets_that_name_it() -> None:
    found = PIPELINE.partitions.mapping(of=By.CLASS_SET, upstream=By.CATEGORY)
    assert isinstance(found, dg.StaticPartitionMapping)
    mapping = found.downstream_partition_keys_by_upstream_partition_key
    assert mapping["cow"] == {"2", "8"}
    assert mapping["frog"] == {"4", "8"}
    assert mapping["shark"] == {"8"}


def test_there_are_jobs_for_the_categories_for_the_class_sets_and_for_the_source() -> None:
    for job, stages in (
        ("categories", {"raw_drawings", "strokes", "bitmaps"}),
        ("classifiers_and_evaluations", {"classifiers", "evaluations"}),
        ("observe_source", {"quickdraw_files"}),
    ):
        keys = DEFS.resolve_job_def(job).asset_layer.executable_asset_keys
        assert {key.to_user_string() for key in keys} == stages


def validate(setting: dict[str, Any]) -> None:
    """Check a configuration as the launchpad does."""
    job = DEFS.resolve_job_def("classifiers_and_evaluations")
    dg.validate_run_config(job, {"ops": {"classifiers": {"config": setting}}})


@pytest.mark.parametrize(
    "setting",
    [
        {},
        {"network": "seed_cnn", "epochs": 2},
        {"network": "auto", "preset": "baseline"},
        {"preset": "auto", "learning_rate": 0.01},
        {"settings": {"weight_decay": 0.1}},
    ],
)
def test_the_launchpad_takes_settings_that_there_are(setting: dict[str, Any]) -> None:
    validate(setting)


@pytest.mark.parametrize(
    "setting",
    [{"network": "seed_cmn"}, {"preset": "slow"}, {"epochs": "many"}, {"speed": 3}],
)
def test_the_launchpad_refuses_settings_that_there_are_not(setting: dict[str, Any]) -> None:
    with pytest.raises(dg.DagsterInvalidConfigError, match=next(iter(setting))):
        validate(setting)


@pytest.mark.parametrize(
    ("setting", "config"),
    [
        ({}, PRESETS["default"](4)),
        ({"network": "dense_baseline"}, PRESETS["baseline"](4)),
        (
            {"preset": "fast", "network": "deep_cnn"},
            PRESETS["fast"](4).with_settings(network="deep_cnn"),
        ),
    ],
)
def test_a_preset_that_is_not_chosen_is_the_networks(
    setting: dict[str, Any], config: TrainingConfig
) -> None:
    found = PIPELINE.config(PIPELINE.stages["classifiers"], **setting)
    assert isinstance(found, TrainingStageConfig)
    assert found.training(4) == config


@pytest.mark.parametrize(
    ("setting", "sentence"),
    [
        ({"epochs": 0}, "epochs is 0: give a whole number from 1."),
        ({"seed": -1}, "seed is -1: give a whole number from 0 to 4294967295."),
        ({"learning_rate": float("nan")}, "learning rate is nan: give a number above 0."),
    ],
)
def test_a_setting_out_of_its_range_is_one_sentence(setting: dict[str, Any], sentence: str) -> None:
    with pytest.raises(BadSetting) as refused:
        PIPELINE.config(PIPELINE.stages["classifiers"], **setting)
    assert str(refused.value) == sentence


def defaults(defs: dg.Definitions, job: str, stage: str) -> dict[str, Any]:
    """Return the values that the launchpad fills in for a stage."""
    checked = dg.validate_run_config(defs.resolve_job_def(job))
    op = PIPELINE.stages[stage].op
    config = checked["ops"][op]["config"]
    return dict(config if op == stage else config[stage])


def test_two_settings_in_one_process_have_two_sets_of_definitions(tmp_path: Path) -> None:
    landmarks = {"landmarks": ("bridge", "castle"), "paint": ("paint can", "bridge")}
    settings = Settings.load(
        home=tmp_path,
        source="quickdraw",
        class_sets=landmarks,
        drawings=50,
        epochs=3,
        promotion_margin=0.03,
        schedule={"time": "21:05", "weekday": "Sunday", "zone": "Asia/Tokyo"},
    )
    first, second = build_definitions(Settings.load(home=tmp_path)), build_definitions(settings)
    for defs, categories, class_sets in (
        (first, ANIMALS, {"2", "4", "8"}),
        (second, {"bridge", "castle", "paint_can"}, set(landmarks)),
    ):
        for name in STAGES:
            partitions = specs(defs)[name].partitions_def
            assert partitions is not None
            by_class_set = name in {"classifiers", "evaluations"}
            assert set(partitions.get_partition_keys()) == (
                class_sets if by_class_set else categories
            )
    graph = second.resolve_asset_graph().get(dg.AssetKey("classifiers"))
    mapping = graph.partition_mappings[dg.AssetKey("bitmaps")]
    assert isinstance(mapping, dg.StaticPartitionMapping)
    assert mapping.downstream_partition_keys_by_upstream_partition_key == {
        "bridge": set(landmarks),
        "castle": {"landmarks"},
        "paint_can": {"paint"},
    }
    downloads = [defaults(defs, "categories", "raw_drawings") for defs in (first, second)]
    assert [each["drawings"] for each in downloads] == [600, 50]
    job = "classifiers_and_evaluations"
    trainings = [defaults(defs, job, "classifiers") for defs in (first, second)]
    assert [each.get("epochs") for each in trainings] == [None, 3]
    evaluations = [defaults(defs, job, "evaluations") for defs in (first, second)]
    assert [each["promotion_margin"] for each in evaluations] == [0.01, 0.03]
    schedules = [defs.resolve_schedule_def("weekly") for defs in (first, second)]
    assert [each.cron_schedule for each in schedules] == ["0 6 * * 1", "5 21 * * 0"]
    assert [each.execution_timezone for each in schedules] == ["UTC", "Asia/Tokyo"]


def test_excluded_drawings_are_found_where_the_data_directory_lies_now(tmp_path: Path) -> None:
    made = Pipeline(Settings.load(home=tmp_path))
    kept = made.settings.excluded / "0123.csv"
    kept.parent.mkdir()
    kept.write_text("key_id\n1\n")
    published = SimpleNamespace(metadata={"run_config": {"exclude": "/before/excluded/0123.csv"}})
    recorded = made.recorded(made.stages["classifiers"], cast("Partition", published))
    assert recorded == {"exclude": str(kept.resolve())}

"""What Dagster loads, spelled out by hand."""

from pathlib import Path
from typing import Any

import dagster as dg
import pytest

from qd_pipeline.definitions import defs
from qd_pipeline.learning.training.config import TrainingConfig
from qd_pipeline.orchestration.assets.classifiers import ClassifierConfig
from qd_pipeline.orchestration.partitions import class_sets_of_category
from qd_pipeline.store import Store

ANIMALS = {"cow", "panda", "frog", "rabbit", "elephant", "duck", "camel", "shark"}
STAGES = {
    "raw_drawings": set(),
    "strokes": {"raw_drawings"},
    "bitmaps": {"strokes"},
    "classifiers": {"strokes", "bitmaps"},
    "evaluations": {"classifiers"},
}


def specs() -> dict[str, dg.AssetSpec]:
    return {spec.key.to_user_string(): spec for spec in defs.resolve_all_asset_specs()}


def test_the_five_stages_are_chained() -> None:
    for name, upstream in STAGES.items():
        assert {dep.asset_key.to_user_string() for dep in specs()[name].deps} == upstream


def test_the_data_stages_have_a_partition_a_category_and_the_others_one_a_class_count() -> None:
    for name in STAGES:
        partitions = specs()[name].partitions_def
        assert partitions is not None
        keys = set(partitions.get_partition_keys())
        expected = {"2", "4", "8"} if name in {"classifiers", "evaluations"} else ANIMALS
        assert keys == expected


def test_every_stage_says_what_it_is_and_whose() -> None:
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
    keys = defs.resolve_asset_graph().asset_check_keys
    checked = {key.asset_key.to_user_string() for key in keys}
    assert checked >= set(STAGES)


def test_a_category_feeds_the_class_sets_that_name_it() -> None:
    mapping = class_sets_of_category.downstream_partition_keys_by_upstream_partition_key
    assert mapping["cow"] == {"2", "8"}
    assert mapping["frog"] == {"4", "8"}
    assert mapping["shark"] == {"8"}


def test_there_is_a_job_for_the_categories_and_one_for_the_class_sets() -> None:
    for job, stages in (
        ("categories", {"raw_drawings", "strokes", "bitmaps"}),
        ("classifiers_and_evaluations", {"classifiers", "evaluations"}),
    ):
        keys = defs.resolve_job_def(job).asset_layer.executable_asset_keys
        assert {key.to_user_string() for key in keys} == stages


def validate(setting: dict[str, Any]) -> None:
    """Look at a configuration as the launchpad does."""
    job = defs.resolve_job_def("classifiers_and_evaluations")
    dg.validate_run_config(job, {"ops": {"classifiers": {"config": setting}}})


@pytest.mark.parametrize(
    "setting",
    [
        {},
        {"network": "seed_cnn", "epochs": 2},
        {"network": "of_recipe", "recipe": "baseline"},
        {"recipe": "of_network", "learning_rate": 0.01},
    ],
)
def test_the_launchpad_takes_settings_that_there_are(setting: dict[str, Any]) -> None:
    validate(setting)


@pytest.mark.parametrize(
    "setting",
    [{"network": "seed_cmn"}, {"recipe": "slow"}, {"epochs": "many"}, {"speed": 3}],
)
def test_the_launchpad_refuses_settings_that_there_are_not(setting: dict[str, Any]) -> None:
    with pytest.raises(dg.DagsterInvalidConfigError, match=next(iter(setting))):
        validate(setting)


@pytest.mark.parametrize(
    ("setting", "recipe"),
    [
        ({}, TrainingConfig.default(4)),
        ({"network": "dense_baseline"}, TrainingConfig.baseline(4)),
        (
            {"recipe": "fast", "network": "deep_cnn"},
            TrainingConfig.fast(4).with_settings(network="deep_cnn"),
        ),
    ],
)
def test_a_recipe_that_is_not_chosen_is_the_networks(
    setting: dict[str, Any], recipe: TrainingConfig, tmp_path: Path
) -> None:
    assert ClassifierConfig(**setting).settings("4", Store(tmp_path)) == recipe

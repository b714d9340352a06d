"""Settings that Dagster's types let pass, and their ranges do not."""

from typing import Any

import dagster as dg
import pytest

from qd_pipeline.definitions import defs
from qd_pipeline.errors import BadSetting
from qd_pipeline.orchestration.coordinator import CONFIGS, check


def ops(asset: str, **settings: Any) -> dict[str, Any]:
    return {"ops": {asset: {"config": settings}}}


@pytest.mark.parametrize(
    ("asset", "settings", "sentence"),
    [
        ("raw_drawings", {"drawings": 0}, "drawings is 0: give a whole number from 1, or 'all'."),
        ("classifiers", {"epochs": 0}, "epochs is 0: give a whole number from 1."),
        ("classifiers", {"batch_size": -1}, "batch size is -1: give a whole number from 1."),
        ("classifiers", {"learning_rate": 0.0}, "learning rate is 0.0: give a number above 0"),
        ("classifiers", {"units": 0}, "units"),
        ("classifiers", {"seed": -1}, "seed is -1: give a whole number from 0 to 4294967295."),
        ("cross_validations", {"folds": 1}, "folds is 1: give a number from 2 to 255."),
        ("cross_validations", {"epochs": 0}, "epochs is 0"),
        ("searches", {"folds": 256}, "folds is 256"),
        ("searches", {"trials": 0}, "trials is 0"),
        ("searches", {"space": {"epochs": [0, 1]}}, "epochs is 0"),
        ("searches", {"space": {"speed": [1]}}, "space: speed is no setting to vary"),
        ("data_studies", {"shares": [30, 10]}, "shares are 30, 10: give rising percentages"),
        ("data_studies", {"seed": 2**32}, "seed is 4294967296"),
        ("comparisons", {"runs": 0}, "runs is 0"),
    ],
)
def test_a_setting_out_of_its_range_is_refused(
    asset: str, settings: dict[str, Any], sentence: str
) -> None:
    with pytest.raises(BadSetting) as refused:
        check(ops(asset, **settings))
    assert str(refused.value).startswith(sentence)


@pytest.mark.parametrize(
    "run_config",
    [
        {},
        ops("raw_drawings", drawings=1),
        ops("raw_drawings", drawings=None, whole_files=True),
        ops("classifiers", epochs=1, network="seed_cnn", seed=2**32 - 1),
        ops("classifiers", settings_from_search=True, epochs=0),
        # What only the step can read, and what only a newer code location knows.
        ops("classifiers", epochs={"env": "EPOCHS"}),
        ops("classifiers", network="of_tomorrow"),
        ops("raw_drawings", drawings=0, whole_files=True),
        ops("searches", settings_from_search=True, space={"units": [16, 32]}),
        ops("searches", trials=1, space={"learning_rate": [0.001, 0.01]}),
        ops("data_studies", shares=[10, 100]),
        ops("comparisons", runs=1),
        {"ops": {"evaluations": {}}, "execution": {}},
    ],
)
def test_settings_in_their_ranges_pass(run_config: dict[str, Any]) -> None:
    check(run_config)


def test_the_settings_of_every_asset_are_known() -> None:
    assets = [each for each in defs.assets or () if isinstance(each, dg.AssetsDefinition)]
    configured = {
        each.key.path[-1]
        for each in assets
        if getattr(each.op.config_schema.config_type, "fields", None)
    }
    assert configured == set(CONFIGS)

import json
from dataclasses import fields
from typing import Any

import pytest

from qd_pipeline.errors import BadSetting
from qd_pipeline.learning.training.config import TrainingConfig
from qd_pipeline.learning.training.presets import PRESETS, from_preset


@pytest.mark.parametrize(
    ("setting", "complaint"),
    [
        ({"epochs": 0}, "epochs is 0"),
        ({"epochs": -2}, "epochs is -2"),
        ({"batch_size": 0}, "batch size is 0"),
        ({"learning_rate": 0.0}, "learning rate is 0.0"),
        ({"learning_rate": float("nan")}, "learning rate is nan"),
        ({"learning_rate": float("inf")}, "learning rate is inf"),
        (
            {"optimizer": "lion"},
            "optimizer 'lion' is not known: give one of adam, adamw, rmsprop, sgd",
        ),
        ({"schedule": "zigzag"}, "schedule 'zigzag' is not known: give one of constant, one_cycle"),
        ({"weight_decay": -0.1}, "weight decay is -0.1"),
        (
            {"weight_decay": 0.1},
            "optimizer 'adam' takes no weight_decay: give adamw, or set it to 0",
        ),
        ({"beta_2": 0.9}, "optimizer 'adam' takes no beta_2: give adamw, or set it to 0.999"),
        ({"optimizer": "adamw", "beta_2": 1.0}, "beta 2 is 1.0"),
        ({"label_smoothing": 1.0}, "label smoothing is 1.0"),
        ({"augmentation": -1.0}, "augmentation is -1.0"),
        ({"warp": -1.0}, "warp is -1.0"),
        ({"units": 0}, "units is 0"),
        ({"traced": 0.6}, "traced is 0.6"),
        ({"augmentation": float("nan")}, "augmentation is nan"),
        ({"network": "vgg"}, "network 'vgg' is not known"),
        ({"countries": "Germany"}, "countries 'Germany' are not codes: give DE,US"),
        ({"seed": -1}, "seed is -1"),
        ({"seed": 2**32}, "seed is 4294967296"),
    ],
)
def test_a_setting_outside_its_range_is_refused(setting: dict[str, Any], complaint: str) -> None:
    with pytest.raises(BadSetting, match=complaint):
        TrainingConfig(**setting)


def test_settings_that_are_none_stay_as_they_are() -> None:
    config = PRESETS["notebook"](8)
    assert config.with_settings(epochs=None, seed=None) == config
    assert config.with_settings(epochs=3).epochs == 3


def test_a_changed_config_is_checked_too() -> None:
    with pytest.raises(BadSetting):
        PRESETS["notebook"](2).with_settings(epochs=0)


@pytest.mark.parametrize("preset", PRESETS)
def test_every_setting_of_a_training_survives_json(preset: str) -> None:
    config = from_preset(8, preset=preset, seed=7)
    values = json.loads(json.dumps(config.to_json()))
    assert set(values) == {field.name for field in fields(TrainingConfig)}
    assert TrainingConfig.from_json(values) == config


def test_missing_settings_have_their_defaults() -> None:
    assert TrainingConfig.from_json({"epochs": 3}) == TrainingConfig(epochs=3)


@pytest.mark.parametrize(
    ("values", "complaint"),
    [
        ({"redraw": 0.6}, "training setting 'redraw' is not known: give some of network, epochs"),
        ({"epochs": "3"}, "training setting 'epochs' cannot be '3'"),
        ({"epochs": 0}, "epochs is 0"),
    ],
)
def test_no_setting_is_ignored(values: dict[str, Any], complaint: str) -> None:
    with pytest.raises(BadSetting, match=complaint):
        TrainingConfig.from_json(values)
    with pytest.raises(BadSetting, match=complaint):
        from_preset(2, **values)


def test_only_settings_that_have_an_effect_are_effective() -> None:
    assert TrainingConfig().effective() == {}
    assert TrainingConfig(units=128, weight_decay=0.0).effective() == {}
    assert TrainingConfig(units=64).effective() == {"units": 64}
    default = PRESETS["default"](8)
    assert TrainingConfig.from_json(default.effective()) == default
    assert default.effective() != default.with_settings(seed=1).effective()

import json
from typing import Any

import pytest

from qd_pipeline.errors import BadSetting
from qd_pipeline.learning.networks import NETWORKS
from qd_pipeline.learning.training.config import PRESETS, TrainingConfig, chosen


@pytest.mark.parametrize(("class_count", "epochs"), [(2, 10), (4, 15), (8, 20), (15, 15)])
def test_the_notebooks_recipe_is_adam_at_a_thousandth(class_count: int, epochs: int) -> None:
    assert TrainingConfig.notebook(class_count) == TrainingConfig(
        "seed_cnn", epochs, 128, 0.001, "adam", 0
    )


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
        ({"weight_decay": 0.1}, "optimizer 'adam' takes no weight decay"),
        ({"label_smoothing": 1.0}, "label smoothing is 1.0"),
        ({"redraw": -1.0}, "redraw is -1.0"),
        ({"redraw": float("nan")}, "redraw is nan"),
        ({"network": "vgg"}, "network 'vgg' is not known"),
        ({"seed": -1}, "seed is -1"),
        ({"seed": 2**32}, "seed is 4294967296"),
    ],
)
def test_a_setting_outside_its_range_is_refused(setting: dict[str, Any], complaint: str) -> None:
    with pytest.raises(BadSetting, match=complaint):
        TrainingConfig(**setting)


def test_settings_that_are_none_stay_as_they_are() -> None:
    recipe = TrainingConfig.notebook(8)
    assert recipe.with_settings(epochs=None, seed=None) == recipe
    assert recipe.with_settings(epochs=3).epochs == 3


def test_a_changed_recipe_is_checked_too() -> None:
    with pytest.raises(BadSetting):
        TrainingConfig.notebook(2).with_settings(epochs=0)


def test_a_recipe_survives_json() -> None:
    recipe = TrainingConfig(epochs=2, seed=7)
    assert TrainingConfig(**json.loads(json.dumps(recipe.to_json()))) == recipe


def test_the_recipes_to_begin_from_are_named() -> None:
    assert list(PRESETS) == ["notebook", "default", "fast", "best", "baseline"]
    assert all(isinstance(recipe(4), TrainingConfig) for recipe in PRESETS.values())


@pytest.mark.parametrize("class_count", [2, 4, 8])
def test_the_notebooks_baseline_is_rmsprop_at_a_ten_thousandth(class_count: int) -> None:
    baseline = TrainingConfig("dense_baseline", 30, 128, 0.0001, "rmsprop")
    assert PRESETS["baseline"](class_count) == baseline


@pytest.mark.parametrize(
    ("network", "recipe"),
    [
        (None, "default"),
        ("seed_cnn", "notebook"),
        ("dense_baseline", "baseline"),
        ("compact_cnn", "default"),
        ("deep_cnn", "best"),
    ],
)
def test_a_network_alone_is_trained_by_the_recipe_made_for_it(
    network: str | None, recipe: str
) -> None:
    assert chosen(4, network=network) == PRESETS[recipe](4)


def test_a_network_of_ones_own_is_trained_by_the_default(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(NETWORKS, "mine", NETWORKS["compact_cnn"])
    assert chosen(4, network="mine") == TrainingConfig.default(4).with_settings(network="mine")


def test_a_recipe_that_is_named_wins_and_other_settings_take_the_place_of_its_own() -> None:
    recipe = chosen(4, recipe="fast", network="deep_cnn", epochs=3, seed=None)
    assert recipe == TrainingConfig.fast(4).with_settings(network="deep_cnn", epochs=3)


def test_a_recipe_that_is_not_known_is_refused() -> None:
    known = "notebook, default, fast, best, baseline"
    with pytest.raises(BadSetting, match=f"recipe 'slow' is not known: give one of {known}"):
        chosen(4, recipe="slow")


@pytest.mark.parametrize("class_count", [2, 4, 8, 15])
def test_the_default_takes_its_epochs_from_the_notebooks(class_count: int) -> None:
    notebook, default, fast = (
        PRESETS[name](class_count).epochs for name in ("notebook", "default", "fast")
    )
    assert fast <= notebook / 2
    assert default == notebook

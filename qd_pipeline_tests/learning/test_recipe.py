import json
from typing import Any

import pytest

from qd_pipeline.errors import BadSetting
from qd_pipeline.learning.recipe import RECIPES, Recipe


@pytest.mark.parametrize(("class_count", "epochs"), [(2, 10), (4, 15), (8, 20), (15, 15)])
def test_the_notebooks_recipe_is_adam_at_a_thousandth(class_count: int, epochs: int) -> None:
    assert Recipe.notebook(class_count) == Recipe("seed_cnn", epochs, 128, 0.001, "adam", 0)


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
        Recipe(**setting)


def test_settings_that_are_none_stay_as_they_are() -> None:
    recipe = Recipe.notebook(8)
    assert recipe.with_settings(epochs=None, seed=None) == recipe
    assert recipe.with_settings(epochs=3).epochs == 3


def test_a_changed_recipe_is_checked_too() -> None:
    with pytest.raises(BadSetting):
        Recipe.notebook(2).with_settings(epochs=0)


def test_a_recipe_survives_json() -> None:
    recipe = Recipe(epochs=2, seed=7)
    assert Recipe(**json.loads(json.dumps(recipe.to_json()))) == recipe


def test_the_recipes_to_begin_from_are_named() -> None:
    assert list(RECIPES) == ["notebook", "default", "fast", "best"]
    assert all(isinstance(recipe(4), Recipe) for recipe in RECIPES.values())


@pytest.mark.parametrize("class_count", [2, 4, 8, 15])
def test_the_default_takes_its_epochs_from_the_notebooks(class_count: int) -> None:
    notebook, default, fast = (
        RECIPES[name](class_count).epochs for name in ("notebook", "default", "fast")
    )
    assert fast <= notebook / 2
    assert default == notebook

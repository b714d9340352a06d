import pytest

from qd_pipeline.errors import BadSetting
from qd_pipeline.learning.networks import NETWORKS
from qd_pipeline.learning.training.config import TrainingConfig
from qd_pipeline.learning.training.presets import PRESETS, from_preset


@pytest.mark.parametrize(("class_count", "epochs"), [(2, 10), (4, 15), (8, 20), (15, 15)])
def test_the_notebooks_preset_is_adam_at_a_thousandth(class_count: int, epochs: int) -> None:
    assert PRESETS["notebook"](class_count) == TrainingConfig(
        "seed_cnn", epochs, 128, 0.001, "adam", 0
    )


def test_another_optimizer_does_not_take_over_what_only_the_presets_takes() -> None:
    config = from_preset(8, preset="default", optimizer="sgd", weight_decay=None)
    own = TrainingConfig()
    assert (config.optimizer, config.beta_2, config.weight_decay) == (
        "sgd",
        own.beta_2,
        own.weight_decay,
    )
    with pytest.raises(BadSetting, match="takes no beta_2"):
        from_preset(8, preset="default", optimizer="sgd", beta_2=0.9)
    with pytest.raises(BadSetting, match="takes no weight_decay"):
        from_preset(8, preset="default", optimizer="sgd", weight_decay=0.9)


def test_the_presets_are_named() -> None:
    assert list(PRESETS) == ["notebook", "default", "fast", "best", "large", "baseline"]
    assert all(isinstance(preset(4), TrainingConfig) for preset in PRESETS.values())


@pytest.mark.parametrize("class_count", [2, 4, 8])
def test_the_notebooks_baseline_is_rmsprop_at_a_ten_thousandth(class_count: int) -> None:
    baseline = TrainingConfig("dense_baseline", 30, 128, 0.0001, "rmsprop")
    assert PRESETS["baseline"](class_count) == baseline


@pytest.mark.parametrize(
    ("network", "preset"),
    [
        (None, "default"),
        ("seed_cnn", "notebook"),
        ("dense_baseline", "baseline"),
        ("picture_and_strokes", "default"),
        ("stroke_cnn", "fast"),
        ("wide_picture_and_strokes", "best"),
        ("large_picture_and_strokes", "large"),
    ],
)
def test_a_network_alone_is_trained_with_its_own_preset(network: str | None, preset: str) -> None:
    assert from_preset(4, network=network) == PRESETS[preset](4)


def test_a_network_without_a_preset_is_trained_with_the_default(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setitem(NETWORKS, "mine", NETWORKS["compact_cnn"])
    assert from_preset(4, network="mine") == PRESETS["default"](4).with_settings(network="mine")


def test_a_named_preset_wins_and_other_settings_replace_its_own() -> None:
    config = from_preset(4, preset="fast", network="deep_cnn", epochs=3, seed=None)
    assert config == PRESETS["fast"](4).with_settings(network="deep_cnn", epochs=3)


def test_an_unknown_preset_is_refused() -> None:
    known = "notebook, default, fast, best, large, baseline"
    with pytest.raises(BadSetting, match=f"preset 'slow' is not known: give one of {known}"):
        from_preset(4, preset="slow")


@pytest.mark.parametrize("class_count", [2, 4, 8, 15])
def test_the_presets_take_their_epochs_from_the_notebooks(class_count: int) -> None:
    notebook, default, fast, best = (
        PRESETS[name](class_count).epochs for name in ("notebook", "default", "fast", "best")
    )
    assert fast < default < notebook < best < 4 * notebook

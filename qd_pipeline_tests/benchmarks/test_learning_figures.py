import numpy as np
import pytest
from scipy.special import softmax

from benchmarks.benchmark_set import Trained, calibration_floor
from benchmarks.learning_figures import (
    COMPARED,
    FEW,
    PRESETS,
    against_reference,
    by_drawings,
    by_preset,
    error_by_drawings,
    on_many,
    summary_of,
)
from qd_pipeline.learning.calibration import calibration

FIGURES = {
    # accuracy, calibration error, seconds, drawings a second
    "notebook": (0.80, 0.09, 20.0, 1000.0),
    "default": (0.925, 0.015, 21.0, 800.0),
    "fast": (0.89, 0.05, 2.0, 2000.0),
    "best": (0.94, 0.01, 200.0, 300.0),
}
FLOOR = 0.012
TRAINED = [
    Trained(name, seed, accuracy, calibration, FLOOR, seconds * (1 + seed), speed)
    for seed in range(3)
    for name, (accuracy, calibration, seconds, speed) in FIGURES.items()
]


def test_each_preset_is_compared_with_the_reference_of_its_seed() -> None:
    shortened = [Trained("fast", seed, 0.8, 0.1, FLOOR, 3.0 * (1 + seed), 1.0) for seed in range(3)]
    found = against_reference(TRAINED, shortened, test_drawings=1600)
    lines = {row.what: (round(row.value, 6), row.verdict) for row in found}
    assert lines == {
        "test error, default / reference": (0.375, "met"),
        "training time, default / reference": (1.05, "met"),
        "test error, best / reference": (0.3, "met"),
        "training time, best / reference": (10.0, "missed"),
        "test error, fast / reference": (0.55, "met"),
        "training time, fast / reference": (0.1, "aim"),
        "test error, fast in 4 epochs / reference": (1.0, "aim"),
        "training time, fast in 4 epochs / reference": (0.15, "met"),
        "drawings/s classified, default / reference": (0.8, "met"),
        "expected calibration error, default": (0.015, "met"),
    }
    notes = {row.what: row.note for row in found}
    assert "± 0.033 by the drawings tested on" in notes["test error, default / reference"]
    assert "perfectly calibrated: 0.012" in notes["expected calibration error, default"]


def test_the_figures_of_every_preset_are_laid_out() -> None:
    table = by_preset(TRAINED, "title")
    assert list(table.columns[0].cells) == list(PRESETS) == list(FIGURES)
    assert list(table.columns[1].cells) == ["80.00%", "92.50%", "89.00%", "94.00%"]
    assert list(table.columns[3].cells) == ["40.0", "42.0", "4.0", "400.0"]


def test_published_figures_are_means_with_both_kinds_of_error() -> None:
    published = summary_of(TRAINED, test_drawings=1600)
    assert list(published) == list(PRESETS)
    assert published["notebook"] == {
        "test_error": 0.2,
        "test_error_seed_sd": 0.0,
        "test_error_sampling_sd": 0.01,
        "calibration_error": 0.09,
        "calibration_floor": 0.012,
        "seconds": 40.0,
        "error_over_notebook": 1.0,
        "time_over_notebook": 1.0,
        "speed_over_notebook": 1.0,
    }
    assert published["fast"]["error_over_notebook"] == 0.55
    assert published["fast"]["time_over_notebook"] == 0.1


def test_errors_are_told_by_the_number_of_training_drawings() -> None:
    few = [
        Trained(name, seed, 1 - 5 / count, 0.1, FLOOR, 1.0, 1.0, count)
        for count in FEW
        for seed in range(3)
        for name in COMPARED
    ]
    errors = error_by_drawings([*few, *TRAINED])
    assert errors["default"] == {"25": 0.2, "50": 0.1, "150": 0.0333, "all": 0.075}
    assert list(by_drawings(errors).columns[1].cells) == ["20.0%", "20.0%"]


def test_the_time_on_many_drawings_is_relative_to_the_notebooks() -> None:
    many = [
        Trained(name, 0, 1.0, 0.0, 0.0, seconds, 1.0)
        for name, (*_, seconds, _) in FIGURES.items()
        if name in COMPARED
    ]
    (row,) = on_many(many)
    assert (row.value, row.verdict) == (1.05, "met")


def test_the_floor_is_the_error_of_labels_that_are_drawn_by_their_probabilities() -> None:
    random = np.random.default_rng(4)
    probabilities = softmax(random.normal(0, 2, (2000, 5)), axis=1)

    def drawn() -> float:
        labels = (random.random((2000, 1)) > probabilities.cumsum(axis=1)).sum(axis=1)
        return calibration(probabilities, labels).error

    floor = calibration_floor(probabilities)
    assert floor == pytest.approx(np.mean([drawn() for _ in range(100)]), rel=0.05)
    assert calibration_floor(np.tile(probabilities, (4, 1))) == pytest.approx(floor / 2, rel=0.1)

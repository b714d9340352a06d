from benchmarks.benchmark_set import Trained
from benchmarks.learning import PRESETS, against_reference, by_preset, summary_of

FIGURES = {
    # accuracy, calibration error, seconds, drawings a second
    "notebook": (0.80, 0.09, 20.0, 1000.0),
    "default": (0.90, 0.02, 18.0, 1200.0),
    "fast": (0.82, 0.05, 5.0, 2000.0),
    "best": (0.94, 0.01, 200.0, 300.0),
}
TRAINED = [
    Trained(name, seed, accuracy, calibration, seconds * (1 + seed), speed)
    for seed in range(3)
    for name, (accuracy, calibration, seconds, speed) in FIGURES.items()
]


def test_each_preset_is_compared_with_the_reference_of_its_seed() -> None:
    lines = {row.what: (round(row.value, 6), row.verdict) for row in against_reference(TRAINED)}
    assert lines == {
        "test error, best / reference": (0.3, "aim"),
        "training time, fast / reference": (0.25, "met"),
        "test error, fast / reference": (0.9, "aim"),
        "test error, default / reference": (0.5, "aim"),
        "training time, default / reference": (0.9, "aim"),
        "drawings/s classified, default / reference": (1.2, "aim"),
        "expected calibration error, default": (0.02, "met"),
    }


def test_the_figures_of_every_preset_are_laid_out() -> None:
    table = by_preset(TRAINED, "title")
    assert list(table.columns[0].cells) == list(PRESETS) == list(FIGURES)
    assert list(table.columns[1].cells) == ["80.00%", "90.00%", "82.00%", "94.00%"]
    assert list(table.columns[3].cells) == ["40.0", "36.0", "10.0", "400.0"]


def test_published_figures_are_means_with_both_kinds_of_error() -> None:
    published = summary_of(TRAINED, test_drawings=1600)
    assert list(published) == list(PRESETS)
    assert published["notebook"] == {
        "test_error": 0.2,
        "test_error_seed_sd": 0.0,
        "test_error_sampling_sd": 0.01,
        "calibration_error": 0.09,
        "seconds": 40.0,
        "error_over_notebook": 1.0,
        "time_over_notebook": 1.0,
    }
    assert published["fast"]["error_over_notebook"] == 0.9
    assert published["fast"]["time_over_notebook"] == 0.25

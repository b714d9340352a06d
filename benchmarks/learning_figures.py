"""Figures of the learning benchmark: rows against the bars, what is published, tables."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from math import sqrt
from statistics import fmean, stdev
from typing import Final

from rich.table import Table

from benchmarks.benchmark_set import Trained
from benchmarks.rows import Row

PRESETS: Final = ("notebook", "default", "fast", "best")
"""Those that are measured; the notebook's dense baseline is far behind its CNN."""

COMPARED: Final = ("notebook", "default")
"""Those that are trained on few and on many drawings, too."""

FEW: Final = (25, 50, 150)
"""Training drawings a category of someone who has few."""

FEW_EPOCHS: Final = 4
"""Epochs in which `fast` should reach the notebook's accuracy."""


@dataclass(frozen=True)
class SeedRow(Row):
    """A row with a value for each seed, compared with the bars by their mean."""

    @property
    def value(self) -> float:
        """The mean over the seeds."""
        return fmean(self.values)


def against_reference(
    trained: Sequence[Trained], shortened: Sequence[Trained], test_drawings: int
) -> list[Row]:
    """Compare the presets with the notebook's, seed by seed.

    Args:
        trained: On all drawings, with the same seeds for each preset.
        shortened: `fast` in `FEW_EPOCHS` epochs, with the same seeds.
        test_drawings: Drawings that each was tested on.
    """
    brief = [*of_preset(trained, "notebook"), *shortened]

    def ratio(
        what: str, name: str, figure: Callable[[Trained], float], required: float, aim: float
    ) -> SeedRow:
        values = _over_notebook(trained, name, figure)
        note = f"± {_spread(values):.3f} over the seeds"
        if what == "test error":
            error = fmean(each.error for each in of_preset(trained, name))
            sampling = _sampling_sd(error, test_drawings) / error * fmean(values)
            note += f", ± {sampling:.3f} by the drawings tested on"
        at_most = required >= aim
        return SeedRow(f"{what}, {name} / reference", values, required, aim, at_most, note)

    default = of_preset(trained, "default")
    floor = fmean(each.calibration_floor for each in default)
    errors = tuple(each.calibration_error for each in default)
    note = f"± {_spread(errors):.3f} over the seeds; perfectly calibrated: {floor:.3f}"
    return [
        ratio("test error", "default", _error, 0.40, 0.35),
        ratio("training time", "default", _seconds, 1.1, 1.0),
        ratio("test error", "best", _error, 0.33, 0.28),
        ratio("training time", "best", _seconds, 6.0, 4.0),
        ratio("test error", "fast", _error, 0.60, 0.50),
        ratio("training time", "fast", _seconds, 0.4, 0.4),
        SeedRow(
            f"test error, fast in {FEW_EPOCHS} epochs / reference",
            _over_notebook(brief, "fast", _error),
            1.0,
            1.0,
            at_most=True,
        ),
        SeedRow(
            f"training time, fast in {FEW_EPOCHS} epochs / reference",
            _over_notebook(brief, "fast", _seconds),
            0.25,
            0.12,
            at_most=True,
        ),
        ratio("drawings/s classified", "default", lambda each: each.drawings_per_second, 0.7, 1.0),
        SeedRow(
            "expected calibration error, default", errors, 0.02, floor, at_most=True, note=note
        ),
    ]


def on_many(trained: Sequence[Trained]) -> list[Row]:
    """Compare the time that the default takes on many drawings with the notebook's."""
    values = _over_notebook(trained, "default", _seconds)
    what = "training time on many drawings, default / reference"
    return [SeedRow(what, values, 1.1, 0.8, at_most=True)]


def summary_of(trained: Sequence[Trained], test_drawings: int) -> dict[str, dict[str, float]]:
    """Return the mean figures of each preset, for documentation.

    Args:
        trained: With the same seeds for each preset.
        test_drawings: Drawings that each was tested on.

    Returns:
        By preset: `test_error`, its standard deviation over the seeds (`test_error_seed_sd`) and
        its standard error as a share of so many drawings (`test_error_sampling_sd`, which the
        seeds share), `calibration_error` and its floor, `seconds`, and error, time and speed of
        classification relative to the notebook's.
    """
    found = {}
    for name in dict.fromkeys(each.preset for each in trained):
        these = of_preset(trained, name)
        error = fmean(map(_error, these))
        figures = {
            "test_error": error,
            "test_error_seed_sd": _spread([each.error for each in these]),
            "test_error_sampling_sd": _sampling_sd(error, test_drawings),
            "calibration_error": fmean(each.calibration_error for each in these),
            "calibration_floor": fmean(each.calibration_floor for each in these),
            "seconds": fmean(map(_seconds, these)),
            "error_over_notebook": fmean(_over_notebook(trained, name, _error)),
            "time_over_notebook": fmean(_over_notebook(trained, name, _seconds)),
            "speed_over_notebook": fmean(
                _over_notebook(trained, name, lambda each: each.drawings_per_second)
            ),
        }
        found[name] = {figure: round(value, 4) for figure, value in figures.items()}
    return found


def error_by_drawings(trained: Sequence[Trained]) -> dict[str, dict[str, float]]:
    """Return the mean test error by preset and by training drawings a category."""
    return {
        name: {
            str(count or "all"): round(
                fmean(each.error for each in of_preset(trained, name) if each.drawings == count), 4
            )
            for count in (*FEW, None)
        }
        for name in COMPARED
    }


def by_preset(trained: Sequence[Trained], title: str) -> Table:
    """Lay out the mean figures of each preset."""
    table = Table(title=title, title_justify="left")
    for heading in ("preset", "test accuracy", "±", "seconds", "drawings/s", "ECE", "floor"):
        table.add_column(heading, justify="left" if heading == "preset" else "right")
    for name in dict.fromkeys(each.preset for each in trained):
        these = of_preset(trained, name)
        table.add_row(
            name,
            f"{fmean(each.accuracy for each in these):.2%}",
            f"{_spread([each.accuracy for each in these]):.2%}",
            f"{fmean(map(_seconds, these)):.1f}",
            f"{fmean(each.drawings_per_second for each in these):,.0f}",
            f"{fmean(each.calibration_error for each in these):.3f}",
            f"{fmean(each.calibration_floor for each in these):.3f}",
        )
    return table


def by_drawings(errors: dict[str, dict[str, float]]) -> Table:
    """Lay out the test errors by training drawings a category."""
    title = "Test error by training drawings a category"
    table = Table("preset", *errors[COMPARED[0]], title=title, title_justify="left")
    for name, found in errors.items():
        table.add_row(name, *(f"{error:.1%}" for error in found.values()))
    return table


def of_preset(trained: Sequence[Trained], preset: str) -> list[Trained]:
    """Return the trainings of one preset."""
    return [each for each in trained if each.preset == preset]


def _error(trained: Trained) -> float:
    return trained.error


def _seconds(trained: Trained) -> float:
    return trained.seconds


def _over_notebook(
    trained: Sequence[Trained], preset: str, figure: Callable[[Trained], float]
) -> tuple[float, ...]:
    """Return a figure relative to the notebook's, by seed."""
    pairs = zip(of_preset(trained, preset), of_preset(trained, "notebook"), strict=True)
    return tuple(figure(one) / figure(other) for one, other in pairs)


def _sampling_sd(error: float, count: int) -> float:
    return sqrt(error * (1 - error) / count)


def _spread(values: Sequence[float]) -> float:
    return stdev(values) if len(values) > 1 else 0.0

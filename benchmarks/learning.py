"""Benchmark of the training presets against the notebook's: `make bench-learning`.

Fifteen categories of 500 real drawings, the usual split, three seeds. The reference is the
notebook's network trained as the notebook did, in the same run. Choices are made on validation
drawings alone; each training is tested once. The means are written to
`docs/benchmarks/learning.json`, which documentation refers to.

    python -m benchmarks.learning [--large] [--seeds 3]
"""

import argparse
import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from math import sqrt
from pathlib import Path
from statistics import fmean, stdev
from tempfile import TemporaryDirectory
from typing import Any, Final

from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn
from rich.table import Table

from benchmarks import benchmark_set, rows
from benchmarks.benchmark_set import Trained
from benchmarks.corpus import REAL_DRAWINGS
from benchmarks.rows import Row
from qd_pipeline.cli import summary
from qd_pipeline.quickdraw.kernels import core_count

PRESETS: Final = ("notebook", "default", "fast", "best")
"""Those that are measured; the notebook's dense baseline is far behind its CNN."""

COMPARED: Final = ("notebook", "default")
"""Those that are trained on few and on many drawings, too."""

DRAWINGS: Final = 500
SEEDS: Final = 3
FEW: Final = (25, 50, 150)
"""Training drawings a category of someone who has few."""

MANY: Final = 10_000
FEW_EPOCHS: Final = 3
"""Epochs in which `fast` should reach the notebook's accuracy."""

PUBLISHED: Final = Path(__file__).parents[1] / "docs" / "benchmarks" / "learning.json"
"""The only place where figures of the presets stand."""


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
    brief = [*_of(trained, "notebook"), *shortened]

    def ratio(
        what: str, name: str, figure: Callable[[Trained], float], required: float, aim: float
    ) -> SeedRow:
        values = _over_notebook(trained, name, figure)
        note = f"± {_spread(values):.3f} over the seeds"
        if what == "test error":
            error = fmean(each.error for each in _of(trained, name))
            sampling = _sampling_sd(error, test_drawings) / error * fmean(values)
            note += f", ± {sampling:.3f} by the drawings tested on"
        at_most = required >= aim
        return SeedRow(f"{what}, {name} / reference", values, required, aim, at_most, note)

    default = _of(trained, "default")
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
        these = _of(trained, name)
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
                fmean(each.error for each in _of(trained, name) if each.drawings == count), 4
            )
            for count in (*FEW, None)
        }
        for name in COMPARED
    }


def publish(figures: dict[str, Any]) -> None:
    """Write the figures that the documentation refers to, with the date of today."""
    dated = {"date": datetime.now(UTC).date().isoformat(), **figures}
    PUBLISHED.parent.mkdir(exist_ok=True)
    PUBLISHED.write_text(json.dumps(dated, indent=2) + "\n", encoding="utf-8")


def by_preset(trained: Sequence[Trained], title: str) -> Table:
    """Lay out the mean figures of each preset."""
    table = Table(title=title, title_justify="left")
    for heading in ("preset", "test accuracy", "±", "seconds", "drawings/s", "ECE", "floor"):
        table.add_column(heading, justify="left" if heading == "preset" else "right")
    for name in dict.fromkeys(each.preset for each in trained):
        these = _of(trained, name)
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


def _of(trained: Sequence[Trained], preset: str) -> list[Trained]:
    return [each for each in trained if each.preset == preset]


def _error(trained: Trained) -> float:
    return trained.error


def _seconds(trained: Trained) -> float:
    return trained.seconds


def _over_notebook(
    trained: Sequence[Trained], preset: str, figure: Callable[[Trained], float]
) -> tuple[float, ...]:
    """Return a figure relative to the notebook's, by seed."""
    pairs = zip(_of(trained, preset), _of(trained, "notebook"), strict=True)
    return tuple(figure(one) / figure(other) for one, other in pairs)


def _sampling_sd(error: float, count: int) -> float:
    return sqrt(error * (1 - error) / count)


def _spread(values: Sequence[float]) -> float:
    return stdev(values) if len(values) > 1 else 0.0


def main(arguments: Sequence[str] | None = None) -> None:
    """Train the presets, print tables, and write the figures to the data directory and `docs`."""
    parser = argparse.ArgumentParser(prog="make bench-learning", description=main.__doc__)
    parser.add_argument("--seeds", type=int, default=SEEDS, help="trainings of each preset")
    parser.add_argument(
        "--large",
        action="store_true",
        help="also the presets notebook and default on 8 × 10,000 synthetic drawings",
    )
    chosen = parser.parse_args(arguments)
    console = summary.console()
    synthetic = not REAL_DRAWINGS.is_dir()
    kind = "synthetic drawings (there are no real ones here)" if synthetic else "real drawings"
    progress = Progress(
        TextColumn("{task.description:<22}"),
        BarColumn(),
        TextColumn("{task.completed:,.0f} of {task.total:,.0f}"),
        TimeElapsedColumn(),
        console=console,
    )

    def bar(what: str) -> benchmark_set.OnProgress:
        task = progress.add_task(what, total=1)
        return lambda done, total: progress.update(task, completed=done, total=total)

    seeds = range(chosen.seeds)
    with progress, TemporaryDirectory() as name:
        folder = Path(name)
        data = (
            benchmark_set.synthetic_drawings(folder, DRAWINGS, bar("drawings"))
            if synthetic
            else benchmark_set.real_drawings(folder, DRAWINGS)
        )
        benchmark_set.warm_up(data)
        trained = [
            benchmark_set.measure(data, preset, seed, bar(f"{preset}, seed {seed}"))
            for seed in seeds
            for preset in PRESETS
        ]
        shortened = [
            benchmark_set.measure(
                data, "fast", seed, bar(f"fast, {FEW_EPOCHS} epochs"), epochs=FEW_EPOCHS
            )
            for seed in seeds
        ]
        trained_on_few = [
            benchmark_set.measure(
                data, preset, seed, bar(f"{preset}, {count} drawings"), drawings=count
            )
            for count in FEW
            for seed in seeds
            for preset in COMPARED
        ]
        trained_on_many = []
        if chosen.large:
            many = benchmark_set.synthetic_drawings(folder, MANY, bar("many drawings"))
            trained_on_many = [
                benchmark_set.measure(many, preset, 0, bar(f"{preset}, many drawings"))
                for preset in COMPARED
            ]
    measured = against_reference(trained, shortened, len(data.test))
    errors = error_by_drawings([*trained_on_few, *trained])
    console.print(by_preset(trained, f"{len(data.class_set)} × {DRAWINGS} {kind}"))
    console.print(by_drawings(errors))
    if trained_on_many:
        console.print(by_preset(trained_on_many, f"8 × {MANY:,} synthetic drawings"))
        measured += on_many(trained_on_many)
    title = f"Against the notebook's settings, means of {len(seeds)} seeds"
    console.print(rows.table(measured, title))
    drawings = {
        "synthetic": synthetic,
        "cores": core_count(),
        "class_set": list(data.class_set),
        "drawings_per_category": DRAWINGS,
        "test_drawings": len(data.test),
        "seeds": len(seeds),
    }
    if not synthetic:
        published: dict[str, Any] = {
            "presets": summary_of(trained, len(data.test)),
            "fast_in_few_epochs": {
                "epochs": FEW_EPOCHS,
                **summary_of([*_of(trained, "notebook"), *shortened], len(data.test))["fast"],
            },
            "error_by_drawings": errors,
        }
        if trained_on_many:
            published["many_drawings"] = {
                "time_over_notebook": round(on_many(trained_on_many)[0].value, 4)
            }
        publish({**drawings, **published})
    figures = {
        **drawings,
        "trainings": [each.to_json() for each in (*trained, *shortened, *trained_on_few)],
        "trainings_on_many": [each.to_json() for each in trained_on_many],
    }
    console.print(f"Written to {rows.write('learning', measured, figures)}", highlight=False)


if __name__ == "__main__":
    main()

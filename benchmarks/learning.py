"""Benchmark of the training presets against the notebook's: `make bench-learning`.

Fifteen categories of 500 real drawings, the usual split, three seeds. The reference is the
notebook's network trained as the notebook did, in the same run. Choices are made on validation
drawings alone; each training is tested once. The means are written to
`docs/benchmarks/learning.json`, which documentation refers to.

    python -m benchmarks.learning [--large]
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
from qd_pipeline.cli.terminal import terminal
from qd_pipeline.quickdraw.threads import core_count

PRESETS: Final = ("notebook", "default", "fast", "best")
"""Those that are measured; the notebook's dense baseline is far behind its CNN."""

DRAWINGS: Final = 500
SEEDS: Final = (0, 1, 2)
MANY: Final = 10_000

PUBLISHED: Final = Path(__file__).parents[1] / "docs" / "benchmarks" / "learning.json"
"""The only place where figures of the presets stand."""


@dataclass(frozen=True)
class SeedRow(Row):
    """A row with a value for each seed, compared with the bars by their mean."""

    @property
    def value(self) -> float:
        """The mean over the seeds."""
        return fmean(self.values)


def against_reference(trained: Sequence[Trained]) -> list[Row]:
    """Compare the presets with the notebook's, seed by seed."""
    reference = [each for each in trained if each.preset == "notebook"]

    def row(
        what: str,
        name: str,
        figure: Callable[[Trained], float],
        required: float,
        aim: float,
        *,
        at_most: bool = True,
    ) -> Row:
        ours = [each for each in trained if each.preset == name]
        pairs = zip(ours, reference, strict=True)
        values = tuple(figure(one) / figure(other) for one, other in pairs)
        return SeedRow(what, values, required, aim, at_most, f"± {_spread(values):.3f}")

    errors = tuple(each.calibration_error for each in trained if each.preset == "default")
    return [
        row("test error, best / reference", "best", lambda each: each.error, 0.5, 0.35),
        row("training time, fast / reference", "fast", lambda each: each.seconds, 0.5, 0.2),
        row("test error, fast / reference", "fast", lambda each: each.error, 1.0, 1.0),
        row("test error, default / reference", "default", lambda each: each.error, 0.75, 0.55),
        row("training time, default / reference", "default", lambda each: each.seconds, 1.0, 1.0),
        row(
            "drawings/s classified, default / reference",
            "default",
            lambda each: each.drawings_per_second,
            0.5,
            1.0,
            at_most=False,
        ),
        SeedRow(
            "expected calibration error, default",
            errors,
            0.03,
            0.015,
            at_most=True,
            note=f"± {_spread(errors):.3f}",
        ),
    ]


def summary_of(trained: Sequence[Trained], test_drawings: int) -> dict[str, dict[str, float]]:
    """Return the mean figures of each preset, for documentation.

    Args:
        trained: With the same seeds for each preset.
        test_drawings: Drawings that each was tested on.

    Returns:
        By preset: `test_error`, its standard deviation over the seeds (`test_error_seed_sd`) and
        its standard error as a share of so many drawings (`test_error_sampling_sd`, which the
        seeds share), `calibration_error`, `seconds`, and error and time relative to the
        notebook's.
    """
    reference = [each for each in trained if each.preset == "notebook"]

    def mean(these: Sequence[Trained], figure: str) -> float:
        return fmean(getattr(each, figure) for each in these)

    found = {}
    for name in dict.fromkeys(each.preset for each in trained):
        these = [each for each in trained if each.preset == name]
        error = mean(these, "error")
        figures = {
            "test_error": error,
            "test_error_seed_sd": _spread([each.error for each in these]),
            "test_error_sampling_sd": sqrt(error * (1 - error) / test_drawings),
            "calibration_error": mean(these, "calibration_error"),
            "seconds": mean(these, "seconds"),
            "error_over_notebook": error / mean(reference, "error"),
            "time_over_notebook": mean(these, "seconds") / mean(reference, "seconds"),
        }
        found[name] = {figure: round(value, 4) for figure, value in figures.items()}
    return found


def publish(figures: dict[str, Any]) -> None:
    """Write the figures that the documentation refers to, with the date of today."""
    dated = {"date": datetime.now(UTC).date().isoformat(), **figures}
    PUBLISHED.parent.mkdir(exist_ok=True)
    PUBLISHED.write_text(json.dumps(dated, indent=2) + "\n", encoding="utf-8")


def by_preset(trained: Sequence[Trained], title: str) -> Table:
    """Lay out the mean figures of each preset."""
    table = Table(title=title, title_justify="left")
    for heading in ("preset", "test accuracy", "±", "seconds", "drawings/s", "ECE"):
        table.add_column(heading, justify="left" if heading == "preset" else "right")
    for name in dict.fromkeys(each.preset for each in trained):
        these = [each for each in trained if each.preset == name]
        table.add_row(
            name,
            f"{fmean(each.accuracy for each in these):.2%}",
            f"{_spread([each.accuracy for each in these]):.2%}",
            f"{fmean(each.seconds for each in these):.1f}",
            f"{fmean(each.drawings_per_second for each in these):,.0f}",
            f"{fmean(each.calibration_error for each in these):.3f}",
        )
    return table


def _spread(values: Sequence[float]) -> float:
    return stdev(values) if len(values) > 1 else 0.0


def main(arguments: Sequence[str] | None = None) -> None:
    """Train the presets, print tables, and write the figures to the data directory and `docs`."""
    parser = argparse.ArgumentParser(prog="make bench-learning", description=main.__doc__)
    parser.add_argument(
        "--large",
        action="store_true",
        help="also the presets notebook and default on 8 × 10,000 synthetic drawings",
    )
    large = parser.parse_args(arguments).large
    console = terminal()
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
            for seed in SEEDS
            for preset in PRESETS
        ]
        trained_on_many = []
        if large:
            many = benchmark_set.synthetic_drawings(folder, MANY, bar("many drawings"))
            trained_on_many = [
                benchmark_set.measure(many, preset, 0, bar(f"{preset}, many drawings"))
                for preset in ("notebook", "default")
            ]
    measured = against_reference(trained)
    console.print(by_preset(trained, f"{len(data.class_set)} × {DRAWINGS} {kind}"))
    if trained_on_many:
        console.print(by_preset(trained_on_many, f"8 × {MANY:,} synthetic drawings"))
    console.print(rows.table(measured, "Against the notebook's settings, means of three seeds"))
    drawings = {
        "synthetic": synthetic,
        "cores": core_count(),
        "class_set": list(data.class_set),
        "drawings_per_category": DRAWINGS,
        "test_drawings": len(data.test),
        "seeds": len(SEEDS),
    }
    if not synthetic:
        publish({**drawings, "presets": summary_of(trained, len(data.test))})
    figures = {
        **drawings,
        "trainings": [each.to_json() for each in trained],
        "trainings_on_many": [each.to_json() for each in trained_on_many],
    }
    console.print(f"Written to {rows.write('learning', measured, figures)}", highlight=False)


if __name__ == "__main__":
    main()

"""The arena of the learning, our recipes against the notebook's: `make bench-learning`.

Fifteen categories of 500 real drawings, our split, three seeds. The reference is the notebook's
network trained as the notebook did, in the same run. Every choice was made on validation
drawings; the test side is looked at here, once a training.

    python -m benchmarks.learning [--large]
"""

import argparse
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from statistics import fmean, stdev
from tempfile import TemporaryDirectory
from typing import Final

from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn
from rich.table import Table

from benchmarks import benchmark_set as arena
from benchmarks import rows
from benchmarks.benchmark_set import Trained
from benchmarks.corpus import REAL_DRAWINGS
from benchmarks.rows import Row
from qd_pipeline.cli import summary
from qd_pipeline.quickdraw.kernels import core_count

PRESETS: Final = ("notebook", "default", "fast", "best")
"""Those that take part; the notebook's dense baseline is far behind its CNN, and no reference."""

DRAWINGS: Final = 500
SEEDS: Final = (0, 1, 2)
MANY: Final = 10_000


@dataclass(frozen=True)
class SeedRow(Row):
    """A line whose values are by seed, and which is judged by their mean."""

    @property
    def value(self) -> float:
        """The mean over the seeds."""
        return fmean(self.values)


def against_reference(trained: Sequence[Trained]) -> list[Row]:
    """Hold the recipes against the notebook's, seed by seed."""
    reference = [each for each in trained if each.recipe == "notebook"]

    def row(
        what: str,
        name: str,
        figure: Callable[[Trained], float],
        required: float,
        aim: float,
        *,
        at_most: bool = True,
    ) -> Row:
        ours = [each for each in trained if each.recipe == name]
        pairs = zip(ours, reference, strict=True)
        values = tuple(figure(one) / figure(other) for one, other in pairs)
        return SeedRow(what, values, required, aim, at_most, f"± {_spread(values):.3f}")

    errors = tuple(each.calibration_error for each in trained if each.recipe == "default")
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


def by_recipe(trained: Sequence[Trained], title: str) -> Table:
    """Lay out the mean figures of each recipe."""
    table = Table(title=title, title_justify="left")
    for heading in ("recipe", "test accuracy", "±", "seconds", "drawings/s", "ECE"):
        table.add_column(heading, justify="left" if heading == "recipe" else "right")
    for name in dict.fromkeys(each.recipe for each in trained):
        these = [each for each in trained if each.recipe == name]
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
    """Run the arena, print its tables, and write `bench/learning.json` into the home."""
    parser = argparse.ArgumentParser(prog="make bench-learning", description=main.__doc__)
    parser.add_argument(
        "--large",
        action="store_true",
        help="also the notebook's and the default recipe on 8 × 10,000 synthetic drawings",
    )
    large = parser.parse_args(arguments).large
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

    def bar(what: str) -> arena.OnProgress:
        task = progress.add_task(what, total=1)
        return lambda done, total: progress.update(task, completed=done, total=total)

    with progress, TemporaryDirectory() as name:
        folder = Path(name)
        data = (
            arena.synthetic_drawings(folder, DRAWINGS, bar("drawings"))
            if synthetic
            else arena.real_drawings(folder, DRAWINGS)
        )
        arena.warm_up(data)
        trained = [
            arena.measure(data, recipe, seed, bar(f"{recipe}, seed {seed}"))
            for seed in SEEDS
            for recipe in PRESETS
        ]
        trained_on_many = []
        if large:
            many = arena.synthetic_drawings(folder, MANY, bar("many drawings"))
            trained_on_many = [
                arena.measure(many, recipe, 0, bar(f"{recipe}, many drawings"))
                for recipe in ("notebook", "default")
            ]
    measured = against_reference(trained)
    console.print(by_recipe(trained, f"{len(data.class_set)} × {DRAWINGS} {kind}"))
    if trained_on_many:
        console.print(by_recipe(trained_on_many, f"8 × {MANY:,} synthetic drawings"))
    console.print(rows.table(measured, "Against the notebook's recipe, means of three seeds"))
    facts = {
        "synthetic": synthetic,
        "cores": core_count(),
        "class_set": list(data.class_set),
        "drawings_per_category": DRAWINGS,
        "trainings": [each.to_json() for each in trained],
        "trainings_on_many": [each.to_json() for each in trained_on_many],
    }
    console.print(f"Written to {rows.write('learning', measured, facts)}", highlight=False)


if __name__ == "__main__":
    main()

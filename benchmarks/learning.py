"""Benchmark of the training presets against the notebook's: `make bench-learning`.

Fifteen categories of 500 real drawings, the usual split, three seeds. The reference is the
notebook's network trained as the notebook did, in the same run. Choices are made on validation
drawings alone; each training is tested once. The means are written to
`docs/benchmarks/learning.json`, which documentation refers to.

    python -m benchmarks.learning [--large] [--seeds 3]
"""

import argparse
import json
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, Final

from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn

from benchmarks import benchmark_set, rows
from benchmarks.corpus import REAL_DRAWINGS
from benchmarks.learning_figures import (
    COMPARED,
    FEW,
    FEW_EPOCHS,
    PRESETS,
    against_reference,
    by_drawings,
    by_preset,
    error_by_drawings,
    of_preset,
    on_many,
    summary_of,
)
from qd_pipeline.cli.terminal import terminal
from qd_pipeline.quickdraw.threads import core_count

DRAWINGS: Final = 500
SEEDS: Final = 3
MANY: Final = 10_000

PUBLISHED: Final = Path(__file__).parents[1] / "docs" / "benchmarks" / "learning.json"
"""The only place where figures of the presets stand."""


def publish(figures: dict[str, Any]) -> None:
    """Write the figures that the documentation refers to, with the date of today."""
    dated = {"date": datetime.now(UTC).date().isoformat(), **figures}
    PUBLISHED.parent.mkdir(exist_ok=True)
    PUBLISHED.write_text(json.dumps(dated, indent=2) + "\n", encoding="utf-8")


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
                **summary_of([*of_preset(trained, "notebook"), *shortened], len(data.test))["fast"],
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

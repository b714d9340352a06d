"""All 345 categories: orchestration, and the memory of a training: `make bench-scale`.

Real drawings, 25 of each category, from `../shared/quickdraw`, the data stages only. In processor
seconds where a loaded machine would say something else in wall time.

    python -m benchmarks.scale
"""

import resource
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Final

from benchmarks import rows, scale_training, through_dagster
from benchmarks.rows import Row
from qd_pipeline import catalog
from qd_pipeline.cli.chain import pipeline_of, runner_of
from qd_pipeline.cli.terminal import terminal
from qd_pipeline.settings import Settings

if TYPE_CHECKING:
    from qd_pipeline.orchestration.runner import PipelineRunner

_REAL: Final = Path(__file__).parents[2] / "shared" / "quickdraw"
_DRAWINGS: Final = 25
_ONE_BY_ONE: Final = 8
_ROUNDS: Final = 3


def _runner(home: Path, count: int) -> "PipelineRunner":
    files = sorted((_REAL / "full" / "simplified").glob("*.ndjson"))[:count]
    settings = Settings.load(
        home=home,
        source=_REAL.as_uri(),
        drawings=_DRAWINGS,
        class_sets={"all": tuple(file.stem for file in files)},
    )
    return runner_of(pipeline_of(settings))


def _update(home: Path, count: int) -> float:
    """Bring the first categories up to date; return processor seconds a category."""
    runner = _runner(home, count)
    keys = [catalog.partition_key(name) for name in runner.pipeline.class_sets["all"]]
    spent = _processor(lambda: runner.run_categories(keys, lambda _name, _done: None))
    if runner.failures:
        raise RuntimeError("; ".join(runner.failures.values()))
    return spent / len(keys)


def _one_by_one(home: Path) -> float:
    """Materialize some categories in a run each; return processor seconds a category."""
    from qd_pipeline.orchestration.partitions import By  # noqa: PLC0415

    runner = _runner(home, _ONE_BY_ONE)
    keys, chain = runner.pipeline.partitions.keys(By.CATEGORY), runner.pipeline.chain(By.CATEGORY)

    def work() -> None:
        for key in keys:
            runner.materialize(key, chain)

    return _processor(work) / len(keys)


def _empty(home: Path, count: int) -> float:
    """Materialize as many empty partitions in one run; return processor seconds a category."""
    from benchmarks.empty_assets import definitions  # noqa: PLC0415
    from qd_pipeline.orchestration import instance  # noqa: PLC0415
    from qd_pipeline.orchestration.batch_runner import QUIET  # noqa: PLC0415
    from qd_pipeline.orchestration.jobs import CATEGORIES  # noqa: PLC0415
    from qd_pipeline.orchestration.partitions import FIRST, LAST, By  # noqa: PLC0415

    pipeline = _runner(home, count).pipeline
    keys = pipeline.partitions.keys(By.CATEGORY)
    job = definitions(pipeline.settings).resolve_job_def(CATEGORIES)
    of_home = instance.of(home)
    return (
        _processor(
            lambda: job.execute_in_process(
                tags={FIRST: keys[0], LAST: keys[-1]},
                instance=of_home,
                run_config={"loggers": QUIET},
            )
        )
        / count
    )


def _processor(work: Callable[[], object]) -> float:
    began = time.process_time()
    work()
    return time.process_time() - began


def _nothing_to_do(home: Path, count: int) -> float:
    """Return the processor seconds of a command that finds everything up to date."""
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    command = [sys.executable, "-m", "benchmarks.scale", "--again", str(home), str(count)]
    subprocess.run(command, check=True, capture_output=True)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    return after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime


def _bytes(folder: Path) -> int:
    return sum(path.stat().st_size for path in folder.rglob("*") if path.is_file())


def _data_bytes(home: Path) -> int:
    names = ("drawings.ndjson", "table.parquet", "bitmaps.npy")
    return sum(path.stat().st_size for name in names for path in home.rglob(name))


def measure(folder: Path, count: int) -> list[Row]:
    """Measure everything on the first categories of the dataset."""
    large, small = folder / "large", folder / "small"
    _update(small, 8)  # loads everything once
    ours = _update(large, count)
    single, empty = _one_by_one(folder / "single"), _empty(folder / "empty", count)
    again = tuple(_nothing_to_do(large, count) / _nothing_to_do(small, 8) for _ in range(_ROUNDS))
    data = _data_bytes(large)
    beside = _bytes(large) - data
    of_dagster = (
        f"{1 + _bytes(folder / 'empty') / data:.2f} by Dagster's events of empty assets alone"
    )
    what = f"{count} categories × {_DRAWINGS}, data stages"
    return [
        Row(f"{what}: processor s a category", (ours,)),
        Row("one run a category: processor s a category", (single,), note=f"of {_ONE_BY_ONE}"),
        Row("one run of empty assets: processor s a category", (empty,)),
        Row(f"{what} / empty assets in one run", (ours / empty,), 2.5, 1.5, at_most=True),
        Row(f"{what} / one run a category", (ours / single,), 0.20, 0.10, at_most=True),
        Row(f"nothing to do, {count} categories / 8, processor s", again, 1.5, 1.2, at_most=True),
        Row(
            "data directory / bitmaps, strokes, raw",
            (1 + beside / data,),
            1.5,
            1.2,
            at_most=True,
            note=of_dagster,
        ),
        Row("bytes beside the data, a partition", (beside / (3 * count),)),
        *through_dagster.measure(folder),
        *scale_training.measure(folder / "training"),
    ]


def main() -> None:
    """Measure, print the table, and write `bench/scale.json`; a number says how many categories."""
    if sys.argv[1:2] == ["--again"]:
        _update(Path(sys.argv[2]), int(sys.argv[3]))
        return
    console = terminal()
    count = int(sys.argv[1]) if len(sys.argv) > 1 else len(catalog.CATEGORIES)
    with TemporaryDirectory() as name, console.status("Measuring; a quarter of an hour …"):
        measured = measure(Path(name), count)
    console.print(rows.table(measured, "All categories"))
    console.print(f"Written to {rows.write('scale', measured, {})}", highlight=False)


if __name__ == "__main__":
    main()

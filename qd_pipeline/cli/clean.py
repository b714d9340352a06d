"""`qd clean`: remove old runs that nothing up to date comes from."""

from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Annotated

import typer

from qd_pipeline.cli.chain import pipeline_of, runner_of
from qd_pipeline.cli.options import HomeOption, load
from qd_pipeline.cli.terminal import terminal

OlderThanOption = Annotated[
    int | None,
    typer.Option(min=1, help="Days that runs stay at least. (default: QD_KEEP_DAYS, else 30)"),
]


def clean(
    older_than: OlderThanOption = None,
    *,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Say what would be removed, and remove nothing.")
    ] = False,
    home: HomeOption = None,
) -> None:
    """Remove old runs of Dagster and MLflow that nothing up to date comes from.

    Partitions stay, and so do the runs that they come from, and those of champions, past ones too,
    and challengers. What was superseded in the store goes a day later by itself.
    """
    settings = load(home=home, keep_days=older_than)
    runner = runner_of(pipeline_of(settings))
    runner.recover()
    from qd_pipeline.orchestration import retention  # noqa: PLC0415 (see `options`)
    from qd_pipeline.tracking import retention as mlflow_retention  # noqa: PLC0415

    before = datetime.now(UTC) - timedelta(days=settings.keep_days)
    store, stages = runner.store.snapshot(), runner.pipeline.stages
    made = [store.read(stage, key) for stage in stages for key in store.keys(stage)]
    needed = [each.metadata["mlflow_run"] for each in made]
    logged = mlflow_retention.superseded_runs(runner.tracker, needed, before)
    runs = retention.superseded_runs(runner.instance, stages, before)
    said = f"Dagster runs: {len(runs)}, MLflow runs: {len(logged)}"
    which = f"older than {settings.keep_days} days, and nothing up to date comes from them"
    console = terminal()
    if dry_run:
        console.print(f"{said}, {which}: `qd clean` removes them.")
        return
    size = _bytes(settings.home)
    mlflow_retention.delete_runs(runner.tracker, logged)
    retention.delete_runs(runner.instance, runs, settings.home)
    retention.compact(settings.home)
    freed = (size - _bytes(settings.home)) / 1e6
    console.succeed(f"Removed {said}, {which}; {freed:,.1f} MB are free again.")


def _bytes(folder: Path) -> int:
    return sum(path.stat().st_size for path in folder.rglob("*") if path.is_file())

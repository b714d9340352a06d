"""`qd compare`: the last runs of each class set side by side."""

import json
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Final

import typer
from rich.table import Table

from qd_pipeline.class_sets import listed
from qd_pipeline.cli.options import ClassSetsOption, HomeOption, chosen_class_sets, load
from qd_pipeline.cli.summary import show_path
from qd_pipeline.cli.terminal import Terminal, terminal
from qd_pipeline.errors import disk_failure

if TYPE_CHECKING:
    from qd_pipeline.learning.evaluation.run_comparison import PairwiseComparison, RunComparison


_MOST_NAMED: Final = 8


def compare(
    class_set: Annotated[
        str | None, typer.Argument(help="Class sets, as 2,4,8. (default: all)")
    ] = None,
    runs: Annotated[int, typer.Option(help="Last runs of each.")] = 5,
    page: Annotated[
        Path | None, typer.Option(help="Where to write the page. (default: in the data directory)")
    ] = None,
    as_json: Annotated[  # noqa: FBT002 (a flag, to typer)
        bool, typer.Option("--json", help="Print the figures as JSON, and write no page.")
    ] = False,
    class_sets: ClassSetsOption = None,
    home: HomeOption = None,
) -> None:
    """Compare the last runs of each class set, as MLflow has them."""
    settings = load(home=home, class_sets=class_sets)
    keys = chosen_class_sets(settings, class_set)
    with Terminal(stderr=True).status("Reading the runs …"):
        # Dagster and MLflow are slow to import, and want the settings first.
        from qd_pipeline import stores  # noqa: PLC0415
        from qd_pipeline.learning.reports import comparison_report  # noqa: PLC0415
        from qd_pipeline.orchestration.run_comparisons import last_runs  # noqa: PLC0415

        tracker = stores.tracker(settings)
        found = [last_runs(tracker, key, settings.class_sets[key], runs) for key in keys]
    if as_json:
        typer.echo(json.dumps({each.key: each.to_json() for each in found}, ensure_ascii=False))
        return
    console = terminal()
    for each in found:
        console.print(_table(each))
    path = page or settings.home / "comparison.html"
    try:
        path.write_text(comparison_report.html(found, made=datetime.now(UTC)), encoding="utf-8")
    except OSError as error:
        raise disk_failure(error, path.parent) from error
    show_path(console, "The page, with the drawings that they differ in", path)


def _table(compared: "RunComparison") -> Table:
    newest = compared.newest
    title = f"{compared.key}: {listed(compared.class_set, _MOST_NAMED)}"
    title += "" if compared.runs else " (no runs yet)"
    unequal = any(run.is_imbalanced for run in compared.runs)
    against = "" if newest is None else f" against {newest + 1}"
    headings = ["run", "started", "accuracy", "training", f"p{against}", "differs"]
    table = Table(*headings, title=title, title_justify="left")
    for column in table.columns[:4]:
        column.no_wrap = True  # 80 columns would break dates and figures
    pairs = {pair.other: pair for pair in compared.pairs}
    for place, run in enumerate(compared.runs):
        table.add_row(
            f"{place + 1}\nchampion" if run.is_champion else str(place + 1),
            f"{run.started:%Y-%m-%d}\n{run.started:%H:%M}",
            f"{run.accuracy}\nbalanced {_percent(run.balanced_accuracy)}"
            if unequal
            else str(run.accuracy),
            "–" if run.seconds is None else f"{run.seconds:.1f} s",
            _p_value(pairs.get(place)),
            compared.differences[place] or "–",
        )
    return table


def _percent(share: float | None) -> str:
    return "–" if share is None else f"{share * 100:.1f} %"


def _p_value(pair: "PairwiseComparison | None") -> str:
    if pair is None or pair.comparison is None:
        return "–"
    if pair.comparison.p_value is None:
        return "too few drawings"
    return pair.comparison.p_text.removeprefix("= ")

"""`qd compare`: the last runs of each class count side by side."""

import json
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich.table import Table

from qd_pipeline.cli import summary
from qd_pipeline.cli.options import ClassSetsOption, HomeOption, chosen_class_sets, load
from qd_pipeline.errors import disk_failure

if TYPE_CHECKING:
    from qd_pipeline.learning.evaluation.run_comparison import RunComparison


def compare(
    class_counts: Annotated[
        str | None, typer.Argument(help="Class counts, as 2,4,8. (default: all)")
    ] = None,
    runs: Annotated[int, typer.Option(help="Last runs of each.")] = 5,
    page: Annotated[
        Path | None, typer.Option(help="Where to write the page. (default: in the home)")
    ] = None,
    as_json: Annotated[  # noqa: FBT002 (a flag, to typer)
        bool, typer.Option("--json", help="Print the figures as JSON, and write no page.")
    ] = False,
    class_sets: ClassSetsOption = None,
    home: HomeOption = None,
) -> None:
    """Compare the last runs of each class count, as MLflow has them."""
    settings = load(home=home, class_sets=class_sets)
    keys = chosen_class_sets(settings, class_counts)
    # Dagster and MLflow are slow to import, and want the settings first.
    from qd_pipeline.definitions import workshop_of  # noqa: PLC0415
    from qd_pipeline.learning.reports import comparison_report as comparison_page  # noqa: PLC0415
    from qd_pipeline.orchestration.standings import standings_of  # noqa: PLC0415

    found = [standings_of(workshop_of(settings), key, runs) for key in keys]
    if as_json:
        typer.echo(json.dumps({each.key: each.to_json() for each in found}, ensure_ascii=False))
        return
    console = summary.console()
    for each in found:
        console.print(_table(each))
    path = page or settings.home / "comparison.html"
    try:
        path.write_text(comparison_page.html(found, made=datetime.now(UTC)), encoding="utf-8")
    except OSError as error:
        raise disk_failure(error, path.parent) from error
    console.print(
        f"Drawings that they differ in, and a plot: {path}", highlight=False, markup=False
    )


def _table(standings: "RunComparison") -> Table:
    title = "" if standings.runs else " (no runs yet)"
    title = f"{standings.key}: {', '.join(standings.class_set)}{title}"
    headings = ("run", "started", "accuracy (95 % interval)", "training", "p against 1", "differs")
    table = Table(*headings, title=title, title_justify="left")
    tests = {duel.other: duel.comparison for duel in standings.duels}
    for place, run in enumerate(standings.runs):
        test = tests.get(place)
        table.add_row(
            str(place + 1),
            f"{run.started:%Y-%m-%d %H:%M}",
            str(run.accuracy),
            "–" if run.seconds is None else f"{run.seconds:.1f} s",
            "–" if test is None else f"{test.test.different:.3g}",
            standings.differences[place] or "–",
        )
    return table

"""What a command has done, for people."""

from pathlib import Path
from typing import TYPE_CHECKING, Final

from rich.console import Console
from rich.markup import escape
from rich.table import Table

from qd_pipeline import catalog
from qd_pipeline.class_sets import ClassSets, categories_of
from qd_pipeline.store import Partition

if TYPE_CHECKING:
    from qd_pipeline.orchestration.driver import Driver


_WIDTH_OF_FILES: Final = 120


def console() -> Console:
    """Give the terminal, or what takes its place, wide enough for the table."""
    terminal = Console()
    return terminal if terminal.is_terminal else Console(width=_WIDTH_OF_FILES)


def show(console: Console, driver: "Driver", class_sets: ClassSets, seconds: float) -> None:
    """Print the classifiers' table, what was made and what failed, and what to do next."""
    source = driver.workshop.source_for(driver.choices.raw_drawings.drawings)
    title = escape(f"Classifiers on the {source.describe()}")
    table = Table(title=title, title_justify="left")
    for heading in ("classes", "categories", "accuracy (95 % interval)", "training", "report"):
        table.add_column(heading, overflow="fold")
    table.add_column("MLflow run", no_wrap=True)
    for key in driver.choices.class_sets:
        evaluated = driver.workshop.store.find("evaluations", key)
        if evaluated and key not in driver.failures:
            table.add_row(*_row(key, class_sets[key], evaluated))
    if table.row_count:
        console.print(table)
    if driver.made:
        console.print(
            f"{len(driver.made)} partitions made, {len(driver.fresh)} fresh already; "
            f"{seconds:.0f} s.",
            highlight=False,
        )
    elif not driver.failures:
        console.print(f"Everything is fresh: nothing to do. {seconds:.1f} s.", highlight=False)
    _show_shortages(console, driver, class_sets)
    show_failures(console, driver)
    console.print(
        "Next: `make ui` shows every run and report in the browser; `make help` lists the rest.",
        highlight=False,
    )
    if source.is_synthetic:
        console.print(
            "These figures are of a synthetic sample; `make run SOURCE=quickdraw` takes people's "
            "drawings.",
            highlight=False,
        )


def show_failures(console: Console, driver: "Driver") -> None:
    """Print one sentence for each run that failed."""
    for sentence in driver.failures.values():
        console.print(f"[bold red]✗[/] {escape(sentence)}", highlight=False)
    if waiting := driver.workshop.tracker.waiting:
        console.print(
            f"[bold yellow]![/] MLflow has not taken all: what {waiting} runs logged waits in the "
            "home, and `qd send` sends it or says what keeps it from that.",
            highlight=False,
        )


def _show_shortages(console: Console, driver: "Driver", class_sets: ClassSets) -> None:
    """Print a line for each category of which the source has fewer drawings than asked for."""
    for category in categories_of(class_sets[key] for key in driver.choices.class_sets):
        key = catalog.partition_key(category)
        if key in driver.failures:
            continue
        fetched = driver.workshop.store.read("raw_drawings", key).facts["fetched"]
        asked, drawings = fetched["asked"], fetched["drawings"]
        if asked and drawings < asked:
            console.print(
                f"{category}: the source has {drawings:,} of the {asked:,} drawings asked for.",
                highlight=False,
            )


def _row(key: str, categories: tuple[str, ...], evaluated: Partition) -> tuple[str, ...]:
    figures = evaluated.facts["figures"]
    low, high = figures["test_accuracy_low"], figures["test_accuracy_high"]
    return (
        key,
        ", ".join(categories),
        f"{figures['test_accuracy']:.2%} ({low:.2%} – {high:.2%})",
        f"{figures['training_seconds']:.1f} s",
        escape(_short(evaluated.folder / "report.html")),
        evaluated.facts["mlflow_run"][:8],
    )


def _short(path: Path) -> str:
    """Give a path from here where it lies below, whole otherwise."""
    return str(path.relative_to(Path.cwd()) if path.is_relative_to(Path.cwd()) else path)

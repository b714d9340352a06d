"""What a command has done, for people."""

import time
from collections.abc import Collection, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Final

from rich.markup import escape
from rich.table import Table
from rich.text import Text

from qd_pipeline import catalog
from qd_pipeline.class_sets import categories_of, listed
from qd_pipeline.cli.terminal import Terminal, short

if TYPE_CHECKING:
    from qd_pipeline.orchestration.runner import PipelineRunner
    from qd_pipeline.storage import Partition, PartitionStore
    from qd_pipeline.storage.reading import PartitionReader


_STARTED: Final = time.monotonic()
"""When the command began: this module is imported before anything that takes time."""

_MOST_NAMED: Final = 8
_MOST_FAILURES: Final = 20


def show(console: Terminal, runner: "PipelineRunner", class_sets: Sequence[str]) -> None:
    """Print the classifiers' table, what was materialized, what failed, and what to do next."""
    source = runner.source.source()
    known, store = runner.pipeline.class_sets, runner.store.snapshot()
    table = Table(title=escape(f"Classifiers on the {source.describe()}"), title_justify="left")
    for heading in ("class set", "categories", "accuracy (95 % interval)", "training"):
        table.add_column(heading, overflow="fold")
    table.add_column("MLflow run", no_wrap=True)
    reports = {}
    for key in class_sets:
        evaluated = store.find("evaluations", key)
        if evaluated and key not in runner.failures:
            table.add_row(*_row(key, known[key], evaluated))
            reports[key] = _report(runner.store, evaluated)
    if table.row_count:
        console.print(table)
    for key, path in reports.items():
        show_path(console, f"Report of {key}", path)
    _show_failed_checks(console, store, runner.materialized)
    seconds = time.monotonic() - _STARTED
    if runner.materialized:
        console.print(
            f"{_partitions(len(runner.materialized))} materialized, {len(runner.up_to_date):,} "
            f"already up to date; {seconds:.0f} s."
        )
    elif not runner.failures:
        console.print(f"Everything is up to date. {seconds:.1f} s.")
    categories = categories_of(known[key] for key in class_sets)
    _show_shortages(console, store, runner.failures, categories)
    show_failures(console, runner)
    if not reports:
        return
    console.print(
        "Next: `qd report` opens a report, `qd ui` shows every run in the browser, and `qd --help` "
        "lists the rest."
    )
    if source.is_synthetic:
        console.print(
            "These figures are of a synthetic sample; `qd run --source quickdraw` takes people's "
            "drawings."
        )


def show_path(console: Terminal, name: str, path: Path) -> None:
    """Print a path whole and on a line of its own, as a link: to be opened and copied."""
    link = Text(short(path), style=f"link {path.absolute().as_uri()}")
    console.print(Text(f"{name}: ").append(link), soft_wrap=True)


def show_failures(console: Terminal, runner: "PipelineRunner") -> None:
    """Print a sentence for each of the first failures, the last of them first.

    So the causes stand below what they kept from being materialized.
    """
    sentences = list(dict.fromkeys(runner.failures.values()))
    for sentence in sentences[:_MOST_FAILURES][::-1]:
        console.fail(sentence)
    if (more := len(sentences) - _MOST_FAILURES) > 0:
        console.print(f"{more} more have failed: see Dagster's UI.")
    if runner.logs_wait and (waiting := runner.tracker.waiting):
        console.warn(
            f"MLflow has not taken all: what {waiting} runs logged waits in the data directory, "
            "and `qd send` sends it or says what keeps it from that."
        )


def _show_failed_checks(
    console: Terminal, store: "PartitionReader", materialized: Sequence[str]
) -> None:
    """Print a line for each check that a partition of this command has failed."""
    lines = []
    for partition in materialized:
        made = store.find(*partition.split(" ", 1))
        failed = made.metadata["failed_checks"] if made else {}
        lines += [f"{partition} failed its check {name}: {found}" for name, found in failed.items()]
    for line in lines[:_MOST_NAMED]:
        console.warn(line)
    if len(lines) > _MOST_NAMED:
        console.print(f"{len(lines) - _MOST_NAMED} more checks failed: see Dagster's UI.")


def _show_shortages(
    console: Terminal,
    store: "PartitionReader",
    failures: Collection[str],
    categories: Sequence[str],
) -> None:
    """Print the categories of which the source has fewer drawings than asked for."""
    from qd_pipeline.quickdraw.download import Fetched  # noqa: PLC0415 (see `options`)

    lacking = {}
    for category in categories:
        key = catalog.partition_key(category)
        made = store.find("raw_drawings", key)
        if made is None or key in failures:
            continue
        fetched = Fetched(**made.metadata["fetched"])
        if fetched.requested and fetched.drawings < fetched.requested:
            lacking[category] = fetched
    if len(lacking) > _MOST_NAMED:
        counts = [fetched.drawings for fetched in lacking.values()]
        console.print(
            f"{len(lacking)} categories have fewer drawings at the source than asked for: "
            f"{min(counts):,} to {max(counts):,}."
        )
        return
    for category, fetched in lacking.items():
        console.print(
            f"{category}: the source has {fetched.drawings:,} of the {fetched.requested:,} "
            "drawings asked for."
        )


def _partitions(count: int) -> str:
    return f"{count:,} partition{'' if count == 1 else 's'}"


def _report(store: "PartitionStore", evaluated: "Partition") -> Path:
    """Return the path of a report, of a copy where the store is no folder."""
    place = store.location(evaluated)
    if place.startswith("/"):
        return Path(place, "report.html")
    return store.open_local(evaluated, "report.html")


def _row(key: str, categories: tuple[str, ...], evaluated: "Partition") -> tuple[str, ...]:
    figures = evaluated.metadata["figures"]
    return (
        key,
        listed(categories, _MOST_NAMED),
        accuracy(figures),
        f"{figures['training_seconds']:.1f} s",
        evaluated.metadata["mlflow_run"][:8],
    )


def accuracy(figures: "dict[str, float]") -> str:
    """Return an evaluation's accuracy with its interval."""
    from qd_pipeline.learning.evaluation.metrics import headline  # noqa: PLC0415 (see `options`)

    return headline(figures) if "test_accuracy" in figures else "no test drawings"

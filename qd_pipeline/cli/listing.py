"""`qd categories`, `qd networks`, `qd status`: what there is to choose from, and what there is."""

import inspect

from rich.console import Console
from rich.table import Table

from qd_pipeline import catalog
from qd_pipeline.cli.options import ClassSetsOption, HomeOption
from qd_pipeline.errors import QdError
from qd_pipeline.learning import networks
from qd_pipeline.settings import Settings


def categories() -> None:
    """List the 345 categories, with the number of drawings in the official files."""
    for category in catalog.CATEGORIES.values():
        print(f"{category.drawings:>8,}  {category.name}")  # noqa: T201 (a list to pipe on)


def list_networks() -> None:
    """List the networks that can be trained, with their descriptions."""
    console = Console()
    for name, build in networks.NETWORKS.items():
        console.print(f"[bold]{name}[/]", highlight=False)
        console.print(inspect.getdoc(build), markup=False, highlight=False)
        console.print()


def status(class_sets: ClassSetsOption = None, home: HomeOption = None) -> None:
    """Show which partitions are in the store, and why some are stale.

    The source is not asked.
    """
    settings = Settings.load(home=home, class_sets=class_sets)
    # Dagster takes a second to import.
    from qd_pipeline.orchestration.partitions import By  # noqa: PLC0415
    from qd_pipeline.orchestration.pipeline import Pipeline  # noqa: PLC0415
    from qd_pipeline.orchestration.staleness import MISSING, Staleness  # noqa: PLC0415
    from qd_pipeline.storage import PartitionStore  # noqa: PLC0415

    pipeline = Pipeline(settings)
    staleness = Staleness(pipeline, PartitionStore(settings.store_url).snapshot())
    console, reasons = Console(), dict[str, list[str]]()
    for by in (By.CATEGORY, By.CLASS_SET):
        chain = pipeline.chain(by)
        table = Table(by.value, *(stage.name for stage in chain))
        for key in pipeline.partitions.keys(by):
            cells = []
            for stage in chain:
                try:
                    reason = staleness.reason(stage, key)
                except QdError as error:
                    reason = str(error)
                if reason is None:
                    cells.append("[green]up to date[/]")
                elif reason == MISSING:
                    cells.append("[dim]–[/]")
                else:
                    cells.append("[yellow]stale[/]")
                    reasons.setdefault(reason, []).append(f"{stage.name} {key}")
            table.add_row(key, *cells)
        console.print(table)
    for reason, partitions in reasons.items():
        named = ", ".join(partitions[:_MOST_NAMED])
        more = f" and {len(partitions) - _MOST_NAMED} more" if len(partitions) > _MOST_NAMED else ""
        console.print(f"{named}{more}: {reason}.", highlight=False, markup=False)


_MOST_NAMED = 5

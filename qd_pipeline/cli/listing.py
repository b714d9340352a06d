"""`qd categories`, `qd networks`, `qd status`: what there is to choose from, and what is made."""

import inspect
import os

from rich.console import Console
from rich.table import Table

from qd_pipeline import catalog
from qd_pipeline.cli.options import HomeOption
from qd_pipeline.errors import DamagedPartition
from qd_pipeline.learning import networks
from qd_pipeline.settings import Settings
from qd_pipeline.stages import CATEGORY_STAGES, CLASS_SET_STAGES
from qd_pipeline.store import Store


def categories() -> None:
    """List the 345 categories, with the number of drawings in the official files."""
    for category in catalog.CATEGORIES.values():
        print(f"{category.drawings:>8,}  {category.name}")  # noqa: T201 (a list to pipe on)


def list_networks() -> None:
    """List the networks that can be trained, with what each says of itself."""
    console = Console()
    for name, build in networks.NETWORKS.items():
        console.print(f"[bold]{name}[/]", highlight=False)
        console.print(inspect.getdoc(build), markup=False, highlight=False)
        console.print()


def status(home: HomeOption = None) -> None:
    """Show which partitions are in the store, without asking the source."""
    settings = Settings.from_environment({**os.environ, **({"QD_HOME": home} if home else {})})
    store = Store(settings.home / "store")
    console = Console()
    keys = [catalog.partition_key(name) for name in settings.categories]
    for stages, partitions in ((CATEGORY_STAGES, keys), (CLASS_SET_STAGES, settings.class_sets)):
        table = Table("partition", *stages)
        for key in partitions:
            table.add_row(key, *(_state(store, stage, key) for stage in stages))
        console.print(table)


def _state(store: Store, stage: str, key: str) -> str:
    try:
        found = store.find(stage, key)
    except DamagedPartition:
        return "[red]damaged[/]"
    return f"[green]✓[/] {found.version[:8]}" if found else "[dim]–[/]"

"""`qd promote` and `qd rollback`: which version of a classifier is the champion."""

from typing import TYPE_CHECKING, Annotated

import typer

from qd_pipeline.cli.options import ClassSetsOption, HomeOption, chosen_class_set, load
from qd_pipeline.cli.terminal import terminal

if TYPE_CHECKING:
    from qd_pipeline.tracking.registry import Registry

ClassSetArgument = Annotated[str, typer.Argument(help="A class set: 2, 4, 8, …")]


def promote(
    class_set: ClassSetArgument,
    version: Annotated[int, typer.Argument(help="Number of the version in MLflow's registry.")],
    class_sets: ClassSetsOption = None,
    home: HomeOption = None,
) -> None:
    """Make a registered version of a classifier the champion, whatever its evaluation decided."""
    model, registry, categories = _registry(class_set, class_sets, home)
    # MLflow takes seconds to import, and the other commands should not wait for it.
    from qd_pipeline.tracking.registry import DecidedBy  # noqa: PLC0415

    chosen = registry.version(model, version)
    chosen.ensure_tells_apart(categories)
    before = registry.set_champion(chosen, DecidedBy.PERSON)
    was = f"; {before} was" if before else ""
    terminal().print(f"[green]✓[/] {chosen} is the champion{was}.", highlight=False)


def rollback(
    class_set: ClassSetArgument, class_sets: ClassSetsOption = None, home: HomeOption = None
) -> None:
    """Make the previous champion the champion again."""
    model, registry, categories = _registry(class_set, class_sets, home)
    back = registry.roll_back(model, categories)
    terminal().print(f"[green]✓[/] {back} is the champion again.", highlight=False)


def _registry(
    class_set: str, class_sets: str | None, home: str | None
) -> "tuple[str, Registry, tuple[str, ...]]":
    settings = load(home=home, class_sets=class_sets)
    key = chosen_class_set(settings, class_set)
    # Both take seconds to import, and the other commands should not wait for them.
    from qd_pipeline import stores  # noqa: PLC0415
    from qd_pipeline.orchestration.promotion import model_of  # noqa: PLC0415

    return model_of(key), stores.tracker(settings).registry, settings.class_sets[key]

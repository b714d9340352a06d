"""`qd promote` and `qd rollback`: which version of a classifier is the champion."""

from typing import TYPE_CHECKING, Annotated

import typer
from rich.console import Console

from qd_pipeline.cli.options import ClassSetsOption, HomeOption, load
from qd_pipeline.errors import BadSetting

if TYPE_CHECKING:
    from qd_pipeline.settings import Settings
    from qd_pipeline.tracking.registry import Registry

ClassSetArgument = Annotated[str, typer.Argument(help="A class set: 2, 4, 8, …")]


def promote(
    class_set: ClassSetArgument,
    version: Annotated[int, typer.Argument(help="Number of the version in MLflow's registry.")],
    class_sets: ClassSetsOption = None,
    home: HomeOption = None,
) -> None:
    """Make a registered version of a classifier the champion, whatever the test said."""
    model, registry = _registry(class_set, load(home=home, class_sets=class_sets))
    chosen = registry.version(model, version)
    before = registry.appoint(chosen)
    was = f"; {before} was" if before else ""
    Console().print(f"[green]✓[/] {chosen} is the champion{was}.", highlight=False)


def rollback(
    class_set: ClassSetArgument, class_sets: ClassSetsOption = None, home: HomeOption = None
) -> None:
    """Put the champion of before back in its place."""
    model, registry = _registry(class_set, load(home=home, class_sets=class_sets))
    Console().print(
        f"[green]✓[/] {registry.roll_back(model)} is the champion again.", highlight=False
    )


def _registry(class_set: str, settings: "Settings") -> "tuple[str, Registry]":
    if class_set not in settings.class_sets:
        known = ", ".join(settings.class_sets)
        raise BadSetting(f"class set {class_set[:80]!r}", "is not known", f"give one of {known}")
    # Both take seconds to import, and the other commands should not wait for them.
    from qd_pipeline.orchestration.promotion import model_of  # noqa: PLC0415
    from qd_pipeline.tracking import Tracker  # noqa: PLC0415

    tracker = Tracker(settings.mlflow_uri, settings.home / "mlartifacts", settings.mlflow_ui)
    return model_of(class_set), tracker.registry

"""`qd promote` and `qd rollback`: which version of a classifier is the champion."""

import sqlite3
from collections.abc import Sequence
from contextlib import closing
from typing import TYPE_CHECKING, Annotated, Final
from urllib.parse import quote

import typer

from qd_pipeline.class_sets import checked_key
from qd_pipeline.cli.options import ClassSetsOption, HomeOption, load
from qd_pipeline.cli.terminal import Terminal, terminal
from qd_pipeline.errors import QdError, TrackingFailed

if TYPE_CHECKING:
    from qd_pipeline.settings import Settings
    from qd_pipeline.tracking.registry import Registry

UNKNOWN: Final = "not known"
"""In place of a champion's number where MLflow does not tell it."""

_SECONDS: Final = 2.0
"""How long a store may be locked."""

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
    from qd_pipeline.tracking.versions import DecidedBy  # noqa: PLC0415

    chosen = registry.version(model, version)
    registry.ensure_tells_apart(chosen, categories)
    before = registry.set_champion(chosen, DecidedBy.PERSON)
    was = f"; {before} was" if before else ""
    terminal().succeed(f"{chosen} is the champion{was}.")


def rollback(
    class_set: ClassSetArgument, class_sets: ClassSetsOption = None, home: HomeOption = None
) -> None:
    """Make the previous champion the champion again."""
    model, registry, categories = _registry(class_set, class_sets, home)
    back = registry.roll_back(model, categories)
    terminal().succeed(f"{back} is the champion again.")


def _registry(
    class_set: str, class_sets: str | None, home: str | None
) -> "tuple[str, Registry, tuple[str, ...]]":
    settings = load(home=home, class_sets=class_sets)
    key = checked_key(class_set, settings.class_sets)
    with Terminal(stderr=True).status("Opening MLflow's registry …"):
        # It takes seconds to import, and the other commands should not wait for it.
        from qd_pipeline import stores  # noqa: PLC0415
        from qd_pipeline.tracking.versions import model_of  # noqa: PLC0415

        return model_of(key), stores.tracker(settings).registry, settings.class_sets[key]


def champions(settings: "Settings", models: Sequence[str]) -> dict[str, str]:
    """Return the champions' numbers by model, and none where there is no champion.

    Where MLflow does not tell, they are `UNKNOWN`, and it is said why.

    What the store of the partitions says is worth showing all the same.
    """
    from qd_pipeline import stores, tracking_uri  # noqa: PLC0415 (see `options`)

    database = tracking_uri.file_of(settings.mlflow_uri)
    if database is None:
        try:
            registry = stores.tracker(settings).registry
            found = {model: registry.champion(model) for model in models}
        except QdError as error:
            return _unknown(models, error)
        return {model: str(one.number) for model, one in found.items() if one}
    # MLflow takes four seconds of processor time to import, and its database a millisecond to ask.
    asked = "SELECT name, version FROM registered_model_aliases WHERE alias = 'champion'"
    try:
        if not database.exists():
            return {}
        where = f"file:{quote(str(database))}?mode=ro"
        with closing(sqlite3.connect(where, uri=True, timeout=_SECONDS)) as opened:
            return {model: str(number) for model, number in opened.execute(asked)}
    except (OSError, sqlite3.DatabaseError) as error:
        if "no such table" in str(error):  # of an MLflow without aliases
            return {}
        remedy = f"check who may read it, or set {tracking_uri.NAME} to another store"
        if "malformed" in str(error) or "not a database" in str(error):
            remedy = f"restore it from a backup, or set {tracking_uri.NAME} to another store"
        elif "locked" in str(error):
            remedy = "wait until what writes to it has ended, then run the command again"
        return _unknown(models, TrackingFailed(f"MLflow's store {database}", str(error), remedy))


def _unknown(models: Sequence[str], error: QdError) -> dict[str, str]:
    Terminal(stderr=True).warn(str(error))
    return dict.fromkeys(models, UNKNOWN)

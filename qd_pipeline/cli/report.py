"""`qd report`: the report of an evaluation, in the browser."""

import webbrowser
from typing import Annotated

import typer

from qd_pipeline.class_sets import checked_key
from qd_pipeline.cli.champion import UNKNOWN, champions
from qd_pipeline.cli.options import ClassSetsOption, HomeOption, load
from qd_pipeline.cli.summary import show_path
from qd_pipeline.cli.terminal import terminal
from qd_pipeline.errors import MissingPartition


def report(
    class_set: Annotated[
        str | None, typer.Argument(help="Class set. (default: the largest with a report)")
    ] = None,
    class_sets: ClassSetsOption = None,
    home: HomeOption = None,
) -> None:
    """Open the report of the newest evaluation, of the champion or not, in the browser."""
    from qd_pipeline import stores  # noqa: PLC0415 (see `options`)

    settings = load(home=home, class_sets=class_sets)
    known = settings.class_sets
    keys = [checked_key(class_set, known)] if class_set else list(known)
    store = stores.partition_store(settings)
    for key in sorted(keys, key=lambda key: -len(known[key])):
        made = store.find("evaluations", key)
        if made is not None:
            path = store.open_local(made, "report.html")
            model, version = made.metadata["model"], str(made.metadata["version"])
            console = terminal()
            show_path(console, f"Report of {key}, version {version}", path)
            webbrowser.open(path.absolute().as_uri())
            champion = champions(settings, [model]).get(model)  # a server may take its time
            if champion != UNKNOWN:
                console.print(_champion(key, version, champion))
            return
    raise MissingPartition(
        f"class set {class_set}" if class_set else str(settings.home),
        "has no report yet",
        "make one with `qd run`",
    )


def _champion(key: str, version: str, champion: str | None) -> str:
    """Return whether a version is the champion, and which one is instead."""
    if version == champion:
        return f"Version {version} is the champion."
    instead = f"that is version {champion}" if champion else "there is none"
    promoted = f"`qd promote {key} {version}` makes it the champion"
    return f"Version {version} is not the champion, {instead}; {promoted}."

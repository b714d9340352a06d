"""The options that commands share, and what they say.

The command line imports nothing heavy to show its help or a usage error: pydantic takes 0.4 s of
processor time to import, pyarrow 0.3, numba 0.9, Dagster 1.3, MLflow 4 and Keras 6. What needs them
imports them when it runs.
"""

import inspect
from collections.abc import Callable, Collection
from functools import wraps
from typing import TYPE_CHECKING, Annotated, Any, Final

import typer

from qd_pipeline import garbage_collection
from qd_pipeline.class_sets import checked_key

if TYPE_CHECKING:
    from qd_pipeline.settings import Settings

SourceOption = Annotated[
    str | None,
    typer.Option(
        help="Where drawings come from: sample (synthetic), quickdraw (the official bucket), or "
        "the URL of a mirror (http://, https://, file://, s3://, gs://). (default: QD_SOURCE, else "
        "sample)"
    ),
]
HomeOption = Annotated[
    str | None,
    typer.Option(
        help="Data directory: everything is written below it. (default: QD_HOME, else .qd)"
    ),
]
ClassSetsOption = Annotated[
    str | None,
    typer.Option(
        help="TOML file of other class sets. (default: QD_CLASS_SETS, else the notebook's)"
    ),
]
DrawingsOption = Annotated[
    str | None,
    typer.Option(
        help="Drawings of each category: a number from 1, or all. (default: 10000; sample: 600)"
    ),
]
PRESET_HELP = (
    "Settings to begin from: default, fast, best, large (hundreds of categories, on a GPU), "
    "notebook (as it trained its CNN) or baseline (as it trained its dense network). Other options "
    "take their place."
)
EpochsOption = Annotated[
    int | None, typer.Option(help="Passes over the training drawings. (default: the preset's)")
]
SELECTION: Final = ("only_recognized", "countries", "exclude")
"""Options that decide which drawings a training takes."""

Command = Callable[..., None]


def with_training(*, without: Collection[str] = ()) -> Callable[[Command], Command]:
    """Add the options of a training to a command, which gets them as one argument, `training`.

    Args:
        without: Names of options that it does not take, or declares itself.
    """
    parameters = inspect.signature(_training).parameters.values()
    shared = [parameter for parameter in parameters if parameter.name not in without]

    def decorate(command: Command) -> Command:
        @wraps(command)
        def decorated(**given: Any) -> None:
            training = {parameter.name: given.pop(parameter.name) for parameter in shared}
            command(training=training, **given)

        taken = []
        for own in inspect.signature(command).parameters.values():
            taken += shared if own.name == "training" else [own]
        taken = [parameter.replace(kind=parameter.KEYWORD_ONLY) for parameter in taken]
        decorated.__signature__ = inspect.Signature(taken)  # type: ignore[attr-defined]
        return decorated

    return decorate


def _training(
    *,
    preset: Annotated[
        str | None,
        typer.Option(help=f"{PRESET_HELP} (default: that of --network, else default)"),
    ] = None,
    network: Annotated[
        str | None,
        typer.Option(help="Network to train; `qd networks` lists them. (default: the preset's)"),
    ] = None,
    epochs: EpochsOption = None,
    batch_size: Annotated[
        int | None, typer.Option(help="Drawings a training step. (default: the preset's)")
    ] = None,
    learning_rate: Annotated[
        float | None,
        typer.Option(help="Highest step size of the optimiser. (default: the preset's)"),
    ] = None,
    units: Annotated[
        int | None,
        typer.Option(
            help="Width of the network's hidden dense layer. (default: the network's own)"
        ),
    ] = None,
    seed: Annotated[
        int | None, typer.Option(help="Same seed, same machine: same classifier. (default: 0)")
    ] = None,
    only_recognized: Annotated[
        bool | None,
        typer.Option(
            "--only-recognized",
            help="Train only on drawings that the game recognised; test on all.",
        ),
    ] = None,
    countries: Annotated[
        str | None, typer.Option(help="Train only on drawings from these countries, as DE,US.")
    ] = None,
    balanced: Annotated[
        bool | None,
        typer.Option(
            "--balanced",
            help="Train on as many drawings of each category in an epoch: categories with fewer "
            "repeat theirs.",
        ),
    ] = None,
    exclude: Annotated[
        str | None,
        typer.Option(
            help="File of key_ids to train without: a table of `qd label-quality`, or Parquet, "
            "NDJSON, CSV or text. Testing is on all drawings."
        ),
    ] = None,
    settings_from_search: Annotated[
        bool,
        typer.Option(
            "--settings-from-search",
            help="Take all settings but the seed, and which drawings to train on where that is "
            "given, from the best trial of `qd search`.",
        ),
    ] = False,
) -> None:
    """Declare the options of a training."""


def load(**options: Any) -> "Settings":
    """Return the settings, options first, after a check of the data directory.

    Raises:
        QdError: A setting is not valid, or the data directory cannot be written.
    """
    with garbage_collection.paused():  # slow, see above
        from qd_pipeline.quickdraw.download import parse_source  # noqa: PLC0415
        from qd_pipeline.settings import Settings  # noqa: PLC0415

    settings = Settings.load(**options)
    parse_source(settings.source)
    settings.prepare_home()
    return settings


def chosen_class_sets(settings: "Settings", keys: str | None) -> tuple[str, ...]:
    """Return the keys of the class sets that are named, as `2,4,8`, or all.

    Raises:
        BadSetting: One is not known.
    """
    if keys is None:
        return tuple(settings.class_sets)
    chosen = dict.fromkeys(key.strip() for key in keys.split(","))
    return tuple(checked_key(key, settings.class_sets) for key in chosen)

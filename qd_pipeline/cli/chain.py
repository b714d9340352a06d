"""`qd run` and `qd make`: the whole chain, or one partition of one stage."""

import os
import time
from collections.abc import Callable, Mapping
from dataclasses import fields
from typing import TYPE_CHECKING, Annotated, Any

import typer
from rich.console import Console

from qd_pipeline import catalog
from qd_pipeline.cli import summary
from qd_pipeline.cli.screen import Screen
from qd_pipeline.errors import BadSetting
from qd_pipeline.learning import recipe as recipes
from qd_pipeline.learning.recipe import Recipe
from qd_pipeline.quickdraw.source import Source
from qd_pipeline.settings import Settings
from qd_pipeline.stages import CATEGORY_STAGES, CLASS_SET_STAGES, STUDY_STAGES

if TYPE_CHECKING:
    import dagster as dg

    from qd_pipeline.orchestration.assets.raw_drawings import RawDrawingsConfig
    from qd_pipeline.orchestration.driver import Driver

SourceOption = Annotated[
    str | None,
    typer.Option(
        help="Where drawings come from: sample (synthetic), quickdraw (the official bucket), or "
        "the URL of a mirror (http://, https://, file://). (default: QD_SOURCE, else sample)"
    ),
]
HomeOption = Annotated[
    str | None,
    typer.Option(help="Folder for everything that is written. (default: QD_HOME, else .qd)"),
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
RECIPE_HELP = (
    "Settings to begin from: default, fast, best, notebook (as it trained its CNN) or baseline "
    "(as it trained its dense network). What is given besides takes their place."
)
RecipeOption = Annotated[
    str | None,
    typer.Option(help=f"{RECIPE_HELP} Left out: the one made for --network, else default."),
]
NetworkOption = Annotated[
    str | None,
    typer.Option(help="Network to train; `qd networks` lists them. (default: the recipe's)"),
]
EpochsOption = Annotated[
    int | None, typer.Option(help="Passes over the training drawings. (default: the recipe's)")
]
BatchSizeOption = Annotated[
    int | None, typer.Option(help="Drawings a training step. (default: the recipe's)")
]
LearningRateOption = Annotated[
    float | None,
    typer.Option(help="Highest step size of the optimiser. (default: the recipe's)"),
]
UnitsOption = Annotated[
    int | None,
    typer.Option(help="Width of the network's hidden dense layer. (default: the network's own)"),
]
SearchedOption = Annotated[
    bool,
    typer.Option(
        "--settings-from-search",
        help="Take all settings but the seed from the best trial of `qd search`.",
    ),
]
SeedOption = Annotated[int, typer.Option(help="Same seed, same machine: same classifier.")]


def run(
    class_counts: Annotated[
        str | None, typer.Option(help="Class sets to make, as 2,4,8. (default: all)")
    ] = None,
    source: SourceOption = None,
    drawings: DrawingsOption = None,
    recipe: RecipeOption = None,
    network: NetworkOption = None,
    epochs: EpochsOption = None,
    batch_size: BatchSizeOption = None,
    learning_rate: LearningRateOption = None,
    units: UnitsOption = None,
    seed: SeedOption = 0,
    settings_from_search: SearchedOption = False,  # noqa: FBT002 (a flag, to typer)
    class_sets: ClassSetsOption = None,
    home: HomeOption = None,
) -> None:
    """Bring the whole chain up to date: download, parse, draw, train, evaluate.

    Only what is not fresh is made.
    """
    settings = apply(source=source, home=home, class_sets=class_sets)
    chosen = chosen_class_sets(settings, class_counts)
    training = {
        "recipe": recipe,
        "network": network,
        "epochs": epochs,
        "batch_size": batch_size,
        "learning_rate": learning_rate,
        "units": units,
        "seed": seed,
        "settings_from_search": settings_from_search,
    }
    driver = driver_of(settings, chosen, drawings, training)
    began = time.monotonic()
    console = summary.console()
    with Screen(console) as screen:
        driver.run_chain(screen.partition)
    summary.show(console, driver, settings.class_sets, time.monotonic() - began)
    if driver.failures:
        raise typer.Exit(1)


def make(
    stage: Annotated[str, typer.Argument(help="raw_drawings, strokes, bitmaps, …")],
    partition: Annotated[str, typer.Argument(help="A category, or a class count.")],
    drawings: DrawingsOption = None,
    source: SourceOption = None,
    class_sets: ClassSetsOption = None,
    home: HomeOption = None,
) -> None:
    """Make one stage of one partition again, fresh or not, with the default settings."""
    settings = apply(source=source, home=home, class_sets=class_sets)
    of_class_sets = (*CLASS_SET_STAGES, *STUDY_STAGES)
    if stage in of_class_sets:
        (key,) = chosen_class_sets(settings, partition)
    elif stage not in CATEGORY_STAGES:
        known = ", ".join((*CATEGORY_STAGES, *of_class_sets))
        raise BadSetting(f"stage {stage!r}", "is not known", f"give one of {known}")
    else:
        key = catalog.partition_key(partition.replace("_", " "))
    driver = driver_of(settings, (), drawings, {})
    console = Console()
    with Screen(console) as screen:
        screen.partition(f"{stage} {key}", 0, 1)
        driver.make(key, [stage])
    summary.show_failures(console, driver)
    if driver.failures:
        raise typer.Exit(1)
    console.print(f"[green]✓[/] {stage} {key} is made.", highlight=False)


def apply(*, source: str | None, home: str | None, class_sets: str | None) -> Settings:
    """Let options stand in for the environment's settings, here and in child processes.

    Raises:
        QdError: A setting is not valid, or the home cannot be written.
    """
    given = {"QD_SOURCE": source, "QD_HOME": home, "QD_CLASS_SETS": class_sets}
    os.environ.update({name: value for name, value in given.items() if value is not None})
    settings = Settings.from_environment()
    Source.parse(settings.source)
    settings.prepare_home()
    return settings


def chosen_class_sets(settings: Settings, counts: str | None) -> tuple[str, ...]:
    """Give the class sets that are named, as `2,4,8`, or all.

    Raises:
        BadSetting: One is not known.
    """
    if counts is None:
        return tuple(settings.class_sets)
    chosen = tuple(dict.fromkeys(count.strip() for count in counts.split(",")))
    for key in chosen:
        if key not in settings.class_sets:
            known = ", ".join(settings.class_sets)
            raise BadSetting(f"class count {key[:80]!r}", "is not known", f"give some of {known}")
    return chosen


def driver_of(
    settings: Settings,
    chosen: tuple[str, ...],
    drawings: str | None,
    training: dict[str, Any],
    studies: Callable[[], Mapping[str, "dg.Config"]] = dict,
) -> "Driver":
    """Give what makes partitions as the user chose.

    Args:
        settings: The settings.
        chosen: Class sets that a whole chain is made for.
        drawings: The option of that name.
        training: Options of the training, by name.
        studies: Gives the configurations of studies, by stage, once Dagster may be imported.

    Raises:
        BadSetting: A choice is not valid.
    """
    # Dagster wants to know the partitions when these are imported: after the settings.
    from qd_pipeline.definitions import build_definitions, workshop_of  # noqa: PLC0415
    from qd_pipeline.orchestration import instance, recovery  # noqa: PLC0415
    from qd_pipeline.orchestration.assets.classifiers import ClassifierConfig  # noqa: PLC0415
    from qd_pipeline.orchestration.driver import Choices, Driver  # noqa: PLC0415

    names = {"recipe", *(setting.name for setting in fields(Recipe))}
    recipes.chosen(2, **{name: value for name, value in training.items() if name in names})
    config = ClassifierConfig(**{k: value for k, value in training.items() if value is not None})
    choices = Choices(chosen, _download(drawings), config, studies())
    driver = Driver(build_definitions(), workshop_of(settings), instance.of(settings.home), choices)
    recovery.recover(driver.workshop, driver.instance)
    return driver


def _download(drawings: str | None) -> "RawDrawingsConfig":
    from qd_pipeline.orchestration.assets.raw_drawings import RawDrawingsConfig  # noqa: PLC0415

    if drawings == "all":
        return RawDrawingsConfig(whole_files=True)
    if drawings is None:
        return RawDrawingsConfig()
    if not (drawings.isdecimal() and int(drawings) > 0):
        raise BadSetting("drawings", f"is {drawings!r}", "give a whole number from 1, or 'all'")
    return RawDrawingsConfig(drawings=int(drawings))

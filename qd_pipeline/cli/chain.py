"""`qd run` and `qd make`: the whole chain, or one partition of one stage."""

import os
import time
from collections.abc import Callable, Mapping
from dataclasses import fields, replace
from typing import TYPE_CHECKING, Annotated, Any

import typer
from rich.console import Console

from qd_pipeline import catalog
from qd_pipeline.cli import summary
from qd_pipeline.cli.options import (
    ClassSetsOption,
    DrawingsOption,
    HomeOption,
    SourceOption,
    apply,
    chosen_class_set,
    chosen_class_sets,
    with_training,
)
from qd_pipeline.cli.screen import Screen
from qd_pipeline.errors import BadSetting, DamagedPartition
from qd_pipeline.learning.training import config as recipes
from qd_pipeline.learning.training.config import TrainingConfig
from qd_pipeline.settings import Settings
from qd_pipeline.stages import CATEGORY_STAGES, CLASS_SET_STAGES, STUDY_STAGES

if TYPE_CHECKING:
    import dagster as dg

    from qd_pipeline.orchestration.assets.raw_drawings import RawDrawingsConfig
    from qd_pipeline.orchestration.driver import Driver


@with_training()
def run(
    class_counts: Annotated[
        str | None, typer.Option(help="Class sets to make, as 2,4,8. (default: all)")
    ] = None,
    source: SourceOption = None,
    drawings: DrawingsOption = None,
    *,
    training: dict[str, Any],
    class_sets: ClassSetsOption = None,
    home: HomeOption = None,
) -> None:
    """Bring the whole chain up to date: download, parse, draw, train, evaluate.

    Only what is not fresh is made.
    """
    settings = apply(source=source, home=home, class_sets=class_sets)
    chosen = chosen_class_sets(settings, class_counts)
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
    """Make one stage of one partition again, fresh or not, with the default settings.

    What was downloaded before is downloaded as it was, and from the same source.
    """
    settings = apply(source=source, home=home, class_sets=class_sets)
    of_class_sets = (*CLASS_SET_STAGES, *STUDY_STAGES)
    if stage in of_class_sets:
        key = chosen_class_set(settings, partition)
    elif stage not in CATEGORY_STAGES:
        known = ", ".join((*CATEGORY_STAGES, *of_class_sets))
        raise BadSetting(f"stage {stage!r}", "is not known", f"give one of {known}")
    else:
        key = catalog.partition_key(partition.replace("_", " "))
    driver = driver_of(settings, (), drawings, {})
    if stage == "raw_drawings":
        _as_before(driver, key, drawings)
    console = Console()
    with Screen(console) as screen:
        screen.partition(f"{stage} {key}", 0, 1)
        driver.make(key, [stage])
    summary.show_failures(console, driver)
    if driver.failures:
        raise typer.Exit(1)
    console.print(f"[green]✓[/] {stage} {key} is made.", highlight=False)


def _as_before(driver: "Driver", key: str, drawings: str | None) -> None:
    """Let a download be what it was, in all that nobody asks to be otherwise.

    Raises:
        BadSetting: It was from another source than the one that holds for want of a setting.
    """
    from qd_pipeline.orchestration.assets.raw_drawings import RawDrawingsConfig, see_same_source  # noqa: PLC0415 (as below)

    try:
        made = driver.workshop.store.find("raw_drawings", key)
    except DamagedPartition:
        return  # it does not say any more what it was
    if made is None:
        return
    if not os.environ.get("QD_SOURCE"):
        see_same_source(made, driver.workshop.source_for())
    if drawings is None:
        as_made = RawDrawingsConfig.as_made(made)
        driver.choices = replace(driver.choices, raw_drawings=as_made)


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

    names = {setting.name for setting in fields(TrainingConfig)}
    given = {name: value for name, value in training.items() if name in names}
    recipes.from_preset(2, preset=training.get("recipe"), **given)
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

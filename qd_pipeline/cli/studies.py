"""`qd cross-validate`, `qd search` and `qd study`: what is only made when asked for."""

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer
from rich.console import Console
from rich.table import Table

from qd_pipeline.cli import summary
from qd_pipeline.cli.chain import driver_of
from qd_pipeline.cli.options import (
    RECIPE_HELP,
    ClassSetsOption,
    HomeOption,
    SourceOption,
    apply,
    chosen_class_set,
    with_training,
)
from qd_pipeline.cli.screen import Screen
from qd_pipeline.errors import BadSetting
from qd_pipeline.learning.evaluation.intervals import Proportion
from qd_pipeline.learning.studies.space import NOTEBOOK, Space
from qd_pipeline.settings import Settings
from qd_pipeline.store import Partition

if TYPE_CHECKING:
    import dagster as dg

ClassCountArgument = Annotated[str, typer.Argument(help="Class count, as 8.")]


@with_training()
def cross_validate(
    class_count: ClassCountArgument,
    folds: Annotated[int, typer.Option(help="Folds; as many trainings.")] = 5,
    *,
    training: dict[str, Any],
    source: SourceOption = None,
    class_sets: ClassSetsOption = None,
    home: HomeOption = None,
) -> None:
    """Train on folds of the drawings in turn, and measure on those held out.

    The drawings are those that `qd run` has made. The test side takes no part.
    """
    settings = apply(source=source, home=home, class_sets=class_sets)
    made, console = _make(settings, "cross_validations", class_count, training, {"folds": folds})
    table = Table("fold", "accuracy (95 % interval)", "log loss", "training")
    for number, fold in enumerate(made.facts["folds"], start=1):
        table.add_row(
            str(number), _proportion(fold["accuracy"]), _figure(fold["loss"]), _time(fold)
        )
    console.print(table)
    facts = made.facts
    console.print(
        f"Accuracy {facts['cv_accuracy']:.2%} ± {facts['cv_accuracy_sd']:.2%}, "
        f"log loss {_figure(facts['cv_loss'])} ± {_figure(facts['cv_loss_sd'])} "
        f"(mean and standard deviation of {len(facts['folds'])} folds).",
        highlight=False,
    )


@with_training(without=("recipe", "settings_from_search"))
def search(
    class_count: ClassCountArgument,
    space: Annotated[
        Path | None,
        typer.Option(
            help="TOML file of the space: lines like `units = [16, 32]` or "
            "`learning_rate = {low = 0.0001, high = 0.1, log = true}`. (default: the "
            "notebook's grid)"
        ),
    ] = None,
    trials: Annotated[
        int | None,
        typer.Option(help="Trials to come to. (default: the whole grid; 20 with ranges)"),
    ] = None,
    folds: Annotated[int, typer.Option(help="Folds of each trial.")] = 3,
    recipe: Annotated[str, typer.Option(help=RECIPE_HELP)] = "notebook",
    *,
    training: dict[str, Any],
    source: SourceOption = None,
    class_sets: ClassSetsOption = None,
    home: HomeOption = None,
) -> None:
    """Search for the best settings by cross-validation; an interrupted search goes on.

    The drawings are those that `qd run` has made. The test side takes no part.
    """
    settings = apply(source=source, home=home, class_sets=class_sets)
    axes = Space.load(space) if space else NOTEBOOK
    if trials is not None and trials < 1:
        raise BadSetting("trials", f"is {trials}", "give a whole number from 1")
    training["recipe"] = recipe
    own = {"space": axes.to_json(), "trials": trials, "folds": folds}
    made, console = _make(settings, "searches", class_count, training, own)
    table = Table("trial", "settings", "accuracy ± SD", "folds", "training")
    ranked = sorted(made.facts["trials"], key=lambda each: (each["pruned"], -each["cv_accuracy"]))
    for trial in ranked:
        table.add_row(
            str(trial["number"]),
            ", ".join(f"{name} {value}" for name, value in trial["settings"].items()),
            f"{trial['cv_accuracy']:.2%} ± {trial['cv_accuracy_sd']:.2%}",
            f"{len(trial['folds'])}{', given up' if trial['pruned'] else ''}",
            f"{trial['training_seconds']:.1f} s",
        )
    console.print(table)
    console.print(
        f"Train with the best: `qd run --class-counts {class_count} --settings-from-search`.",
        highlight=False,
    )


@with_training()
def study(
    class_count: ClassCountArgument,
    shares: Annotated[
        str, typer.Option(help="Per cent of the training drawings, rising.")
    ] = "10,30,100",
    *,
    training: dict[str, Any],
    source: SourceOption = None,
    class_sets: ClassSetsOption = None,
    home: HomeOption = None,
) -> None:
    """Measure what more drawings bring, and what the unrecognised ones cost.

    The drawings are those that `qd run` has made. The evaluation's report, where there is one,
    is written again with what was found.
    """
    settings = apply(source=source, home=home, class_sets=class_sets)
    own = {"shares": _shares(shares)}
    made, console = _make(
        settings, "data_studies", class_count, training, own, shown_by="evaluations"
    )
    headings = ("trained on", "drawings", "accuracy", "recognised", "not recognised", "training")
    table = Table(*headings)
    for trained in (*made.facts["curve"], made.facts["only_recognized"]):
        accuracies = ("accuracy", "recognized", "unrecognized")
        table.add_row(
            trained["name"],
            f"{trained['drawings']:,}",
            *(_proportion(trained[name]) for name in accuracies),
            _time(trained),
        )
    console.print(table)
    console.print(f"Page: {made.folder / 'data_study.html'}", highlight=False, markup=False)


def _make(
    settings: Settings,
    stage: str,
    class_count: str,
    training: Mapping[str, Any],
    own: Mapping[str, Any],
    *,
    shown_by: str | None = None,
) -> tuple[Partition, Console]:
    """Make a study, and a stage that shows it again, if that was made before.

    Returns:
        The study's partition, and the terminal to tell of it.
    """
    key = chosen_class_set(settings, class_count)

    def studies() -> dict[str, "dg.Config"]:
        given = {name: value for name, value in {**training, **own}.items() if value is not None}
        return {stage: _config(stage, given)}

    driver = driver_of(settings, (), None, dict(training), studies)
    console = summary.console()
    with Screen(console) as screen:
        screen.partition(f"{stage} {key}", 0, 1)
        driver.make(key, [stage])
        if shown_by and not driver.failures and driver.workshop.store.find(shown_by, key):
            driver.make(key, [shown_by])
    summary.show_failures(console, driver)
    if driver.failures:
        raise typer.Exit(1)
    return driver.workshop.store.read(stage, key), console


def _config(stage: str, given: dict[str, Any]) -> "dg.Config":
    # Dagster is slow to import, and wants the settings first.
    from qd_pipeline.orchestration.assets.cross_validations import CrossValidationConfig  # noqa: PLC0415
    from qd_pipeline.orchestration.assets.data_studies import DataStudyConfig  # noqa: PLC0415
    from qd_pipeline.orchestration.assets.searches import SearchConfig  # noqa: PLC0415

    kinds: dict[str, type[dg.Config]] = {
        "cross_validations": CrossValidationConfig,
        "searches": SearchConfig,
        "data_studies": DataStudyConfig,
    }
    return kinds[stage](**given)


def _shares(text: str) -> list[int]:
    parts = [part.strip() for part in text.split(",")]
    if not all(part.isdecimal() for part in parts):
        raise BadSetting("shares", f"are {text!r}", "give rising percentages, as 10,30,100")
    return [int(part) for part in parts]


def _proportion(facts: Mapping[str, Any]) -> str:
    return str(Proportion(facts["hits"], facts["count"]))


def _figure(value: float | None) -> str:
    return "–" if value is None else f"{value:.4f}"


def _time(facts: Mapping[str, Any]) -> str:
    return f"{facts['seconds']:.1f} s"

"""Commands of the studies, which are materialized on request only."""

import shlex
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Final

import typer
from rich.table import Table

from qd_pipeline.class_sets import checked_key
from qd_pipeline.cli import summary
from qd_pipeline.cli.chain import (
    fail_if_any,
    keep_excluded,
    pipeline_of,
    runner_of,
    searched_settings,
)
from qd_pipeline.cli.options import (
    PRESET_HELP,
    ClassSetsOption,
    HomeOption,
    SourceOption,
    load,
    with_training,
)
from qd_pipeline.cli.screen import Screen
from qd_pipeline.cli.terminal import Terminal, terminal
from qd_pipeline.errors import BadSetting

if TYPE_CHECKING:
    from qd_pipeline.orchestration.runner import PipelineRunner
    from qd_pipeline.settings import Settings
    from qd_pipeline.storage import Partition

_MOST_ROWS: Final = 20
"""Categories that are shown of more: those with the largest shares; the page has all."""

WorkersOption = Annotated[
    int | None,
    typer.Option(
        help="Trainings at once on an engine. (default: QD_ENGINE_TRAININGS; for a search, where "
        "QD_STUDIES_STORAGE is set)"
    ),
]

ClassSetArgument = Annotated[str, typer.Argument(help="Class set, as 8.")]


@with_training()
def cross_validate(
    class_set: ClassSetArgument,
    folds: Annotated[int, typer.Option(help="Folds; as many trainings.")] = 5,
    workers: WorkersOption = None,
    *,
    training: dict[str, Any],
    source: SourceOption = None,
    class_sets: ClassSetsOption = None,
    home: HomeOption = None,
) -> None:
    """Train on folds of the drawings in turn, and measure on those held out.

    The drawings are those that `qd run` materialized. The test split takes no part.
    """
    from qd_pipeline.learning.evaluation.metrics import imbalance_note  # noqa: PLC0415 (see `options`)

    settings = load(source=source, home=home, class_sets=class_sets)
    own = {"folds": folds, "workers": _workers(settings, workers)}
    made, _, console = _make(settings, "cross_validations", class_set, training, own)
    table = Table("fold", "accuracy (95 % interval)", "log loss", "training")
    for number, fold in enumerate(made.metadata["folds"], start=1):
        table.add_row(
            str(number), _proportion(fold["accuracy"]), _figure(fold["loss"]), _time(fold)
        )
    console.print(table)
    facts = made.metadata
    console.print(
        f"Accuracy {facts['cv_accuracy'] * 100:.1f} % ± {facts['cv_accuracy_sd'] * 100:.1f}, "
        f"log loss {_figure(facts['cv_loss'])} ± {_figure(facts['cv_loss_sd'])} "
        f"(mean and standard deviation of {len(facts['folds'])} folds)"
        f"{imbalance_note(facts, len(settings.class_sets[class_set]), prefix='cv')}."
    )


@with_training()
def label_quality(
    class_set: ClassSetArgument,
    folds: Annotated[int, typer.Option(help="Folds; as many trainings.")] = 5,
    *,
    training: dict[str, Any],
    source: SourceOption = None,
    class_sets: ClassSetsOption = None,
    home: HomeOption = None,
) -> None:
    """Find drawings whose label is probably wrong, by predictions of a cross-validation.

    A cross-validation of the same drawings with the same settings is used again. The test split
    takes no part.
    """
    settings = load(source=source, home=home, class_sets=class_sets)
    validated, runner, console = _make(
        settings,
        "cross_validations",
        class_set,
        training,
        {"folds": folds, "workers": _workers(settings, None)},
        followed_by="label_quality",
    )
    made = runner.store.read("label_quality", validated.key)
    shares = made.metadata["categories"]
    worst = sorted(shares, key=lambda name: -shares[name]["hits"] / max(1, shares[name]["count"]))
    named = shares if len(shares) <= _MOST_ROWS else worst[:_MOST_ROWS]
    left_out = "" if len(named) == len(shares) else f" ({len(named)} of {len(shares)}, the worst)"
    table = Table(f"category{left_out}", "label issues", "drawings", "share (95 % interval)")
    rows = {name: shares[name] for name in named} | {f"all {len(shares)}": made.metadata["issues"]}
    for name, share in rows.items():
        table.add_row(name, f"{share['hits']:,}", f"{share['count']:,}", _proportion(share))
    console.print(table)
    page, issues = (
        runner.store.open_local(made, name)
        for name in ("label_quality.html", "label_quality.parquet")
    )
    # Whole and on lines of their own, so that they can be opened and copied.
    again = f"qd run --class-set {class_set} --exclude {shlex.quote(str(issues))}"
    for line in (f"Page: {page}", f"Train without them: `{again}`"):
        console.print(line, markup=False)


@with_training(without=("preset", "settings_from_search"))
def search(
    class_set: ClassSetArgument,
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
        typer.Option(
            help="Total number of trials, earlier ones included. (default: the whole grid; 20 "
            "with ranges)"
        ),
    ] = None,
    folds: Annotated[int, typer.Option(help="Folds of each trial.")] = 3,
    workers: WorkersOption = None,
    preset: Annotated[str, typer.Option(help=PRESET_HELP)] = "notebook",
    *,
    training: dict[str, Any],
    source: SourceOption = None,
    class_sets: ClassSetsOption = None,
    home: HomeOption = None,
) -> None:
    """Search for the best settings by cross-validation; an interrupted search goes on.

    The drawings are those that `qd run` materialized. The test split takes no part.
    """
    from qd_pipeline.learning.evaluation.metrics import imbalance_note  # noqa: PLC0415 (see `options`)
    from qd_pipeline.learning.studies.space import NOTEBOOK, Space  # noqa: PLC0415

    settings = load(source=source, home=home, class_sets=class_sets)
    axes = Space.load(space) if space else NOTEBOOK
    training["preset"] = preset
    at_once = _workers(settings, workers, shared=settings.studies_storage is not None)
    own = {"space": axes.to_json(), "trials": trials, "folds": folds, "workers": at_once}
    made, _, console = _make(settings, "searches", class_set, training, own)
    table = Table("trial", "settings", "accuracy ± SD", "folds", "training")
    trials_made = made.metadata["trials"]
    for trial in sorted(trials_made, key=lambda t: (t["pruned"], -t.get("cv_accuracy", 0.0))):
        ended = "diverged" if trial["diverged"] else "pruned" if trial["pruned"] else ""
        table.add_row(
            str(trial["number"]),
            ", ".join(f"{name} {value}" for name, value in trial["settings"].items()),
            f"{trial['cv_accuracy'] * 100:.1f} % ± {trial['cv_accuracy_sd'] * 100:.1f}"
            if "cv_accuracy" in trial
            else "–",
            f"{len(trial['folds'])}{ended and f', {ended}'}",
            f"{trial.get('training_seconds', 0.0):.1f} s",
        )
    console.print(table)
    best = next(t for t in trials_made if t["number"] == made.metadata["best_trial"])
    note = imbalance_note(best, len(settings.class_sets[class_set]), prefix="cv")
    command = f"qd run --class-set {class_set} --settings-from-search"
    console.print(f"Train with the best: `{command}`{note}.")


@with_training()
def study(
    class_set: ClassSetArgument,
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

    The drawings are those that `qd run` materialized. The evaluation's report, if there is one,
    is written again with the results.
    """
    from qd_pipeline.learning.studies.data_study import DataStudy  # noqa: PLC0415 (see `options`)

    settings = load(source=source, home=home, class_sets=class_sets)
    own = {"shares": _shares(shares)}
    made, runner, console = _make(
        settings, "data_studies", class_set, training, own, shown_by="evaluations"
    )
    headings = ("trained on", "drawings", "accuracy", "recognised", "not recognised", "training")
    table = Table(*headings)
    done = DataStudy.from_json(made.metadata)
    for trained in done.trainings:
        unequal = (
            f"\nbalanced {trained.balanced_accuracy * 100:.1f} %, "
            f"macro F1 {trained.macro_f1 * 100:.1f} %"
        )
        table.add_row(
            trained.name,
            f"{trained.drawings:,}",
            str(trained.accuracy) + unequal * done.is_imbalanced,
            str(trained.recognized),
            str(trained.unrecognized),
            f"{trained.seconds:.1f} s",
        )
    console.print(table)
    page = runner.store.open_local(made, "data_study.html")
    console.print(f"Page: {page}", markup=False)


def _make(
    settings: "Settings",
    stage: str,
    class_set: str,
    training: dict[str, Any],
    own: Mapping[str, Any],
    *,
    shown_by: str | None = None,
    followed_by: str | None = None,
) -> "tuple[Partition, PipelineRunner, Terminal]":
    """Materialize a study.

    Args:
        settings: The settings.
        stage: The study's.
        class_set: Key of the class set.
        training: Options of its trainings.
        own: Its own options.
        shown_by: Stage that shows it, to be materialized again if it was before.
        followed_by: Stage that is materialized from it, also from one that is up to date.
    """
    from qd_pipeline.orchestration.staleness import Staleness  # noqa: PLC0415 (imports Dagster)

    key = checked_key(class_set, settings.class_sets)
    keep_excluded(settings, training)
    searched = training.pop("settings_from_search", False)
    runner = runner_of(pipeline_of(settings), {stage: {**training, **own}})
    stages, wanted = runner.pipeline.stages, [stage]
    if searched:
        best = searched_settings(runner, key, training)
        runner.configs = {stage: runner.pipeline.config(stages[stage], settings=best, **own)}
    if shown_by and runner.store.find(shown_by, key):
        wanted.append(shown_by)
    if followed_by:
        staleness = Staleness(runner.pipeline, runner.store, runner.configs)
        reason = staleness.reason(stages[stage], key)
        wanted = [stage, followed_by] if reason else [followed_by]
    console = terminal()
    with Screen(console) as screen:
        for done, name in enumerate(wanted):
            if not runner.failures:
                screen.partition(f"{name} {key}", done, len(wanted))
                runner.materialize(key, [stages[name]])
    summary.show_failures(console, runner)
    fail_if_any(runner, stage)
    return runner.store.read(stage, key), runner, console


def _workers(settings: "Settings", chosen: int | None, *, shared: bool = True) -> int:
    if chosen is not None:
        return chosen
    return settings.engine_trainings if shared and settings.engine != "local" else 1


def _shares(text: str) -> list[int]:
    parts = [part.strip() for part in text.split(",")]
    if not all(part.isdecimal() for part in parts):
        raise BadSetting("shares", f"are {text!r}", "give rising percentages, as 10,30,100")
    return [int(part) for part in parts]


def _proportion(facts: Mapping[str, Any]) -> str:
    from qd_pipeline.learning.evaluation.intervals import Proportion  # noqa: PLC0415 (see `options`)

    return str(Proportion(facts["hits"], facts["count"]))


def _figure(value: float | None) -> str:
    return "–" if value is None else f"{value:.4f}"


def _time(facts: Mapping[str, Any]) -> str:
    return f"{facts['seconds']:.1f} s"

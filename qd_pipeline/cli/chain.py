"""`qd run` and `qd make`: the whole chain, or one partition of one stage."""

import hashlib
import secrets
from collections.abc import Mapping
from contextlib import suppress
from typing import TYPE_CHECKING, Annotated, Any

import typer

from qd_pipeline import garbage_collection
from qd_pipeline.cli import summary
from qd_pipeline.cli.options import (
    SELECTION,
    ClassSetsOption,
    DrawingsOption,
    HomeOption,
    SourceOption,
    chosen_class_sets,
    load,
    with_training,
)
from qd_pipeline.cli.screen import Screen
from qd_pipeline.cli.terminal import Terminal, terminal
from qd_pipeline.errors import BadSetting, DamagedPartition, disk_failure

if TYPE_CHECKING:
    from qd_pipeline.orchestration.pipeline import Pipeline
    from qd_pipeline.orchestration.runner import PipelineRunner
    from qd_pipeline.orchestration.stage import Stage, StageConfig
    from qd_pipeline.settings import Settings

ClassSetOption = Annotated[
    str | None, typer.Option(help="Class sets to train and evaluate, as 2,4,8. (default: all)")
]


@with_training()
def run(
    class_set: ClassSetOption = None,
    source: SourceOption = None,
    drawings: DrawingsOption = None,
    *,
    training: dict[str, Any],
    class_sets: ClassSetsOption = None,
    home: HomeOption = None,
) -> None:
    """Bring the whole chain up to date: download, parse, draw, train, evaluate.

    Only what is stale is materialized, and what was chosen for a partition by an earlier option
    stays chosen: name a preset to train with its settings again.
    """
    settings = load(source=source, home=home, class_sets=class_sets)
    chosen = chosen_class_sets(settings, class_set)
    keep_excluded(settings, training)
    searched = training.pop("settings_from_search")
    runner = runner_of(
        pipeline_of(settings), {"raw_drawings": download_options(drawings), "classifiers": training}
    )
    console = terminal()
    with Screen(console) as screen:
        if searched:
            stage = runner.pipeline.stages["classifiers"]
            best = {key: searched_settings(runner, key, training) for key in chosen}
            for key in chosen:
                config = runner.pipeline.config(stage, settings=best[key])
                runner.configs = {**runner.configs, "classifiers": config}
                runner.run([key], screen.partition)
        else:
            runner.run(chosen, screen.partition)
    summary.show(console, runner, chosen)
    fail_if_any(runner, "qd run")


def make(
    stage: Annotated[str, typer.Argument(help="raw_drawings, strokes, bitmaps, …")],
    partition: Annotated[str, typer.Argument(help="A category, or a class set.")],
    drawings: DrawingsOption = None,
    source: SourceOption = None,
    class_sets: ClassSetsOption = None,
    home: HomeOption = None,
) -> None:
    """Materialize one stage of one partition again, stale or not.

    The settings, the number of drawings and the source are those recorded for the partition,
    unless --drawings or --source is given.
    """
    pipeline = pipeline_of(load(source=source, home=home, class_sets=class_sets))
    chosen = pipeline.stage(stage)
    key = pipeline.partitions.check(partition, chosen.by)
    if drawings is not None and stage != "raw_drawings":
        raise BadSetting(
            f"stage {stage}", "takes no number of drawings", "give --drawings with raw_drawings"
        )
    runner = runner_of(pipeline)
    console = terminal()
    recorded = _recorded(runner, chosen, key, console)
    given = download_options(drawings)
    if chosen.external and source is None and (before := _recorded_source(runner, key, console)):
        runner = runner_of(pipeline_of(load(source=before, home=home, class_sets=class_sets)))
    runner.configs = {stage: runner.pipeline.config(chosen, **(given or recorded))}
    with Screen(console) as screen:
        screen.partition(f"{stage} {key}", 0, 1)
        runner.materialize(key, [chosen])
    summary.show_failures(console, runner)
    fail_if_any(runner, "qd make")
    console.succeed(f"{stage} {key} is materialized.")


def fail_if_any(runner: "PipelineRunner", command: str) -> None:
    """Log what a command has failed to materialize, and end it with exit code 1.

    Args:
        runner: What it ran.
        command: What the log calls it: `qd run`, or the stage of a study.

    Raises:
        typer.Exit: There is some.
    """
    if not runner.failures:
        return
    from qd_pipeline.orchestration.failures import Failed, log  # noqa: PLC0415 (imports Dagster)

    with suppress(OSError):  # of a full disk; the terminal has said it all
        for key, sentence in runner.failures.items():
            log(Failed(command, key, sentence), runner.pipeline.settings)
    raise typer.Exit(1)


def pipeline_of(settings: "Settings") -> "Pipeline":
    """Return the stages as the settings want them."""
    with garbage_collection.paused():
        from qd_pipeline.orchestration.pipeline import Pipeline  # noqa: PLC0415

    return Pipeline(settings)


def runner_of(
    pipeline: "Pipeline", options: Mapping[str, Mapping[str, Any]] | None = None
) -> "PipelineRunner":
    """Return a pipeline runner over the data directory, which recovers before its first run.

    Args:
        pipeline: The stages as the settings want them.
        options: Fields of stages' configurations that the user gave, by stage; None is not given.

    Raises:
        QdError: An option is not valid, or the store cannot be used.
    """
    configs = {
        name: checked(pipeline, name, given)
        for name, given in (options or {}).items()
        if any(value is not None for value in given.values())
    }
    if pipeline.settings.engine != "local":
        from qd_pipeline.orchestration.engine_runner import EngineRunner  # noqa: PLC0415

        return EngineRunner(pipeline, configs, recovers=True)
    from qd_pipeline.orchestration.runner import PipelineRunner  # noqa: PLC0415 (see `options`)

    return PipelineRunner(pipeline, configs, recovers=True)


def checked(pipeline: "Pipeline", name: str, given: Mapping[str, Any]) -> "StageConfig":
    """Return a stage's configuration from a command's options, checked before any work.

    Raises:
        BadSetting: An option is not valid.
    """
    stage = pipeline.stages[name]
    config = pipeline.config(stage, **{k: v for k, v in given.items() if v is not None})
    for key in pipeline.partitions.keys(stage.by)[:1]:
        config.effective(key, pipeline.class_sets)
    return config


def searched_settings(
    runner: "PipelineRunner", key: str, training: Mapping[str, Any]
) -> dict[str, Any]:
    """Return the settings of the best trial of a class set's search.

    The seed is the user's, and so is which drawings to train on, where that is given.

    Raises:
        MissingPartition: There was no search.
    """
    best = dict(runner.store.read("searches", key).metadata["best_config"])
    best["seed"] = training["seed"] or 0
    return best | {name: training[name] for name in SELECTION if training.get(name) is not None}


def keep_excluded(settings: "Settings", training: dict[str, Any]) -> None:
    """Replace the file of excluded key_ids by a copy in the data directory.

    Later commands and automation train without the same drawings, whatever becomes of the file.

    Raises:
        BadSetting: The file cannot be read.
        HomeFailed: The copy cannot be written.
    """
    if training["exclude"] is None:
        return
    from qd_pipeline.learning.training import key_ids  # noqa: PLC0415 (see `options`)

    folder = settings.excluded.resolve()
    text = "\n".join(["key_id", *map(str, key_ids.read(training["exclude"])), ""])
    kept = folder / f"{hashlib.sha256(text.encode()).hexdigest()[:16]}.csv"
    try:
        folder.mkdir(exist_ok=True)
        draft = kept.with_suffix(f".{secrets.token_hex(8)}")
        draft.write_text(text)
        draft.replace(kept)
    except OSError as error:
        raise disk_failure(error, settings.home) from error
    training["exclude"] = str(kept)


def download_options(drawings: str | None) -> dict[str, Any]:
    """Return the fields of a download's configuration that the option `--drawings` gives.

    Raises:
        BadSetting: It is not a number from 1, nor `all`.
    """
    if drawings is None:
        return {}
    if drawings == "all":
        return {"whole_files": True}
    from qd_pipeline.settings import Settings  # noqa: PLC0415 (see `options`)

    return {"drawings": Settings.load(drawings=drawings).drawings, "whole_files": False}


def _recorded(
    runner: "PipelineRunner", stage: "Stage", key: str, console: Terminal
) -> Mapping[str, Any]:
    """Return the configuration that a published partition was made with, empty without one.

    Raises:
        BadSetting: It is a classifier of which no record says how it was trained.
    """
    try:
        made = runner.store.find(stage.name, key)
    except DamagedPartition:
        if config := runner.recorded(stage, key):
            return config.model_dump()
        console.warn(
            f"{stage.name} {key} is damaged, and no record of its configuration is left: it is "
            "materialized with the defaults of the settings."
        )
        return {}
    return {} if made is None else runner.pipeline.recorded(stage, made)


def _recorded_source(runner: "PipelineRunner", key: str, console: Terminal) -> str | None:
    """Return the source that a category was downloaded from, if it is not that of the settings.

    Raises:
        BadSetting: What is recorded of it hides a password.
    """
    from qd_pipeline.orchestration.stages.raw_drawings import require_same_source  # noqa: PLC0415 (imports Dagster)

    source = runner.source.source()
    try:
        made = runner.store.find("raw_drawings", key)
    except DamagedPartition:
        console.warn(
            f"No record of the source of raw_drawings {key} is left: it is downloaded from "
            f"{source.describe()}."
        )
        return None
    recorded = made.metadata.get("fetched", {}).get("source") if made else None
    if made and recorded and "***" in recorded:
        require_same_source(made, source)
    return None if recorded == source.name else recorded

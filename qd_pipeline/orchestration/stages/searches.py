"""Searches for the best settings, one partition per class set; made on request only."""

from collections.abc import Mapping, Sequence
from itertools import islice
from typing import Any, Final, Self

import dagster as dg
from pydantic import Field

from qd_pipeline.class_sets import ClassSets
from qd_pipeline.errors import BadSetting
from qd_pipeline.learning.figures import write_json
from qd_pipeline.learning.studies import space
from qd_pipeline.learning.studies.cross_validation import FOLD_BOUNDS
from qd_pipeline.learning.studies.search import FOLDS, TRIAL_BOUNDS, Search, Trial, search
from qd_pipeline.learning.studies.space import Space
from qd_pipeline.learning.training.config import TrainingConfig
from qd_pipeline.orchestration import pool
from qd_pipeline.orchestration.context import MaterializationContext
from qd_pipeline.orchestration.partitions import By
from qd_pipeline.orchestration.stage import Result, Stage
from qd_pipeline.orchestration.stages.cross_validations import fold_metrics
from qd_pipeline.orchestration.stages.drawings import DRAWINGS, read_drawings
from qd_pipeline.orchestration.stages.training_config import (
    Preset,
    SharedTrainingConfig,
    declared_training,
)
from qd_pipeline.settings import Settings
from qd_pipeline.storage.partition import digest

FIGURES: Final = "search.json"

_POINTS_CHECKED: Final = 1000
"""Points of the space that are checked before any training, while the user waits."""


class SearchConfig(SharedTrainingConfig):
    """What to train but for what is searched, the space, and how long to search."""

    preset: Preset = Field(
        default="notebook", description="Settings to begin from; the grid is the notebook's too."
    )
    space: dict[str, Any] = Field(
        default=space.NOTEBOOK.to_json(),
        description="By setting, a list of values or {low, high, log}; by default the "
        "notebook's grid.",
    )
    folds: int = Field(
        default=FOLDS,
        ge=FOLD_BOUNDS.ge,
        le=FOLD_BOUNDS.le,
        description="Folds of each trial, from 2 to 255.",
    )
    trials: int | None = Field(
        default=None,
        ge=TRIAL_BOUNDS.ge,
        description="Total number of trials, those of an interrupted search included; by "
        "default the whole grid, or 20 of a space with ranges.",
    )

    def effective(self, key: str, class_sets: ClassSets) -> Mapping[str, Any]:
        """Return the training's settings, the categories, the space and the number of folds.

        Raises:
            BadSetting: A setting is not valid, also at the first points of the space.
        """
        axes, training = Space.parse(self.space), self.training(len(class_sets[key]))
        for point in islice(axes.corners(), _POINTS_CHECKED):
            training.with_settings(**point)
        own: dict[str, Any] = {"space": axes.to_json(), "folds": self.folds}
        if self.workers > 1:
            own["workers"] = self.workers
        return {**super().effective(key, class_sets), **own}

    def shares(self, settings: Settings) -> Sequence[Self]:
        """Return the configuration of each worker's run, the first one's first.

        Raises:
            BadSetting: The trials have no database that several workers reach.
        """
        if settings.studies_storage is None:
            raise BadSetting(
                f"{self.workers} workers",
                "need a database that they share",
                "set QD_STUDIES_STORAGE to an address like postgresql://user@host/studies",
            )
        return super().shares(settings)


def materialize(context: MaterializationContext, config: SearchConfig) -> Result | None:
    """Search a space trial by trial; an interrupted search goes on."""
    training = config.training(len(context.class_set))
    data = read_drawings(context, training)
    if config.worker == 0:
        context.log_inputs()
    study = _study_name(context)
    found = search(
        data,
        training,
        Space.parse(config.space),
        storage=context.pipeline.settings.studies_url,
        study=study,
        folds=config.folds,
        trials=config.trials,
        workers=config.workers,
        worker=config.worker,
        on_trial=lambda trial: _log(context, trial, study, training),
        on_progress=context.on_progress("folds"),
    )
    if found is None:
        return None
    write_json(context.path(FIGURES), found)
    context.log_files(FIGURES)
    return Result(
        metadata=found.to_json(),
        metrics={**found.best.result.figures, "trials": len(found.trials)},
        shown=_shown(context.key, study, found),
    )


def _study_name(context: MaterializationContext) -> str:
    """Name the study by all that its trials depend on, so that another begins anew."""
    made_from = [context.fingerprint[name] for name in ("code", "settings", "inputs")]
    return f"{context.key}-{digest(made_from)[:12]}"


def _log(
    context: MaterializationContext, trial: Trial, study: str, training: TrainingConfig
) -> None:
    """Log a trial as a run of its own, the same one when it has to be repeated."""
    from qd_pipeline.tracking import STUDIES, Identity  # noqa: PLC0415 (MLflow is slow to import)

    settings = _text(trial)
    context.dagster.log.info("%s: %s", settings, trial.diverged or _accuracy(trial))
    with context.tracker.run(
        STUDIES,
        Identity(study, "searches", context.key, settings),
        name=f"search {context.key}: {settings}",
        tags={
            **context.tags(),
            "study": study,
            "trial": str(trial.number),
            "pruned": str(trial.pruned).lower(),
            **({"diverged": trial.diverged} if trial.diverged else {}),
        },
    ) as run:
        params = training.with_settings(**trial.settings).to_json()
        run.log(params=params, metrics=trial.result.figures)
        for number, fold in enumerate(trial.result.folds, start=1):
            run.log(metrics=fold_metrics(fold), step=number)


def _text(trial: Trial) -> str:
    return ", ".join(f"{name} {value}" for name, value in trial.settings.items())


def _accuracy(trial: Trial) -> str:
    figures = trial.result.figures
    if not figures:
        return "none"
    return f"{figures['cv_accuracy'] * 100:.1f} % ± {figures['cv_accuracy_sd'] * 100:.1f}"


def _shown(class_set: str, study: str, found: Search) -> dict[str, object]:
    best = found.best.result.figures
    ranked = sorted(
        found.trials,
        key=lambda trial: (trial.pruned, -trial.result.figures.get("cv_accuracy", 0.0)),
    )
    rows = [
        f"| {trial.number} | {_text(trial)} | {_accuracy(trial)} "
        f"| {'diverged' if trial.diverged else 'pruned' if trial.pruned else 'complete'} |"
        for trial in ranked
    ]
    head = ["| trial | settings | accuracy | |", "|---|---|---|---|"]
    return {
        "best settings": _text(found.best),
        "accuracy": best["cv_accuracy"],
        "accuracy, standard deviation": best["cv_accuracy_sd"],
        "balanced accuracy": best["cv_balanced_accuracy"],
        "macro F1": best["cv_macro_f1"],
        "chance": best["cv_chance"],
        "trials": dg.MetadataValue.md("\n".join(head + rows)),
        "study": study,
        "train with them": f"qd run --class-set {class_set} --settings-from-search",
    }


SEARCHES: Final = Stage(
    name="searches",
    description="The best settings of a space, found trial by trial; an interrupted search goes "
    "on.",
    by=By.CLASS_SET,
    code_version="6",
    materialize=materialize,
    inputs=DRAWINGS,
    config=SearchConfig,
    declared=declared_training,
    group="studies",
    kinds=frozenset({"keras", "tensorflow"}),
    pool=pool.TRAINING,
)

"""Searches for the best settings, one partition per class count; made only when asked for."""

import hashlib
import json
from collections.abc import Mapping
from itertools import islice
from pathlib import Path
from typing import Any, Final

import dagster as dg
from pydantic import Field

from qd_pipeline.learning.studies import space
from qd_pipeline.learning.studies.cross_validation import FOLD_BOUNDS
from qd_pipeline.learning.studies.search import FOLDS, TRIAL_BOUNDS, Search, Trial, search
from qd_pipeline.learning.studies.space import Space
from qd_pipeline.learning.training.config import TrainingConfig
from qd_pipeline.orchestration import recipes, slots
from qd_pipeline.orchestration.assets.bitmaps import bitmaps
from qd_pipeline.orchestration.assets.classifiers import ClassifierConfig, RecipeName, read_drawings
from qd_pipeline.orchestration.assets.cross_validations import fold_figures
from qd_pipeline.orchestration.assets.strokes import strokes
from qd_pipeline.orchestration.partitions import class_set_partitions, class_sets_of_category
from qd_pipeline.orchestration.stage import Stage
from qd_pipeline.orchestration.workshop import Workshop

FIGURES = "search.json"


_POINTS_LOOKED_AT: Final = 1000
"""Before a search is launched; somebody waits for it."""


class SearchConfig(ClassifierConfig):
    """What to train but for what is searched, the space, and how long to search."""

    recipe: RecipeName = Field(
        default="notebook", description="Settings to begin from; the grid is the notebook's too."
    )
    space: dict[str, Any] = Field(
        default=space.NOTEBOOK.to_json(),
        description="By setting, a list of values or {low, high, log}; by default the "
        "notebook's grid.",
    )
    folds: int = Field(default=FOLDS, description="Folds of each trial, from 2 to 255.")
    trials: int | None = Field(
        default=None,
        description="Trials to come to, from 1, those of an interrupted search included; by "
        "default the whole grid, or 20 of a space with ranges.",
    )

    def check(self) -> None:
        """See that every setting is in its range, at the first points of the space too.

        Raises:
            BadSetting: One is not.
        """
        super().check()
        FOLD_BOUNDS.check("folds", self.folds)
        if self.trials is not None:
            TRIAL_BOUNDS.check("trials", self.trials)
        axes = Space.parse(self.space)
        if not self.settings_from_search:
            recipe = self._given(class_count=2)
            for point in islice(axes.corners(), _POINTS_LOOKED_AT):
                recipe.with_settings(**point)


@dg.asset(
    partitions_def=class_set_partitions,
    deps=[
        dg.AssetDep(strokes, partition_mapping=class_sets_of_category),
        dg.AssetDep(bitmaps, partition_mapping=class_sets_of_category),
    ],
    group_name="studies",
    kinds={"keras", "tensorflow"},
    owners=["team:learning"],
    code_version=recipes.CODE_VERSIONS["searches"],
    pool=slots.POOL,
)
def searches(
    context: dg.AssetExecutionContext, config: SearchConfig, workshop: Workshop
) -> dg.MaterializeResult:
    """The best settings of a space, found trial by trial; an interrupted search goes on."""
    with workshop.stage(context) as stage:
        recipe = config.settings(context.partition_key, workshop.store)
        axes = Space.parse(config.space)
        data, inputs = read_drawings(workshop, context.partition_key)
        stage.log_inputs(inputs)
        made_from = recipes.studies(
            "searches", recipe, data.class_set, inputs, space=axes.to_json(), folds=config.folds
        )
        study = _study(context.partition_key, made_from)
        found = search(
            data,
            recipe,
            axes,
            storage=f"sqlite:///{Path(workshop.home) / 'studies.db'}",
            study=study,
            folds=config.folds,
            trials=config.trials,
            on_trial=lambda trial: _log(trial, study, recipe, stage, workshop),
            on_progress=stage.on_progress("folds"),
        )
        text = json.dumps(found.to_json(), indent=2, allow_nan=False) + "\n"
        stage.path(FIGURES).write_text(text, encoding="utf-8")
        stage.run.log_file(stage.path(FIGURES))
        return stage.publish(
            recipe=made_from,
            facts=found.to_json(),
            metrics={**found.best.result.figures, "trials": len(found.trials)},
            metadata=_metadata(context.partition_key, study, found),
        )


def _study(class_set: str, made_from: Mapping[str, Any]) -> str:
    """Name the study by all that its trials depend on, so that another begins anew."""
    digest = hashlib.sha256(json.dumps(made_from, sort_keys=True).encode()).hexdigest()
    return f"{class_set}-{digest[:12]}"


def _log(
    trial: Trial, study: str, recipe: TrainingConfig, stage: Stage, workshop: Workshop
) -> None:
    """Log a trial as a run of its own, the same one when it has to be repeated."""
    from qd_pipeline.tracking import STUDIES, Identity  # noqa: PLC0415 (MLflow is slow to import)

    settings, key = _text(trial), stage.context.partition_key
    stage.context.log.info("%s: %s", settings, trial.diverged or _accuracy(trial))
    with workshop.tracker.run(
        STUDIES,
        Identity(study, "searches", key, settings),
        name=f"search {key}: {settings}",
        tags={
            **workshop.tags(stage.context, stage.origin),
            "study": study,
            "trial": str(trial.number),
            "pruned": str(trial.pruned).lower(),
            **({"diverged": trial.diverged} if trial.diverged else {}),
        },
    ) as run:
        run.log(
            params=recipe.with_settings(**trial.settings).to_json(), metrics=trial.result.figures
        )
        for number, fold in enumerate(trial.result.folds, start=1):
            run.log(metrics=fold_figures(fold), step=number)


def _text(trial: Trial) -> str:
    return ", ".join(f"{name} {value}" for name, value in trial.settings.items())


def _accuracy(trial: Trial) -> str:
    figures = trial.result.figures
    if not figures:
        return "none"
    return f"{figures['cv_accuracy']:.2%} ± {figures['cv_accuracy_sd']:.2%}"


def _metadata(class_set: str, study: str, found: Search) -> dict[str, object]:
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
        "trials": dg.MetadataValue.md("\n".join(head + rows)),
        "study": study,
        "train with them": f"qd run --class-counts {class_set} --settings-from-search, or "
        "settings_from_search: true in the launchpad of classifiers",
    }

"""The search for a recipe's best settings, by cross-validation, resumable trial by trial."""

from __future__ import annotations

import json
import time
from contextlib import contextmanager
from dataclasses import dataclass
from statistics import fmean
from typing import TYPE_CHECKING, Any, Final

from qd_pipeline import owner
from qd_pipeline.errors import BadSetting, HomeFailed
from qd_pipeline.learning.studies.cross_validation import CrossValidation, Fold, each_fold
from qd_pipeline.learning.studies.space import Range

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping
    from pathlib import Path

    import optuna

    from qd_pipeline.learning.data import ClassSetData
    from qd_pipeline.learning.studies.space import Space, Value
    from qd_pipeline.learning.training.config import TrainingConfig

FOLDS: Final = 3
"""As many as the notebook's search took."""

TRIALS: Final = 20
"""Trials of a space with ranges; a grid is tried whole."""

TRIALS_BEFORE_PRUNING: Final = 3
"""Complete trials from which on a trial below their median is given up after a fold."""

_OWNER: Final = "owner"
_FOLDS: Final = "folds"


@dataclass(frozen=True)
class Trial:
    """One point of the space, tried.

    Args:
        number: From 0, in the order of the study.
        settings: The point.
        result: The figures of its folds; of the first ones where it was given up.
        pruned: Whether it was given up before the last fold.
    """

    number: int
    settings: Mapping[str, Value]
    result: CrossValidation
    pruned: bool

    def to_json(self) -> dict[str, Any]:
        """Give it as JSON takes it."""
        return {
            "number": self.number,
            "settings": dict(self.settings),
            "pruned": self.pruned,
            **self.result.to_json(),
        }


@dataclass(frozen=True)
class Search:
    """All trials of a study so far.

    Args:
        trials: Those that ended, in their order, whichever process ran them.
        recipe: The recipe with the settings of the best.
    """

    trials: tuple[Trial, ...]
    recipe: TrainingConfig

    @property
    def best(self) -> Trial:
        """The complete trial of the highest mean accuracy; of equals the one tried first."""
        return _best(self.trials)

    def to_json(self) -> dict[str, Any]:
        """Give the trials and the best recipe, as JSON takes them."""
        return {
            "best_trial": self.best.number,
            "best_recipe": self.recipe.to_json(),
            "trials": [trial.to_json() for trial in self.trials],
        }


def check_trials(trials: int | None) -> None:
    """See that some trial is asked for; None stands for the default.

    Raises:
        BadSetting: None is.
    """
    if trials is not None and trials < 1:
        raise BadSetting("trials", f"is {trials}", "give a whole number from 1")


def search(
    data: ClassSetData,
    recipe: TrainingConfig,
    space: Space,
    *,
    storage: Path,
    study: str,
    folds: int = FOLDS,
    trials: int | None = None,
    on_trial: Callable[[Trial], None] | None = None,
    on_progress: Callable[[int, int], None] | None = None,
) -> Search:
    """Try points of a space and keep what was found, so that an interruption costs one trial.

    A grid is tried point by point, a space with ranges by the tree-structured Parzen
    estimator (Bergstra et al., "Algorithms for hyper-parameter optimization", NeurIPS 2011).

    Args:
        data: The drawings; the test side takes no part.
        recipe: The settings that are not varied.
        space: Those that are.
        storage: SQLite file of the studies, made when it is not there.
        study: Name of the study. One that exists goes on where it was; whoever calls sees to
            it that a name stands for the same drawings, recipe, space and folds.
        folds: Of each trial's cross-validation.
        trials: How many the study should come to; by default the whole grid, or `TRIALS`.
        on_trial: Called after each trial, before it counts as done.
        on_progress: Called with the folds done and, at most, to do, over all trials.

    Raises:
        BadSetting: A point is no valid recipe, no trial is asked for, or another process is
            at work on the study.
        HomeFailed: The storage cannot be used.
    """
    for point in space.corners():
        recipe.with_settings(**point)
    check_trials(trials)
    points = space.points() if space.is_grid else []
    wanted = min(trials or len(points), len(points)) if points else trials or TRIALS
    with _opened(storage, study, recipe.seed) as opened:
        while len(ended := _ended(opened)) < wanted:
            if points and not _is_waiting(opened):
                tried = [trial.settings for trial in ended]
                opened.enqueue_trial(next(point for point in points if point not in tried))

            def progress(fold: int, done: int = len(ended)) -> None:
                if on_progress:
                    on_progress(done * folds + fold, wanted * folds)

            _run_trial(opened, data, recipe, space, folds, on_trial, progress)
    return Search(ended, recipe.with_settings(**_best(ended).settings))


def _best(trials: Iterable[Trial]) -> Trial:
    complete = (trial for trial in trials if not trial.pruned)
    return max(complete, key=lambda trial: (fmean(trial.result.accuracies), -trial.number))


def _run_trial(
    study: optuna.Study,
    data: ClassSetData,
    recipe: TrainingConfig,
    space: Space,
    folds: int,
    on_trial: Callable[[Trial], None] | None,
    on_fold: Callable[[int], None],
) -> None:
    from optuna.trial import TrialState  # noqa: PLC0415 (a second to import)

    tried = study.ask(_distributions(space))
    tried.set_user_attr(_OWNER, owner.token())
    measured: list[Fold] = []
    try:
        on_fold(0)
        for fold in each_fold(data, recipe.with_settings(**tried.params), count=folds):
            measured.append(fold)
            on_fold(len(measured))
            tried.report(fmean(CrossValidation(tuple(measured)).accuracies), len(measured))
            if len(measured) < folds and tried.should_prune():
                break
        result, pruned = CrossValidation(tuple(measured)), len(measured) < folds
        tried.set_user_attr(_FOLDS, json.dumps([fold.to_json() for fold in measured]))
        if on_trial:
            on_trial(Trial(tried.number, tried.params, result, pruned))
    except BaseException:
        study.tell(tried, state=TrialState.FAIL)
        raise
    if pruned:
        study.tell(tried, state=TrialState.PRUNED)
    else:
        study.tell(tried, fmean(result.accuracies))


@contextmanager
def _opened(storage: Path, name: str, seed: int) -> Iterator[optuna.Study]:
    """Open a study, whose unfinished trials of processes that have died count as failed."""
    import optuna  # noqa: PLC0415 (a second to import)
    from optuna.exceptions import StorageInternalError  # noqa: PLC0415
    from sqlalchemy.exc import SQLAlchemyError  # noqa: PLC0415

    optuna.logging.set_verbosity(optuna.logging.ERROR)
    try:
        study = optuna.create_study(
            storage=f"sqlite:///{storage}",
            study_name=name,
            load_if_exists=True,
            direction="maximize",
            pruner=optuna.pruners.MedianPruner(n_startup_trials=TRIALS_BEFORE_PRUNING),
        )
        for trial in study.get_trials(states=(optuna.trial.TrialState.RUNNING,)):
            begun = trial.datetime_start.timestamp() if trial.datetime_start else 0.0
            if owner.is_alive(trial.user_attrs.get(_OWNER, ""), time.time() - begun):
                raise BadSetting(
                    f"search {name}", "is at work in another process", "wait until it ends"
                )
            study.tell(trial.number, state=optuna.trial.TrialState.FAIL)
        # Resumed with the same seed it would begin with the points that it has tried.
        reseeded = (seed + len(study.get_trials())) % 2**32
        study.sampler = optuna.samplers.TPESampler(seed=reseeded)
        yield study
    except (StorageInternalError, SQLAlchemyError) as error:
        reason = str(error).splitlines()[0][:200]
        raise HomeFailed(
            str(storage), f"cannot be used ({reason})", "move it away, and the search starts anew"
        ) from error


def _ended(study: optuna.Study) -> tuple[Trial, ...]:
    from optuna.trial import TrialState  # noqa: PLC0415 (a second to import)

    return tuple(
        Trial(
            trial.number,
            trial.params,
            CrossValidation(tuple(map(Fold.from_json, json.loads(trial.user_attrs[_FOLDS])))),
            trial.state == TrialState.PRUNED,
        )
        for trial in study.get_trials(states=(TrialState.COMPLETE, TrialState.PRUNED))
    )


def _is_waiting(study: optuna.Study) -> bool:
    """Tell whether a point was put into the queue just before an interruption."""
    from optuna.trial import TrialState  # noqa: PLC0415 (a second to import)

    return bool(study.get_trials(states=(TrialState.WAITING,)))


def _distributions(space: Space) -> dict[str, optuna.distributions.BaseDistribution]:
    from optuna import distributions  # noqa: PLC0415 (a second to import)

    def of(axis: tuple[Value, ...] | Range) -> optuna.distributions.BaseDistribution:
        if not isinstance(axis, Range):
            return distributions.CategoricalDistribution(axis)
        if isinstance(axis.low, int) and isinstance(axis.high, int):
            return distributions.IntDistribution(axis.low, axis.high, log=axis.log)
        return distributions.FloatDistribution(axis.low, axis.high, log=axis.log)

    return {name: of(axis) for name, axis in space.axes.items()}

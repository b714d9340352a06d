"""Hyperparameter search by cross-validation, resumable trial by trial.

What a point of the space is, and whether its trial is pruned, follows from the seed and from the
trials of earlier points, whichever workers ran them.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from statistics import fmean, median
from typing import TYPE_CHECKING, Any, Final

from qd_pipeline.errors import TrainingDiverged
from qd_pipeline.learning.bounds import Bounds
from qd_pipeline.learning.studies import shared_trials
from qd_pipeline.learning.studies.cross_validation import CrossValidation, Fold, each_fold
from qd_pipeline.learning.studies.shared_trials import HEARTBEAT_SECONDS, POINT, WORKER_BOUNDS
from qd_pipeline.learning.studies.space import Range

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping, Sequence

    import optuna
    from optuna.trial import FrozenTrial

    from qd_pipeline.learning.data import ClassSetData
    from qd_pipeline.learning.studies.space import Space, Value
    from qd_pipeline.learning.training.config import TrainingConfig

FOLDS: Final = 3
"""As many as the notebook's search took."""

TRIALS: Final = 20
"""Trials of a space with ranges; a grid is tried whole."""

TRIAL_BOUNDS: Final = Bounds(ge=1, whole=True)
"""How many trials can be requested."""

TRIALS_BEFORE_PRUNING: Final = 3
"""Complete trials from which on a trial below their median is pruned after a fold."""

_FOLDS: Final = "folds"
_DIVERGED: Final = "diverged"


@dataclass(frozen=True)
class Trial:
    """One point of the space, tried.

    Args:
        number: Of the point, from 0.
        settings: The point.
        result: The figures of its folds; of the first ones where it was pruned.
        pruned: Whether it ended before the last fold.
        diverged: The error of a training that diverged; such a trial counts as pruned.
    """

    number: int
    settings: Mapping[str, Value]
    result: CrossValidation
    pruned: bool
    diverged: str | None = None

    def to_json(self) -> dict[str, Any]:
        """Return the trial as a JSON object."""
        return {
            "number": self.number,
            "settings": dict(self.settings),
            "pruned": self.pruned,
            "diverged": self.diverged,
            **self.result.to_json(),
        }


@dataclass(frozen=True)
class Search:
    """All trials of a study so far.

    Args:
        trials: Those that ended, in their order, whichever process ran them.
        config: The settings of the best trial.
    """

    trials: tuple[Trial, ...]
    config: TrainingConfig

    @property
    def best(self) -> Trial:
        """The complete trial with the highest mean accuracy; of equals the first."""
        return _best(self.trials)

    def to_json(self) -> dict[str, Any]:
        """Return the trials and the best settings as a JSON object."""
        return {
            "best_trial": self.best.number,
            "best_config": self.config.to_json(),
            "trials": [trial.to_json() for trial in self.trials],
        }


def search(
    data: ClassSetData,
    config: TrainingConfig,
    space: Space,
    *,
    storage: str,
    study: str,
    folds: int = FOLDS,
    trials: int | None = None,
    workers: int = 1,
    worker: int = 0,
    on_trial: Callable[[Trial], None] | None = None,
    on_progress: Callable[[int, int], None] | None = None,
    heartbeat_seconds: int = HEARTBEAT_SECONDS,
) -> Search | None:
    """Evaluate points of a space by cross-validation; an interruption costs one trial.

    A grid is tried point by point, a space with ranges by the tree-structured Parzen
    estimator (Bergstra et al., "Algorithms for hyper-parameter optimization", NeurIPS 2011).
    A trial whose training diverges counts as pruned, and the search goes on.

    Args:
        data: The drawings; the test split takes no part.
        config: The settings that are not varied.
        space: Those that are.
        storage: URL of Optuna's storage, as SQLAlchemy reads it (`sqlite:///studies.db`);
            created when it does not exist.
        study: Name of the study. One that exists is resumed, so a name must stand for the same
            drawings, settings, space, folds and workers.
        folds: Folds of each trial's cross-validation.
        trials: Total number of trials, earlier ones included; by default the whole grid, or
            `TRIALS`.
        workers: Trials that may run at once, each in a process that calls this. A trial is
            sampled and pruned from the trials at least `workers` points earlier, also where one
            process runs all.
        worker: Which of them this is. The first waits for the trials of all.
        on_trial: Called after each trial, before it is stored as ended.
        on_progress: Called with the folds done and, at most, to do, over all trials.
        heartbeat_seconds: Interval of the heartbeat; a process that missed four was killed.

    Returns:
        All trials; None in another worker than the first.

    Raises:
        BadSetting: A point is out of bounds, no trial is requested, or another process is
            running the study, which has one worker.
        HomeFailed: The storage cannot be used.
        TrainingDiverged: Every trial diverged.
    """
    for corner in space.corners():
        config.with_settings(**corner)
    WORKER_BOUNDS.check("workers", workers)
    if trials is not None:
        TRIAL_BOUNDS.check("trials", trials)
    grid = space.points() if space.is_grid else []
    wanted = min(trials or len(grid), len(grid)) if grid else trials or TRIALS

    def point(number: int, known: Sequence[FrozenTrial]) -> Mapping[str, Value]:
        return grid[number] if grid else _sampled(space, config.seed + number, known)

    def evaluate(trial: optuna.Trial, known: Sequence[FrozenTrial], done: int) -> float:
        def progress(fold: int) -> None:
            if on_progress:
                on_progress(done * folds + fold, wanted * folds)

        return _run_trial(trial, data, config, space, folds, _trials(known), on_trial, progress)

    with shared_trials.opened(storage, study, heartbeat_seconds, alone=workers == 1) as opened:
        found = shared_trials.work_through(
            opened, wanted, point, evaluate, workers=workers, worker=worker
        )
    if found is None:
        return None
    ended = _trials(found)
    if all(trial.pruned for trial in ended):
        cause = f"has diverged in every one of {len(ended)} trials"
        raise TrainingDiverged(f"search {study}", cause, "search lower learning rates")
    return Search(ended, config.with_settings(**_best(ended).settings))


def _best(trials: Iterable[Trial]) -> Trial:
    complete = (trial for trial in trials if not trial.pruned)
    return max(complete, key=lambda trial: (fmean(trial.result.accuracies), -trial.number))


def _run_trial(
    trial: optuna.Trial,
    data: ClassSetData,
    config: TrainingConfig,
    space: Space,
    folds: int,
    known: Sequence[Trial],
    on_trial: Callable[[Trial], None] | None,
    on_fold: Callable[[int], None],
) -> float:
    """Cross-validate one point; return its mean accuracy.

    The trial is pruned by those that are known.

    Raises:
        optuna.TrialPruned: It was pruned or diverged.
    """
    from optuna import TrialPruned  # noqa: PLC0415 (a second to import)

    settings = {name: _suggest(trial, name, axis) for name, axis in space.axes.items()}
    measured: list[Fold] = []
    diverged: str | None = None
    on_fold(0)
    try:
        for fold, _ in each_fold(data, config.with_settings(**settings), count=folds):
            measured.append(fold)
            on_fold(len(measured))
            trial.report(fmean(CrossValidation(tuple(measured)).accuracies), len(measured))
            if len(measured) < folds and _is_below_median(measured, known):
                break
    except TrainingDiverged as error:
        diverged = str(error)
    result, pruned = CrossValidation(tuple(measured)), len(measured) < folds
    trial.set_user_attr(_FOLDS, json.dumps([fold.to_json() for fold in measured]))
    trial.set_user_attr(_DIVERGED, diverged)
    if on_trial:
        on_trial(Trial(trial.user_attrs[POINT], settings, result, pruned, diverged))
    if pruned:
        raise TrialPruned
    return fmean(result.accuracies)


def _is_below_median(measured: Sequence[Fold], known: Iterable[Trial]) -> bool:
    """Return whether a trial's best mean so far is below the median of the complete ones'."""
    complete = [trial.result.accuracies for trial in known if not trial.pruned]
    if len(complete) < TRIALS_BEFORE_PRUNING:
        return False
    own, count = CrossValidation(tuple(measured)).accuracies, len(measured)
    best = max(fmean(own[: number + 1]) for number in range(count))
    return best < median(fmean(accuracies[:count]) for accuracies in complete)


def _sampled(space: Space, seed: int, known: Sequence[FrozenTrial]) -> dict[str, Value]:
    """Sample a point from what is known."""
    import optuna  # noqa: PLC0415 (a second to import)

    sampler = optuna.samplers.TPESampler(seed=seed % 2**32)
    study = optuna.create_study(direction="maximize", sampler=sampler)
    study.add_trials(known)
    trial = study.ask()
    return {name: _suggest(trial, name, axis) for name, axis in space.axes.items()}


def _suggest(trial: optuna.Trial, name: str, axis: tuple[Value, ...] | Range) -> Value:
    if not isinstance(axis, Range):
        return trial.suggest_categorical(name, axis)
    if isinstance(axis.low, int) and isinstance(axis.high, int):
        return trial.suggest_int(name, axis.low, axis.high, log=axis.log)
    return trial.suggest_float(name, axis.low, axis.high, log=axis.log)


def _trials(ended: Iterable[FrozenTrial]) -> tuple[Trial, ...]:
    return tuple(
        Trial(
            trial.user_attrs[POINT],
            trial.params,
            CrossValidation(tuple(map(Fold.from_json, json.loads(trial.user_attrs[_FOLDS])))),
            trial.state.name == "PRUNED",
            trial.user_attrs[_DIVERGED],
        )
        for trial in ended
    )

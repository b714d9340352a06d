"""Hyperparameter search by cross-validation, resumable trial by trial.

Trials stand in an Optuna storage. A running trial renews its heartbeat there; that of a process
that was killed stops, and the trial is tried again.
"""

from __future__ import annotations

import json
import time
import warnings
from contextlib import contextmanager
from dataclasses import dataclass
from statistics import fmean
from typing import TYPE_CHECKING, Any, Final

from qd_pipeline.errors import BadSetting, HomeFailed, TrainingDiverged
from qd_pipeline.learning.bounds import Bounds
from qd_pipeline.learning.studies.cross_validation import CrossValidation, Fold, each_fold
from qd_pipeline.learning.studies.space import Range

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping

    import optuna

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

HEARTBEAT_SECONDS: Final = 5
"""Interval at which a running trial renews its heartbeat."""

_MISSED_HEARTBEATS: Final = 4
"""After so many, the process counts as killed."""

_FOLDS: Final = "folds"
_DIVERGED: Final = "diverged"


@dataclass(frozen=True)
class Trial:
    """One point of the space, tried.

    Args:
        number: From 0, in the order of the study.
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
    on_trial: Callable[[Trial], None] | None = None,
    on_progress: Callable[[int, int], None] | None = None,
    heartbeat_seconds: int = HEARTBEAT_SECONDS,
) -> Search:
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
            drawings, settings, space and folds.
        folds: Folds of each trial's cross-validation.
        trials: Total number of trials, earlier ones included; by default the whole grid, or
            `TRIALS`.
        on_trial: Called after each trial, before it is stored as ended.
        on_progress: Called with the folds done and, at most, to do, over all trials.
        heartbeat_seconds: Interval of the heartbeat; a process that missed four was killed.

    Raises:
        BadSetting: A point is out of bounds, no trial is requested, or another process is
            running the study.
        HomeFailed: The storage cannot be used.
        TrainingDiverged: Every trial diverged.
    """
    for point in space.corners():
        config.with_settings(**point)
    if trials is not None:
        TRIAL_BOUNDS.check("trials", trials)
    points = space.points() if space.is_grid else []
    wanted = min(trials or len(points), len(points)) if points else trials or TRIALS
    with _opened(storage, study, config.seed, heartbeat_seconds) as opened:
        while len(ended := _ended(opened)) < wanted:
            if points and not _is_waiting(opened):
                tried = [trial.settings for trial in ended]
                opened.enqueue_trial(next(point for point in points if point not in tried))

            def progress(fold: int, done: int = len(ended)) -> None:
                if on_progress:
                    on_progress(done * folds + fold, wanted * folds)

            def objective(trial: optuna.Trial) -> float:
                return _run_trial(trial, data, config, space, folds, on_trial, progress)

            opened.optimize(objective, n_trials=1)
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
    on_trial: Callable[[Trial], None] | None,
    on_fold: Callable[[int], None],
) -> float:
    """Cross-validate one point; return its mean accuracy.

    Raises:
        optuna.TrialPruned: It was pruned or diverged.
    """
    from optuna import TrialPruned  # noqa: PLC0415 (a second to import)

    settings = {name: _suggest(trial, name, axis) for name, axis in space.axes.items()}
    measured: list[Fold] = []
    diverged: str | None = None
    on_fold(0)
    try:
        for fold in each_fold(data, config.with_settings(**settings), count=folds):
            measured.append(fold)
            on_fold(len(measured))
            trial.report(fmean(CrossValidation(tuple(measured)).accuracies), len(measured))
            if len(measured) < folds and trial.should_prune():
                break
    except TrainingDiverged as error:
        diverged = str(error)
    result, pruned = CrossValidation(tuple(measured)), len(measured) < folds
    trial.set_user_attr(_FOLDS, json.dumps([fold.to_json() for fold in measured]))
    trial.set_user_attr(_DIVERGED, diverged)
    if on_trial:
        on_trial(Trial(trial.number, settings, result, pruned, diverged))
    if pruned:
        raise TrialPruned
    return fmean(result.accuracies)


def _suggest(trial: optuna.Trial, name: str, axis: tuple[Value, ...] | Range) -> Value:
    if not isinstance(axis, Range):
        return trial.suggest_categorical(name, axis)
    if isinstance(axis.low, int) and isinstance(axis.high, int):
        return trial.suggest_int(name, axis.low, axis.high, log=axis.log)
    return trial.suggest_float(name, axis.low, axis.high, log=axis.log)


@contextmanager
def _opened(url: str, name: str, seed: int, heartbeat_seconds: int) -> Iterator[optuna.Study]:
    """Open a study that no other process is running."""
    import optuna  # noqa: PLC0415 (a second to import)
    from optuna.exceptions import ExperimentalWarning, StorageInternalError  # noqa: PLC0415
    from sqlalchemy.exc import SQLAlchemyError  # noqa: PLC0415

    optuna.logging.set_verbosity(optuna.logging.ERROR)
    try:
        with warnings.catch_warnings():
            # Optuna marks its heartbeat as experimental.
            warnings.simplefilter("ignore", ExperimentalWarning)
            study = optuna.create_study(
                storage=optuna.storages.RDBStorage(
                    url,
                    heartbeat_interval=heartbeat_seconds,
                    grace_period=_MISSED_HEARTBEATS * heartbeat_seconds,
                    heartbeat_stale_trial_callback=(
                        optuna.storages.RetryHeartbeatStaleTrialCallback()
                    ),
                ),
                study_name=name,
                load_if_exists=True,
                direction="maximize",
                pruner=optuna.pruners.MedianPruner(n_startup_trials=TRIALS_BEFORE_PRUNING),
            )
            _retry_killed(study, _MISSED_HEARTBEATS * heartbeat_seconds)
        # With the same seed, a resumed search would sample its first points again.
        reseeded = (seed + len(study.get_trials())) % 2**32
        study.sampler = optuna.samplers.TPESampler(seed=reseeded)
        try:
            yield study
        except BaseException:
            # Optuna sees to exceptions, not to what Dagster ends a step with.
            for trial in _in_state(study, "RUNNING"):
                study.tell(trial.number, state=optuna.trial.TrialState.FAIL)
            raise
    except (StorageInternalError, SQLAlchemyError) as error:
        reason = str(error).splitlines()[0][:200]
        raise HomeFailed(
            url, f"cannot be used ({reason})", "move it away, and the search starts anew"
        ) from error


def _retry_killed(study: optuna.Study, grace_seconds: int) -> None:
    """Queue trials of killed processes again, as soon as their heartbeats tell.

    Raises:
        BadSetting: A running trial renews its heartbeat: another process is at work.
    """
    from optuna.storages import fail_stale_trials  # noqa: PLC0415 (a second to import)

    # The database tells time in whole seconds.
    deadline = time.monotonic() + grace_seconds + 2
    while True:
        fail_stale_trials(study)
        if not _in_state(study, "RUNNING"):
            return
        if time.monotonic() > deadline:
            cause = "is at work in another process"
            raise BadSetting(f"search {study.study_name}", cause, "wait until it ends")
        time.sleep(0.5)


def _in_state(study: optuna.Study, *states: str) -> list[optuna.trial.FrozenTrial]:
    from optuna.trial import TrialState  # noqa: PLC0415 (a second to import)

    return study.get_trials(states=tuple(TrialState[state] for state in states))


def _is_waiting(study: optuna.Study) -> bool:
    """Return whether a point is queued: for a retry, or since just before an interruption."""
    return bool(_in_state(study, "WAITING"))


def _ended(study: optuna.Study) -> tuple[Trial, ...]:
    return tuple(
        Trial(
            trial.number,
            trial.params,
            CrossValidation(tuple(map(Fold.from_json, json.loads(trial.user_attrs[_FOLDS])))),
            trial.state.name == "PRUNED",
            trial.user_attrs[_DIVERGED],
        )
        for trial in _in_state(study, "COMPLETE", "PRUNED")
    )

"""Trials that several workers share, in an Optuna storage.

The points are numbered, and each is tried once. A running trial renews its heartbeat in the
storage; that of a process that was killed stops, and its point is tried again.
"""

from __future__ import annotations

import time
import warnings
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, Final

from qd_pipeline.errors import BadSetting, HomeFailed
from qd_pipeline.learning.bounds import Bounds

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence

    import optuna
    from optuna.trial import FrozenTrial

WORKER_BOUNDS: Final = Bounds(ge=1, whole=True)
"""How many workers there can be."""

HEARTBEAT_SECONDS: Final = 5
"""Interval at which a running trial renews its heartbeat."""

POINT: Final = "point"
"""Attribute of a trial: the number of its point."""

_MISSED_HEARTBEATS: Final = 4
"""After so many, the process counts as killed."""

_SECONDS_BETWEEN_CHECKS: Final = 0.5

_ATTEMPTS: Final = 5
"""At a storage that another worker is making."""


class _SuperfluousError(Exception):
    """Another worker began the same point at the same moment."""


@contextmanager
def opened(url: str, name: str, heartbeat_seconds: int, *, alone: bool) -> Iterator[optuna.Study]:
    """Open a study; if it has one worker, one that no other process is running."""
    import optuna  # noqa: PLC0415 (a second to import)
    from optuna.exceptions import ExperimentalWarning, StorageInternalError  # noqa: PLC0415
    from sqlalchemy.exc import SQLAlchemyError  # noqa: PLC0415

    optuna.logging.set_verbosity(optuna.logging.ERROR)
    try:
        with warnings.catch_warnings():
            # Optuna marks its heartbeat as experimental.
            warnings.simplefilter("ignore", ExperimentalWarning)
            study = optuna.create_study(
                storage=_storage(url, heartbeat_seconds, attempts=1 if alone else _ATTEMPTS),
                study_name=name,
                load_if_exists=True,
                direction="maximize",
            )
            if alone:
                _fail_killed(study, _MISSED_HEARTBEATS * heartbeat_seconds)
            try:
                yield study
            except BaseException:
                # Optuna sees to exceptions, not to what Dagster ends a step with.
                for trial in _in_state(study, "RUNNING") if alone else []:
                    study.tell(trial.number, state=optuna.trial.TrialState.FAIL)
                raise
    except (StorageInternalError, SQLAlchemyError) as error:
        reason = str(error).splitlines()[0][:200]
        raise HomeFailed(
            url, f"cannot be used ({reason})", "move it away, and the search starts anew"
        ) from error


def _storage(url: str, heartbeat_seconds: int, attempts: int) -> optuna.storages.RDBStorage:
    """Open a storage, or make it; Optuna's tables cannot be made by two processes at once."""
    import optuna  # noqa: PLC0415 (a second to import)
    from sqlalchemy.exc import SQLAlchemyError  # noqa: PLC0415

    try:
        return optuna.storages.RDBStorage(
            url,
            heartbeat_interval=heartbeat_seconds,
            grace_period=_MISSED_HEARTBEATS * heartbeat_seconds,
        )
    except SQLAlchemyError:
        if attempts == 1:
            raise
    time.sleep(_SECONDS_BETWEEN_CHECKS)
    return _storage(url, heartbeat_seconds, attempts - 1)


def _fail_killed(study: optuna.Study, grace_seconds: int) -> None:
    """Fail the trials of killed processes, as soon as their heartbeats tell.

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
        time.sleep(_SECONDS_BETWEEN_CHECKS)


def work_through(
    study: optuna.Study,
    wanted: int,
    point: Callable[[int, Sequence[FrozenTrial]], Mapping[str, Any]],
    evaluate: Callable[[optuna.Trial, Sequence[FrozenTrial], int], float],
    *,
    workers: int,
    worker: int,
) -> Sequence[FrozenTrial] | None:
    """Try points until enough have ended, together with the other workers.

    Args:
        study: The study.
        wanted: Number of points.
        point: Returns the settings of the point of a number from the trials that are known: those
            at least `workers` points before it, which have ended when it begins.
        evaluate: Returns the value of a trial from it, those that are known, and how many have
            ended.
        workers: How many workers there are.
        worker: Which of them this is; the first waits for the trials of all.

    Returns:
        The trials that ended, by their points; None in another worker than the first.
    """
    from optuna.storages import fail_stale_trials  # noqa: PLC0415 (a second to import)

    def known(ended: Sequence[FrozenTrial], number: int) -> Sequence[FrozenTrial]:
        return [trial for trial in ended if trial.user_attrs[POINT] <= number - workers]

    def objective(trial: optuna.Trial) -> float:
        begun, number = _begun(study), trial.user_attrs.get(POINT)
        if number is None or begun[number].number != trial.number:
            raise _SuperfluousError
        ended = _ended(begun)
        return evaluate(trial, known(ended, number), len(ended))

    while len(ended := _ended(begun := _begun(study))) < wanted:
        number = next((each for each in range(wanted) if each not in begun), wanted)
        before = known(ended, number)
        if number < wanted and len(before) == max(0, number - workers + 1):
            study.enqueue_trial(dict(point(number, before)), user_attrs={POINT: number})
        if _in_state(study, "WAITING"):
            study.optimize(objective, n_trials=1, catch=_SuperfluousError)
        elif worker and number == wanted:
            return None
        else:
            time.sleep(_SECONDS_BETWEEN_CHECKS)
            fail_stale_trials(study)
    return None if worker else ended


def _begun(study: optuna.Study) -> dict[int, FrozenTrial]:
    """Return the trial of each point that was begun; of two at the same moment, the first."""
    found: dict[int, FrozenTrial] = {}
    for trial in _in_state(study, "WAITING", "RUNNING", "COMPLETE", "PRUNED"):
        if POINT in trial.user_attrs:
            found.setdefault(trial.user_attrs[POINT], trial)
    return found


def _ended(begun: Mapping[int, FrozenTrial]) -> Sequence[FrozenTrial]:
    return [trial for _, trial in sorted(begun.items()) if trial.state.is_finished()]


def _in_state(study: optuna.Study, *states: str) -> list[FrozenTrial]:
    from optuna.trial import TrialState  # noqa: PLC0415 (a second to import)

    return study.get_trials(states=tuple(TrialState[state] for state in states))

"""Renewal of leases in the background: a thread of a process calls what is due."""

import logging
import math
import os
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Final, Literal

RENEWED_EVERY: Final = timedelta(seconds=30)
"""How often the holder of a lease renews it."""

_LOG = logging.getLogger(__name__)
_SECONDS_FOR_A_CALL: Final = 1.0


@dataclass(eq=False)
class Task:
    """A function that is called regularly."""

    call: Callable[[], object]
    every: float
    due: float
    running: threading.Lock = field(default_factory=threading.Lock)


class _Renewal:
    """Tasks, and their thread, which waits while nothing is due."""

    def __init__(self) -> None:
        self.reset()

    def reset(self) -> None:
        """Begin without tasks: a forked process does not renew what its parent holds."""
        self._tasks: set[Task] = set()
        self._changed = threading.Condition()
        self._wakes = math.inf
        self._thread: threading.Thread | None = None

    def start(self, call: Callable[[], object], every: float) -> Task:
        task = Task(call, every, time.monotonic() + every)
        with self._changed:
            self._tasks.add(task)
            if self._thread is None or not self._thread.is_alive():  # the first, or after a fork
                self._thread = threading.Thread(target=self._run, name="leases", daemon=True)
                self._thread.start()
            elif task.due < self._wakes:
                self._changed.notify()
        return task

    def stop(self, task: Task) -> None:
        with self._changed:
            self._tasks.discard(task)
        # A call that is running could renew a lease after its release. One that hangs is not
        # waited for.
        if task.running.acquire(timeout=_SECONDS_FOR_A_CALL):
            task.running.release()

    def _run(self) -> None:
        while True:
            for task in self._wait():
                with task.running:
                    if task in self._tasks:
                        _call(task)
                task.due = time.monotonic() + task.every

    def _wait(self) -> list[Task]:
        """Return the tasks that are due, as soon as there are some."""
        with self._changed:
            while True:
                now = time.monotonic()
                if due := [task for task in self._tasks if task.due <= now]:
                    return due
                self._wakes = min((task.due for task in self._tasks), default=math.inf)
                self._changed.wait(None if self._wakes == math.inf else self._wakes - now)


def _call(task: Task) -> None:
    try:
        task.call()
    except Exception as error:  # noqa: BLE001 (whatever the call raises, the next one may do)
        _LOG.debug("A lease could not be renewed: %s", error)


_RENEWALS = {"store": _Renewal(), "mlflow": _Renewal()}
for _each in _RENEWALS.values():
    os.register_at_fork(after_in_child=_each.reset)


@contextmanager
def renewing(
    renew: Callable[[], object],
    every: timedelta = RENEWED_EVERY,
    *,
    thread: Literal["store", "mlflow"] = "store",
) -> Iterator[None]:
    """Call a function regularly in the background while the block runs.

    A call that fails is tried again at the next time.

    Args:
        renew: The function.
        every: Time between two calls.
        thread: The thread that calls it: a server that hangs keeps only leases of its own.
    """
    renewal = _RENEWALS[thread]
    task = renewal.start(renew, every.total_seconds())
    try:
        yield
    finally:
        renewal.stop(task)

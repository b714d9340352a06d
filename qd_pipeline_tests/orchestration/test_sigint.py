"""SIGINT stops what runs, wherever the signal arrives."""

import os
import signal
import sys
import time
from collections.abc import Callable
from contextlib import suppress
from logging import getLogger

import pytest

from qd_pipeline.orchestration import progress, sigint


def interrupt() -> None:
    os.kill(os.getpid(), signal.SIGINT)
    time.sleep(10)


class Finalized:
    """An object whose finalizer does some work."""

    def __init__(self, work: Callable[[], None]) -> None:
        self._work = work

    def __del__(self) -> None:
        self._work()


def test_a_signal_during_a_finalizer_stops_what_runs() -> None:
    with pytest.raises(KeyboardInterrupt), sigint.redelivered():  # noqa: PT012
        Finalized(interrupt)
        time.sleep(60)


def test_any_other_failure_of_a_finalizer_is_shown_as_before(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def fail() -> None:
        raise ValueError

    shown: list[sys.UnraisableHookArgs] = []
    monkeypatch.setattr(sys, "unraisablehook", shown.append)
    with sigint.redelivered():
        Finalized(fail)
    assert [each.exc_type for each in shown] == [ValueError]


def test_a_signal_that_a_library_turns_into_another_error_is_still_an_interrupt() -> None:
    with pytest.raises(KeyboardInterrupt), sigint.observed():  # noqa: PT012
        try:
            interrupt()
        except KeyboardInterrupt as interrupted:
            raise SystemError from interrupted


def test_a_signal_that_a_library_swallows_ends_the_block() -> None:
    after = []
    with pytest.raises(KeyboardInterrupt):  # noqa: PT012
        with sigint.observed():
            try:
                interrupt()
            except KeyboardInterrupt:
                after.append("the block's end")
        after.append("more")
    assert after == ["the block's end"]


def test_a_signal_that_a_library_swallows_ends_a_stage_at_its_next_report() -> None:
    done = []
    with pytest.raises(KeyboardInterrupt), sigint.observed():  # noqa: PT012
        report = progress.of("classifiers 2", "drawings", getLogger())
        for number in range(3):
            report(number, 3)
            done.append(number)
            with suppress(KeyboardInterrupt):
                interrupt()
    assert done == [0]


def test_without_a_signal_errors_are_what_they_are() -> None:
    with pytest.raises(SystemError), sigint.observed():
        raise SystemError
    with sigint.observed():
        pass

"""A press of Ctrl-C is heeded wherever it falls."""

import os
import signal
import sys
import time
from collections.abc import Callable

import pytest

from qd_pipeline.orchestration import interruption


def press() -> None:
    os.kill(os.getpid(), signal.SIGINT)
    time.sleep(10)


class Finalized:
    """Something that does its work when Python drops it."""

    def __init__(self, work: Callable[[], None]) -> None:
        self._work = work

    def __del__(self) -> None:
        self._work()


def test_a_press_that_falls_into_a_finalizer_stops_what_runs() -> None:
    with pytest.raises(KeyboardInterrupt), interruption.handed_on():  # noqa: PT012
        Finalized(press)
        time.sleep(60)


def test_any_other_failure_of_a_finalizer_is_shown_as_ever(monkeypatch: pytest.MonkeyPatch) -> None:
    def fail() -> None:
        raise ValueError

    shown: list[sys.UnraisableHookArgs] = []
    monkeypatch.setattr(sys, "unraisablehook", shown.append)
    with interruption.handed_on():
        Finalized(fail)
    assert [each.exc_type for each in shown] == [ValueError]


def test_a_press_of_which_a_library_makes_another_error_is_still_a_press() -> None:
    with pytest.raises(KeyboardInterrupt), interruption.heeded():  # noqa: PT012
        try:
            press()
        except KeyboardInterrupt as pressed:
            raise SystemError from pressed


def test_a_press_that_a_library_keeps_to_itself_ends_the_block() -> None:
    after = []
    with pytest.raises(KeyboardInterrupt):  # noqa: PT012
        with interruption.heeded():
            try:
                press()
            except KeyboardInterrupt:
                after.append("the block's end")
        after.append("more")
    assert after == ["the block's end"]


def test_without_a_press_errors_are_what_they_are() -> None:
    with pytest.raises(SystemError), interruption.heeded():
        raise SystemError
    with interruption.heeded():
        pass

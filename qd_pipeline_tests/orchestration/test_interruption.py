"""A press of Ctrl-C is heeded wherever it falls."""

import os
import signal
import subprocess
import sys
import time

import pytest

from qd_pipeline.orchestration import interruption

BEGINNING = """
import os, signal, time
from qd_pipeline.orchestration import interruption

interruption.attend()
"""
PRESSED = """
class Finalized:
    def __del__(self):
        os.kill(os.getpid(), signal.SIGINT)
        time.sleep(1)

try:
    Finalized()
    time.sleep(60)
except KeyboardInterrupt:
    print("stopped")
"""
FAILING = """
class Finalized:
    def __del__(self):
        raise ValueError("of its own")

Finalized()
"""


def run(code: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-c", BEGINNING + code], capture_output=True, text=True, check=True
    )


def press() -> None:
    os.kill(os.getpid(), signal.SIGINT)
    time.sleep(10)


def test_a_press_that_falls_into_a_finalizer_stops_what_runs() -> None:
    ended = run(PRESSED)
    assert (ended.stdout, ended.stderr) == ("stopped\n", "")


def test_any_other_failure_of_a_finalizer_is_shown_as_ever() -> None:
    assert "ValueError: of its own" in run(FAILING).stderr


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

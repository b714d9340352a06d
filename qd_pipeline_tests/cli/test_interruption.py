"""Somebody presses Ctrl-C."""

import os
import signal
from pathlib import Path

from qd_pipeline.store import Store
from qd_pipeline_tests.commands import Command, qd

CHOSEN = ("run", "--class-counts", "2", "--drawings", "30")


def press_until_it_ends(command: Command) -> None:
    """Press Ctrl-C, and again where Dagster, which catches and hands it on, has lost it."""
    assert command.process.pid is not None
    for _ in range(5):
        os.kill(command.process.pid, signal.SIGINT)
        command.process.join(20)
        if command.process.exitcode is not None:
            return


def test_a_run_that_is_stopped_says_so_and_the_next_one_goes_on(tmp_path: Path) -> None:
    home = tmp_path / "home"
    output = tmp_path / "output.txt"
    with qd(output, *CHOSEN, "--epochs", "5000", "--home", str(home)) as stopped:
        stopped.wait_for("class set 2")
        press_until_it_ends(stopped)
        assert stopped.end() == 130
    assert "Stopped; what was complete stays, and a re-run goes on." in stopped.said
    assert "✗" not in stopped.printed
    assert "Traceback" not in stopped.printed
    store = Store(home / "store")
    assert store.find("classifiers", "2") is None
    before = store.read("bitmaps", "panda").folder
    with qd(output, *CHOSEN, "--epochs", "1", "--home", str(home)) as completed:
        assert completed.end() == 0, completed.printed
    assert store.read("bitmaps", "panda").folder == before
    store.read("evaluations", "2").verified()

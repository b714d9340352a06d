"""Somebody presses Ctrl-C."""

import os
import random
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

from qd_pipeline.storage import PartitionStore
from qd_pipeline_tests.commands import Command, qd
from qd_pipeline_tests.homes import prepare

CHOSEN = ("run", "--class-set", "2", "--drawings", "30")
STOPPED = "Stopped; what was complete stays, and a re-run goes on.\n"
TIMES = 20 if os.environ.get("QD_STRESS") else 1


def press(command: Command) -> None:
    """Press Ctrl-C once, and see the command end by it."""
    assert command.process.pid is not None
    os.kill(command.process.pid, signal.SIGINT)
    assert command.end(60) == 130, command.printed
    assert command.printed.endswith(STOPPED)
    assert "✗" not in command.printed


def test_one_press_at_any_moment_stops_a_run_and_the_next_one_goes_on(
    tmp_path: Path, record_property: Callable[[str, object], None]
) -> None:
    home = prepare(tmp_path / "home")
    chance = random.Random(7)  # noqa: S311 (moments are no secrets)
    for number in range(TIMES):
        output = tmp_path / f"output {number}.txt"
        with qd(output, *CHOSEN, "--epochs", "5000", "--home", str(home)) as stopped:
            stopped.wait_for("class set 2")
            time.sleep(chance.uniform(0, 2))
            press(stopped)
    store = PartitionStore((home / "store").as_uri())
    assert store.find("classifiers", "2") is None
    before = store.read("bitmaps", "panda").sequence
    output = tmp_path / "output.txt"
    small = ("--epochs", "1", "--network", "dense_baseline", "--units", "8")
    with qd(output, *CHOSEN, *small, "--home", str(home)) as completed:
        assert completed.end() == 0, completed.printed
    assert store.read("bitmaps", "panda").sequence == before
    store.open_all(store.read("evaluations", "2"))
    record_property("times", TIMES)


def test_a_press_before_a_command_has_begun_is_told_like_any_other() -> None:
    code = "from qd_pipeline import cli; cli.app = lambda: signal.raise_signal(2); cli.main()"
    ended = subprocess.run(
        [sys.executable, "-c", f"import signal; {code}"],
        capture_output=True,
        text=True,
        check=False,
    )
    assert (ended.returncode, ended.stdout, ended.stderr) == (130, "", STOPPED)

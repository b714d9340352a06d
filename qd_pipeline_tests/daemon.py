"""Dagster's own processes over a data directory: its daemon, its web server."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import psutil
import urllib3

ROOT = Path(__file__).parents[1]
WORKSPACE = ("-w", "workspace.yaml")
PATIENCE = 420


@contextmanager
def started(home: Path, *command: str, **settings: str) -> Iterator[subprocess.Popen[bytes]]:
    """Start a Dagster process over a data directory, in a process group of its own.

    Args:
        home: The data directory.
        command: One of Dagster's console scripts, and its arguments.
        settings: Variables of its environment, besides those of the tests.
    """
    environment = {
        **os.environ,
        "QD_HOME": str(home),
        "DAGSTER_HOME": str(home / "dagster"),
        **settings,
    }
    program = [sys.executable, str(Path(sys.executable).with_name(command[0])), *command[1:]]
    with (home.parent / f"{command[0]}.log").open("ab") as log:
        process = subprocess.Popen(
            program, cwd=ROOT, env=environment, stdout=log, stderr=log, start_new_session=True
        )
    try:
        yield process
    finally:
        kill(process)


def kill(process: subprocess.Popen[bytes]) -> None:
    """Kill a process and all that it has started, and wait until they are gone."""
    if process.poll() is None:
        started_by_it = psutil.Process(process.pid).children(recursive=True)
        os.killpg(process.pid, signal.SIGKILL)
        psutil.wait_procs(started_by_it, timeout=10)
    process.wait()


def ask(port: int, query: str, **variables: Any) -> dict[str, Any]:
    asked = {"query": query, "variables": variables}
    address = f"http://127.0.0.1:{port}/graphql"
    answer = urllib3.request("POST", address, json=asked, timeout=60, retries=False)
    found: dict[str, Any] = answer.json()["data"]
    return found


def wait_until(done: Callable[[], bool]) -> None:
    deadline = time.monotonic() + PATIENCE
    while not done():
        assert time.monotonic() < deadline
        time.sleep(0.5)


def answers(port: int) -> bool:
    try:
        ask(port, "{ version }")
    except (urllib3.exceptions.HTTPError, ValueError):
        return False
    return True

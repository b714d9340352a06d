"""Dagster's daemon killed in the middle of a backfill: after a restart it completes."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
import urllib3

from qd_pipeline.store import Store
from qd_pipeline_tests.tracking.server import free_port

ROOT = Path(__file__).parents[2]
STAGES = ("raw_drawings", "strokes", "bitmaps")
ANIMALS = ("cow", "panda", "frog")
PATIENCE = 420

LAUNCH = """
mutation($params: LaunchBackfillParams!) {
  launchPartitionBackfill(backfillParams: $params) {
    ... on LaunchBackfillSuccess { backfillId }
    ... on PythonError { message }
  }
}"""
STATUS = """
query($id: String!) {
  partitionBackfillOrError(backfillId: $id) { ... on PartitionBackfill { status } }
}"""


@contextmanager
def started(home: Path, *command: str) -> Iterator[subprocess.Popen[bytes]]:
    """Start a process of Dagster's over a home, with all that it starts in a group."""
    environment = {
        **os.environ,
        "QD_HOME": str(home),
        "DAGSTER_HOME": str(home / "dagster"),
        "QD_DRAWINGS": "20",
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
    """Kill a process and all that it has started."""
    if process.poll() is None:
        os.killpg(process.pid, signal.SIGKILL)
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
        time.sleep(0.2)


def answers(port: int) -> bool:
    try:
        ask(port, "{ version }")
    except (urllib3.exceptions.HTTPError, ValueError):
        return False
    return True


@pytest.mark.skipif("QD_STRESS" not in os.environ, reason="takes minutes: part of `make stress`")
def test_a_backfill_whose_daemon_is_killed_completes_after_a_restart(tmp_path: Path) -> None:
    home, port = tmp_path / "home", free_port()
    prepare = (
        "from pathlib import Path; from qd_pipeline.orchestration import instance;"
        f"instance.of(Path({str(home)!r}))"
    )
    subprocess.run([sys.executable, "-c", prepare], check=True, cwd=ROOT)
    web = ("dagster-webserver", "-w", "workspace.yaml", "-p", str(port), "-h", "127.0.0.1")
    store = Store(home / "store")
    with started(home, *web):
        wait_until(lambda: answers(port))
        with started(home, "dagster-daemon", "run", "-w", "workspace.yaml") as daemon:
            launched = ask(
                port,
                LAUNCH,
                params={
                    "assetSelection": [{"path": [stage]} for stage in STAGES],
                    "partitionNames": ANIMALS,
                },
            )["launchPartitionBackfill"]
            assert "backfillId" in launched, launched
            wait_until(lambda: any((home / "store").glob("*/*/manifest.json")))
            kill(daemon)
        # As `qd ui` does before it starts the daemon.
        recover = (
            "from qd_pipeline.settings import Settings; from qd_pipeline.definitions import *;"
            "from qd_pipeline.orchestration import instance, recovery;"
            "settings = Settings.from_environment();"
            "recovery.recover(workshop_of(settings), instance.of(settings.home))"
        )
        environment = {**os.environ, "QD_HOME": str(home)}
        subprocess.run([sys.executable, "-c", recover], check=True, cwd=ROOT, env=environment)
        with started(home, "dagster-daemon", "run", "-w", "workspace.yaml"):

            def status() -> str:
                found = ask(port, STATUS, id=launched["backfillId"])["partitionBackfillOrError"]
                return str(found["status"])

            wait_until(lambda: status().startswith("COMPLETED") or status().startswith("FAIL"))
            assert status() == "COMPLETED_SUCCESS"
    for stage in STAGES:
        for animal in ANIMALS:
            store.read(stage, animal).verified()

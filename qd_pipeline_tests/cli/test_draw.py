"""`qd draw` as a process: it listens on this machine only, and ends when told."""

import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from http.client import HTTPConnection
from pathlib import Path

import pytest

from qd_pipeline_tests.cli.in_process import qd

COMMAND = [sys.executable, "-c", "from qd_pipeline.cli import main; main()", "draw"]
SECONDS = 120


@pytest.fixture
def listening() -> Iterator[socket.socket]:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        yield taken


def environment(home: Path, port: int) -> dict[str, str]:
    return {**os.environ, "QD_HOME": str(home), "QD_DRAW_PORT": str(port)}


def test_a_port_that_is_taken_is_said_with_the_way_out(
    tmp_path: Path,
    listening: socket.socket,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    port = listening.getsockname()[1]
    for name, value in {"QD_HOME": str(tmp_path), "QD_DRAW_PORT": str(port)}.items():
        monkeypatch.setenv(name, value)
    refused = qd("draw")
    assert refused.code == 1
    assert f"port {port} cannot be used (Address already in use): stop what" in refused.said
    assert "set QD_DRAW_PORT to another port" in refused.said
    assert "Traceback" not in refused.said


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM], ids=["Ctrl-C", "SIGTERM"])
def test_it_serves_until_it_is_told_to_end(
    tmp_path: Path, listening: socket.socket, number: signal.Signals
) -> None:
    port = listening.getsockname()[1]
    listening.close()
    with subprocess.Popen(
        COMMAND,
        env=environment(tmp_path, port),
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    ) as process:
        assert status(port, time.monotonic() + SECONDS) == 200
        process.send_signal(number)
        said, complaints = process.communicate(timeout=SECONDS)
    assert f"http://127.0.0.1:{port}" in said
    assert "Stopped." in said
    assert complaints == ""
    assert process.returncode == 0


def status(port: int, until: float) -> int:
    """Ask for the page until somebody answers."""
    while True:
        try:
            connection = HTTPConnection("127.0.0.1", port, timeout=SECONDS)
            connection.request("GET", "/")
            return connection.getresponse().status
        except OSError:
            assert time.monotonic() < until
            time.sleep(0.1)
        finally:
            connection.close()

"""`qd ui` as people start and end it: real processes."""

import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import psutil
import pytest
import urllib3

PATIENCE = 180.0
QD = Path(sys.executable).with_name("qd")


@dataclass(frozen=True)
class Ui:
    """A `qd ui` that is up.

    Attributes:
        process: The command.
        dagster: Address of Dagster's pages.
        mlflow: Address of MLflow's pages.
        said: File of what it printed.
    """

    process: subprocess.Popen[bytes]
    dagster: str
    mlflow: str
    said: Path

    def family(self) -> list[psutil.Process]:
        """Give it and every process that it has started."""
        command = psutil.Process(self.process.pid)
        return [command, *command.children(recursive=True)]


def free_ports(count: int) -> list[int]:
    sockets = [socket.socket() for _ in range(count)]
    for each in sockets:
        each.bind(("127.0.0.1", 0))
    ports = [each.getsockname()[1] for each in sockets]
    for each in sockets:
        each.close()
    return ports


def command(*options: str) -> list[str]:
    return [sys.executable, str(QD), "ui", *options]


def environment(home: Path, dagster: int, mlflow: int) -> dict[str, str]:
    ours = {"QD_HOME": home, "QD_DAGSTER_PORT": dagster, "QD_MLFLOW_PORT": mlflow}
    return {**os.environ, **{name: str(value) for name, value in ours.items()}}


@contextmanager
def running(home: Path, *options: str, ignoring_sigint: bool = False) -> Iterator[Ui]:
    """Start `qd ui` on free ports, wait until it says that it is up, and see it end."""
    dagster, mlflow = free_ports(2)
    home.mkdir(parents=True, exist_ok=True)
    said = home / "said.txt"
    before = signal.getsignal(signal.SIGINT)
    if ignoring_sigint:
        signal.signal(signal.SIGINT, signal.SIG_IGN)
    try:
        with said.open("wb") as stream:
            process = subprocess.Popen(
                command(*options),
                env=environment(home, dagster, mlflow),
                stdin=subprocess.DEVNULL,
                stdout=stream,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )
    finally:
        signal.signal(signal.SIGINT, before)
    try:
        wait_for(lambda: "Ctrl-C" in said.read_text() or process.poll() is not None)
        assert process.poll() is None, said.read_text()
        yield Ui(process, f"http://127.0.0.1:{dagster}", f"http://127.0.0.1:{mlflow}", said)
    finally:
        if process.poll() is None:
            process.terminate()
            process.wait(PATIENCE)


def wait_for(condition: Callable[[], bool], patience: float = PATIENCE) -> None:
    deadline = time.monotonic() + patience
    while not condition():
        assert time.monotonic() < deadline, "it took too long"
        time.sleep(0.1)


def text_of(address: str) -> str:
    return urllib3.request("GET", address, timeout=30, retries=False).data.decode()


@pytest.mark.parametrize(
    ("number", "ignoring_sigint"),
    [(signal.SIGINT, False), (signal.SIGTERM, True)],
    ids=["Ctrl-C", "SIGTERM in the background"],
)
def test_both_pages_are_up_and_every_process_ends(
    tmp_path: Path, number: signal.Signals, *, ignoring_sigint: bool
) -> None:
    with running(tmp_path / "home", ignoring_sigint=ignoring_sigint) as ui:
        assert "dagster" in text_of(ui.dagster).lower()
        assert "mlflow" in text_of(ui.mlflow).lower()
        wait_for(lambda: any("dagster-daemon" in " ".join(p.cmdline()) for p in ui.family()[1:]))
        family = ui.family()
        ui.process.send_signal(number)
        assert ui.process.wait(PATIENCE) == 0
        assert psutil.wait_procs(family, timeout=5)[1] == []
        assert "Stopped." in ui.said.read_text()


def test_a_port_that_is_taken_is_said_with_the_way_out(tmp_path: Path) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        (mlflow,) = free_ports(1)
        tried = subprocess.run(
            command(),
            env=environment(tmp_path / "home", port, mlflow),
            capture_output=True,
            text=True,
            timeout=PATIENCE,
            check=False,
        )
    assert tried.returncode == 1
    said = " ".join(tried.stderr.split())
    assert f"port {port} is taken, and dagster-webserver needs it" in said
    assert "set QD_DAGSTER_PORT to another port" in said
    assert "Traceback" not in said

"""`qd ui` in processes of its own, on free ports."""

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
import urllib3

PATIENCE = 180.0
QD = Path(sys.executable).with_name("qd")


@dataclass(frozen=True)
class Ui:
    """A `qd ui` that is up.

    Attributes:
        process: The command.
        dagster: Address of Dagster's UI.
        mlflow: Address of MLflow's UI.
        said: File of what it printed.
    """

    process: subprocess.Popen[bytes]
    dagster: str
    mlflow: str
    said: Path

    def family(self) -> list[psutil.Process]:
        """Return it and every process that it has started."""
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


def environment(home: Path, dagster: int, mlflow: int) -> dict[str, str]:
    ours = {"QD_HOME": home, "QD_DAGSTER_PORT": dagster, "QD_MLFLOW_PORT": mlflow}
    return {**os.environ, **{name: str(value) for name, value in ours.items()}}


@contextmanager
def running(
    home: Path,
    *options: str,
    ignoring_sigint: bool = False,
    program: Path = QD,
    folder: Path | None = None,
    **settings: str,
) -> Iterator[Ui]:
    """Start `qd ui` on free ports, wait until it says that it is up, and end it after the block.

    Args:
        home: Data directory.
        options: Of the command.
        ignoring_sigint: Start it as a shell starts what runs in the background.
        program: The console script.
        folder: Working directory.
        settings: Variables of its environment, besides those of the tests.
    """
    dagster, mlflow = free_ports(2)
    home.mkdir(parents=True, exist_ok=True)
    said = home / "said.txt"
    before = signal.getsignal(signal.SIGINT)
    if ignoring_sigint:
        signal.signal(signal.SIGINT, signal.SIG_IGN)
    try:
        with said.open("wb") as stream:
            process = subprocess.Popen(
                [sys.executable, str(program), "ui", *options],
                cwd=folder,
                env={**environment(home, dagster, mlflow), **settings},
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


def wait_for(condition: Callable[[], bool], patience: float = PATIENCE, pause: float = 0.1) -> None:
    deadline = time.monotonic() + patience
    while not condition():
        assert time.monotonic() < deadline, "it took too long"
        time.sleep(pause)


def text_of(address: str) -> str:
    return urllib3.request("GET", address, timeout=30, retries=False).data.decode()

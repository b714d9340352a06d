"""`qd ui` in processes of its own, on free ports, and what its pages ask Dagster."""

import json
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

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

    def code_servers(self) -> list[psutil.Process]:
        """Return the processes that have loaded the definitions for Dagster's pages and daemon."""
        found = []
        for process in self.family():
            with suppress(psutil.NoSuchProcess):  # one that ends meanwhile
                if {"api", "grpc"} <= {*process.cmdline()}:
                    found.append(process)
        return found


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


def ensure_up(ui: Ui, *, lets_others_in: bool) -> None:
    """Assert that both pages are up for whom they are meant, and the daemon with them."""
    assert "dagster" in text_of(ui.dagster).lower()
    assert "mlflow" in text_of(ui.mlflow).lower()
    assert answers_other_machines(ui.dagster) is lets_others_in
    assert answers_other_machines(ui.mlflow) is lets_others_in
    said = " ".join(ui.said.read_text().split())
    # Links are for browsers, which cannot open the address of all interfaces.
    assert f"Dagster {ui.dagster}/" in said
    assert f"MLflow {ui.mlflow}/" in said
    assert ("password" in said) is lets_others_in
    assert ("the web servers ask for no password" in said) is lets_others_in
    wait_for(lambda: any("dagster-daemon" in " ".join(p.cmdline()) for p in ui.family()[1:]))


def ensure_ends(ui: Ui, number: signal.Signals) -> None:
    """Assert that a signal ends the command and every process that it has started."""
    family = ui.family()
    ui.process.send_signal(number)
    assert ui.process.wait(PATIENCE) == 0
    assert psutil.wait_procs(family, timeout=5)[1] == []
    assert "Stopped." in ui.said.read_text()


def answers_other_machines(address: str) -> bool:
    """Return whether a server listens on all addresses of this machine."""
    with socket.socket() as visitor:
        return visitor.connect_ex(("127.0.0.2", int(address.rpartition(":")[2]))) == 0


STALENESS = """query ($asset: AssetKeyInput!, $keys: [String!]!) {
  assetNodeOrError(assetKey: $asset) { ... on AssetNode {
    staleStatusByPartition(partitions: $keys) } } }"""

LAUNCH = """mutation ($params: ExecutionParams!) {
  launchRun(executionParams: $params) { ... on LaunchRunSuccess { run { runId } } } }"""


def ask(ui: Ui, query: str, **variables: Any) -> dict[str, Any]:
    """Ask Dagster as its pages do."""
    body = {"query": query, "variables": variables}
    # Until definitions are loaded again takes seconds.
    answer = urllib3.request("POST", f"{ui.dagster}/graphql", json=body, timeout=60)
    reply = json.loads(answer.data)
    assert "errors" not in reply, reply
    return dict(reply["data"])


def staleness(ui: Ui, asset: str, *keys: str) -> list[str]:
    """Ask for what the graph shows of partitions."""
    found = ask(ui, STALENESS, asset={"path": [asset]}, keys=keys)
    return list(found["assetNodeOrError"]["staleStatusByPartition"])


def launch(ui: Ui, job: str, ops: dict[str, Any], partition: str | None = None) -> str:
    """Launch a run, and give its id."""
    tags = {"dagster/partition": partition} if partition else {}
    selector = {
        "repositoryLocationName": "qd_pipeline",
        "repositoryName": "__repository__",
        "pipelineName": job,
    }
    params = {
        "selector": selector,
        "runConfigData": {"ops": ops},
        "executionMetadata": {"tags": [{"key": key, "value": tags[key]} for key in tags]},
    }
    return str(ask(ui, LAUNCH, params=params)["launchRun"]["run"]["runId"])

"""`qd ui` as people start and end it: real processes."""

import signal
import socket
from pathlib import Path
from typing import Any

import psutil
import pytest

from qd_pipeline_tests.cli.pages import (
    PATIENCE,
    environment,
    free_ports,
    running,
    text_of,
    wait_for,
)
from qd_pipeline_tests.commands import qd


@pytest.mark.parametrize(
    ("number", "in_background", "lets_others_in"),
    [(signal.SIGINT, False, False), (signal.SIGTERM, True, True)],
    ids=["Ctrl-C", "SIGTERM in the background, with other machines let in"],
)
def test_both_pages_are_up_for_whom_they_are_meant_and_every_process_ends(
    tmp_path: Path, number: signal.Signals, *, in_background: bool, lets_others_in: bool
) -> None:
    told: dict[str, Any] = {"QD_UI_HOST": "0.0.0.0"} if lets_others_in else {}  # noqa: S104 (what it means)
    with running(tmp_path / "home", ignoring_sigint=in_background, **told) as ui:
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
        family = ui.family()
        ui.process.send_signal(number)
        assert ui.process.wait(PATIENCE) == 0
        assert psutil.wait_procs(family, timeout=5)[1] == []
        assert "Stopped." in ui.said.read_text()


def answers_other_machines(address: str) -> bool:
    """Return whether a server listens on all addresses of this machine."""
    with socket.socket() as visitor:
        return visitor.connect_ex(("127.0.0.2", int(address.rpartition(":")[2]))) == 0


def test_two_servers_on_one_port_are_refused_before_anything_is_started(tmp_path: Path) -> None:
    (port,) = free_ports(1)
    settings = environment(tmp_path / "home", port, port)
    with qd(tmp_path / "output.txt", "ui", environment=settings) as tried:
        assert tried.end(PATIENCE) == 1
    sentence = f"QD_DAGSTER_PORT and QD_MLFLOW_PORT are both {port}: set one of them to another"
    assert sentence in tried.said
    assert not (tmp_path / "home" / "dagster").exists()


def test_a_port_that_is_taken_is_said_with_the_way_out(tmp_path: Path) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        (mlflow,) = free_ports(1)
        settings = environment(tmp_path / "home", port, mlflow)
        with qd(tmp_path / "output.txt", "ui", environment=settings) as tried:
            assert tried.end(PATIENCE) == 1
    assert f"port {port} is taken, and dagster-webserver needs it" in tried.said
    assert "set QD_DAGSTER_PORT to another port" in tried.said
    assert "Traceback" not in tried.said

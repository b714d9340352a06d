"""`qd ui` as people start and end it: real processes."""

import signal
import socket
import subprocess
from pathlib import Path

import psutil
import pytest

from qd_pipeline_tests.cli.pages import (
    PATIENCE,
    command,
    environment,
    free_ports,
    running,
    text_of,
    wait_for,
)


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
        assert not answers_other_machines(ui.dagster)
        assert not answers_other_machines(ui.mlflow)
        assert "password" not in ui.said.read_text()
        wait_for(lambda: any("dagster-daemon" in " ".join(p.cmdline()) for p in ui.family()[1:]))
        family = ui.family()
        ui.process.send_signal(number)
        assert ui.process.wait(PATIENCE) == 0
        assert psutil.wait_procs(family, timeout=5)[1] == []
        assert "Stopped." in ui.said.read_text()


def answers_other_machines(address: str) -> bool:
    """Tell whether an address of this machine is heard that only those hear who listen on all."""
    with socket.socket() as visitor:
        return visitor.connect_ex(("127.0.0.2", int(address.rpartition(":")[2]))) == 0


def test_other_machines_are_let_in_only_when_told_to_and_then_it_says_what_that_means(
    tmp_path: Path,
) -> None:
    with running(tmp_path / "home", QD_UI_HOST="0.0.0.0") as ui:  # noqa: S104 (what it means)
        assert answers_other_machines(ui.dagster)
        assert answers_other_machines(ui.mlflow)
        assert "the pages ask for no password" in " ".join(ui.said.read_text().split())


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

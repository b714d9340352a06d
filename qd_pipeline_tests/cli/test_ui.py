"""Ports that `qd ui` cannot have."""

import socket
from pathlib import Path

import pytest

from qd_pipeline_tests.cli.in_process import qd
from qd_pipeline_tests.cli.pages import free_ports
from qd_pipeline_tests.homes import prepare


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("QD_HOME", str(tmp_path / "home"))
    return tmp_path / "home"


def test_two_servers_on_one_port_are_refused_before_anything_is_started(
    home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (port,) = free_ports(1)
    for name in ("QD_DAGSTER_PORT", "QD_MLFLOW_PORT"):
        monkeypatch.setenv(name, str(port))
    tried = qd("ui")
    assert tried.code == 1
    sentence = f"QD_DAGSTER_PORT and QD_MLFLOW_PORT are both {port}: set one of them to another"
    assert sentence in tried.said
    assert not (home / "dagster").exists()


def test_a_port_that_is_taken_is_said_with_the_way_out(
    home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    prepare(home)
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        (mlflow,) = free_ports(1)
        monkeypatch.setenv("QD_DAGSTER_PORT", str(port))
        monkeypatch.setenv("QD_MLFLOW_PORT", str(mlflow))
        tried = qd("ui")
    assert tried.code == 1
    assert f"port {port} is taken, and dagster-webserver needs it" in tried.said
    assert "set QD_DAGSTER_PORT to another port" in tried.said
    assert "Traceback" not in tried.said

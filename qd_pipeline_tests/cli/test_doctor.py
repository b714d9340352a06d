"""`qd doctor` on one machine: a line for each thing, and a sentence for what cannot be used."""

from pathlib import Path

import pytest

from qd_pipeline_tests.cli.in_process import qd
from qd_pipeline_tests.homes import prepare


def test_doctor_tells_of_each_thing_and_fails_if_one_cannot_be_used(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("QD_HOME", str(prepare(tmp_path / "home")))
    usable = qd("doctor")
    assert usable.code == 0, usable.printed
    assert usable.printed.count("✓") == 4
    assert "engine: local: runs are made on this machine." in usable.said
    monkeypatch.setenv("QD_ENGINE", "ray")
    lacking = qd("doctor")
    assert lacking.code == 1
    assert "QD_ENGINE ray needs a database that all machines reach: set QD_DAG" in lacking.said

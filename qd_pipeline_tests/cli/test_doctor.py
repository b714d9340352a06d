"""`qd doctor` on one machine: a line for each thing, and a sentence for what cannot be used."""

from pathlib import Path

from qd_pipeline_tests.commands import qd


def test_doctor_tells_of_each_thing_and_fails_if_one_cannot_be_used(tmp_path: Path) -> None:
    home = {"QD_HOME": str(tmp_path / "home")}
    with qd(tmp_path / "log", "doctor", environment=home) as command:
        assert command.end() == 0, command.printed
    assert command.printed.count("✓") == 4
    assert "engine: local: runs are made on this machine." in command.said
    lacking = {**home, "QD_ENGINE": "ray"}
    with qd(tmp_path / "log", "doctor", environment=lacking) as command:
        assert command.end() == 1
    assert "QD_ENGINE ray needs a database that all machines reach: set QD_DAG" in command.said

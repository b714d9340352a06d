"""What commands say of themselves, in the field's terms."""

import re

import pytest
from typer.testing import CliRunner

from qd_pipeline.cli import app

COMMANDS = [command.name for command in app.registered_commands]
PRIVATE_WORDS = ("recipe", "made", "fresh", "home", "nobody", "somebody", "whoever", "side")


@pytest.mark.parametrize("command", [None, *COMMANDS])
def test_help_is_in_the_terms_of_the_field(command: str | None) -> None:
    said = CliRunner().invoke(app, [*([command] if command else []), "--help"])
    assert said.exit_code == 0
    # The option's name is QD_HOME's.
    words = re.sub(r"--home|QD_HOME", "", said.output)
    assert not re.search(rf"\b({'|'.join(PRIVATE_WORDS)})\b", words, re.IGNORECASE)


def test_help_names_every_command() -> None:
    said = CliRunner().invoke(app, ["--help"]).output
    assert all(f" {command} " in said for command in COMMANDS)

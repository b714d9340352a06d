"""`qd` in the tests' own process: where it is not the process that is tested."""

import sys
from dataclasses import dataclass
from pathlib import Path
from unittest.mock import patch

import pytest

from qd_pipeline.cli import main


@dataclass(frozen=True)
class Ended:
    """A command that has ended.

    Attributes:
        code: Its exit code.
        printed: All that it printed.
    """

    code: int
    printed: str

    @property
    def said(self) -> str:
        """What it has printed, without the breaks of lines."""
        return " ".join(self.printed.split())


def qd(capfd: pytest.CaptureFixture[str], *arguments: str | Path) -> Ended:
    """Run a command to its end."""
    capfd.readouterr()
    code = 0
    with patch.object(sys, "argv", ["qd", *map(str, arguments)]):
        try:
            main()
        except SystemExit as ended:
            code = int(ended.code or 0)
    printed = capfd.readouterr()
    return Ended(code, printed.out + printed.err)

"""`qd` in the tests' own process: where it is not the process that is tested."""

import io
import signal
import sys
from contextlib import redirect_stderr, redirect_stdout
from dataclasses import dataclass
from pathlib import Path
from unittest.mock import patch

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


def qd(*arguments: str | Path) -> Ended:
    """Run a command to its end."""
    output, code = io.StringIO(), 0
    # Commands with servers ignore both at their end, which is that of their process.
    handlers = {each: signal.getsignal(each) for each in (signal.SIGINT, signal.SIGTERM)}
    with (
        patch.object(sys, "argv", ["qd", *map(str, arguments)]),
        # When Dagster configures logging, absl's handler closes its stream if it is none of `sys`.
        patch.object(sys, "__stderr__", sys.stderr),
        redirect_stdout(output),
        redirect_stderr(output),
    ):
        try:
            main()
        except SystemExit as ended:
            code = int(ended.code or 0)
        finally:
            for number, handler in handlers.items():
                signal.signal(number, handler)
    return Ended(code, output.getvalue())

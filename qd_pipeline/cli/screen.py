"""Progress bars on a terminal."""

import logging
from typing import Final, Self

from rich.console import Group
from rich.live import Live
from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn
from rich.text import Text

from qd_pipeline.cli.terminal import Terminal
from qd_pipeline.orchestration import progress

_MOST_LINES: Final = 50


class Screen:
    """Two bars while a command runs: the partitions, and the stage at work with a note on it.

    Where the output is no terminal, a line for each partition key takes their place, of many one
    in a while. Warnings of this package are printed above.
    """

    def __init__(self, console: Terminal) -> None:
        self._console = console
        self._progress = Progress(
            TextColumn("{task.description:<21}"),
            BarColumn(bar_width=None),
            TextColumn("{task.fields[count]}"),
            TimeElapsedColumn(),
            console=console,
        )
        self._partitions = self._progress.add_task("", count="", visible=False)
        self._stage = self._progress.add_task("", count="", visible=False)
        self._note = Text("Looking for what is stale …", no_wrap=True, overflow="ellipsis")
        self._live = Live(
            Group(self._progress, self._note), console=console, transient=True, refresh_per_second=8
        )
        self._warnings = _Warnings(console)
        self._next_line = 0

    def __enter__(self) -> Self:
        self._token = progress.screen.set(self)
        logging.getLogger("qd_pipeline").addHandler(self._warnings)
        if self._console.is_terminal:
            self._live.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._live.stop()
        logging.getLogger("qd_pipeline").removeHandler(self._warnings)
        progress.screen.reset(self._token)

    def partition(self, name: str, done: int, total: int) -> None:
        """Show which partition is being materialized."""
        self._progress.update(
            self._partitions,
            description=name,
            completed=done,
            total=total,
            count=f"{done:,} of {total:,} partitions",
            visible=True,
        )
        self._progress.update(self._stage, visible=False)
        self._note.plain = ""
        if not self._console.is_terminal and done >= self._next_line:
            self._console.print(f"{done + 1} of {total}: {name}")
            # The categories go by threes, one for each of their stages.
            self._next_line = done + max(1, total // _MOST_LINES)

    def stage(self, name: str, unit: str) -> progress.OnProgress:
        """Return a function that moves the bar of a stage that begins."""
        self._progress.reset(self._stage, description=name, count="", visible=True, total=0)
        self._note.plain = ""

        def show(done: int, total: int) -> None:
            # Of the stages that run side by side, the bar is that of the last one to begin.
            if self._progress.tasks[self._stage].description == name:
                total = max(total, done)
                count = f"{done:,.0f} of {total:,.0f} {unit}"
                self._progress.update(self._stage, completed=done, total=total, count=count)

        return show

    def note(self, text: str) -> None:
        """Show how the stage is doing."""
        self._note.plain = text


class _Warnings(logging.Handler):
    """Prints what the package logs as a warning."""

    def __init__(self, console: Terminal) -> None:
        super().__init__(logging.WARNING)
        self._console = console
        self._printed: set[str] = set()

    def emit(self, record: logging.LogRecord) -> None:
        """Print one, unless it was printed before."""
        message = record.getMessage()
        if message not in self._printed:
            self._printed.add(message)
            self._console.warn(message)

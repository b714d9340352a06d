"""Progress bars and tables on a terminal."""

from typing import Self

from rich.console import Console
from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn

from qd_pipeline.orchestration import progress


class Screen:
    """Two bars while a command runs: the partitions, and the stage at work.

    Where the output is no terminal, a line a partition takes their place.
    """

    def __init__(self, console: Console) -> None:
        self._console = console
        self._progress = Progress(
            TextColumn("{task.description:<28}"),
            BarColumn(),
            TextColumn("{task.completed:,.0f} of {task.total:,.0f} {task.fields[unit]}"),
            TimeElapsedColumn(),
            console=console,
            transient=True,
            disable=not console.is_terminal,
        )
        self._partitions = self._progress.add_task("", total=0, unit="partitions")
        self._stage = self._progress.add_task("", total=0, unit="", visible=False)

    def __enter__(self) -> Self:
        self._token = progress.screen.set(self.stage)
        self._progress.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._progress.stop()
        progress.screen.reset(self._token)

    def partition(self, name: str, done: int, total: int) -> None:
        """Show which partition is being materialized."""
        self._progress.update(self._partitions, description=name, completed=done, total=total)
        self._progress.update(self._stage, visible=False)
        if not self._console.is_terminal:
            self._console.print(f"{done + 1} of {total}: {name}")

    def stage(self, name: str, unit: str) -> progress.OnProgress:
        """Return a function that moves the bar of a stage that begins."""
        self._progress.reset(self._stage, description=name, unit=unit, visible=True, total=0)

        def show(done: int, total: int) -> None:
            self._progress.update(self._stage, completed=done, total=max(total, done))

        return show

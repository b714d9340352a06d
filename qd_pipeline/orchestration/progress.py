"""Progress of a long stage: a bar on a terminal, lines in Dagster's log elsewhere."""

import time
from collections.abc import Callable
from contextvars import ContextVar
from logging import Logger
from typing import Final, Protocol

OnProgress = Callable[[int, int], None]


class Shown(Protocol):
    """What shows progress in place of the log."""

    def stage(self, partition: str, unit: str, /) -> OnProgress:
        """Return a function that moves the bar of a stage (`bitmaps cow`, `drawings`)."""

    def note(self, text: str, /) -> None:
        """Show a line beside the bar, in place of the one before."""


class Stop(Protocol):
    """Says whether a stage shall stop; `threading.Event` is one."""

    def is_set(self) -> bool:
        """Return whether it shall."""


screen: ContextVar[Shown | None] = ContextVar("screen", default=None)
"""Set by a command that runs stages in this process and shows bars."""

started: ContextVar[Callable[[str], None] | None] = ContextVar("started", default=None)
"""Set by a command that counts partitions: called with the key of each that begins."""

stopping: ContextVar[Stop | None] = ContextVar("stopping", default=None)
"""Set where a stage may be asked to stop: reporting progress then raises KeyboardInterrupt."""

_SECONDS_BETWEEN_LINES: Final = 5.0


def of(partition: str, unit: str, log: Logger) -> OnProgress:
    """Return a function that is called with the amount done and the total, however often.

    Args:
        partition: What is being made (`bitmaps cow`).
        unit: What is counted (`drawings`).
        log: Where lines go when no screen shows bars.
    """
    shown = screen.get()
    tell = shown.stage(partition, unit) if shown is not None else _lines(unit, log)
    stop = stopping.get()
    if stop is None:
        return tell

    def tell_or_stop(done: int, total: int) -> None:
        if stop.is_set():
            raise KeyboardInterrupt
        tell(done, total)

    return tell_or_stop


def _lines(unit: str, log: Logger) -> OnProgress:
    next_line = time.monotonic() + _SECONDS_BETWEEN_LINES

    def tell(done: int, total: int) -> None:
        nonlocal next_line
        if time.monotonic() >= next_line:
            next_line = time.monotonic() + _SECONDS_BETWEEN_LINES
            share = f" ({done / total:.0%})" if total else ""
            log.info("%s of %s %s%s", f"{done:,}", f"{total:,}", unit, share)

    return tell


def note(text: str, log: Logger) -> None:
    """Show how a stage is doing, in words (`epoch 3 of 30, loss 0.412`)."""
    shown = screen.get()
    if shown is None:
        log.info("%s", text)
    else:
        shown.note(text)

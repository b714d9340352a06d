"""How far a long stage has come: a bar on a terminal, lines in Dagster's log elsewhere."""

import time
from collections.abc import Callable
from contextvars import ContextVar
from typing import Final

import dagster as dg

from qd_pipeline.orchestration.partitions import key_of

OnProgress = Callable[[int, int], None]

screen: ContextVar[Callable[[str, str], OnProgress] | None] = ContextVar("screen", default=None)
"""Set by whoever runs stages in this process and shows bars.

Called with the partition (`bitmaps cow`) and what is counted (`drawings`).
"""

_SECONDS_BETWEEN_LINES: Final = 5.0


def of(context: dg.AssetExecutionContext, unit: str) -> OnProgress:
    """Give a function to call with what is done and the total, as often as one likes."""
    show = screen.get()
    if show is not None:
        return show(f"{context.asset_key.path[-1]} {key_of(context)}", unit)
    next_line = time.monotonic() + _SECONDS_BETWEEN_LINES

    def log(done: int, total: int) -> None:
        nonlocal next_line
        if time.monotonic() >= next_line:
            next_line = time.monotonic() + _SECONDS_BETWEEN_LINES
            share = f" ({done / total:.0%})" if total else ""
            context.log.info("%s of %s %s%s", f"{done:,}", f"{total:,}", unit, share)

    return log

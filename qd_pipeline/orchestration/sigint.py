"""Ctrl-C, wherever it falls.

A press becomes an exception in whatever runs at that moment, and not all of it hands the
exception on: Python drops it in a finalizer, compiled libraries make another error of it, and
Dagster takes it for the failure of a step. Of 50 presses at random moments of a training seven
were dropped, and in 80 others four were told as failures. "Terminate" in Dagster's pages is such a
press too.
"""

import os
import signal
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final

_STOPS: Final = frozenset({signal.SIGINT, signal.SIGTERM})
_SECONDS: Final = 0.05
"""Longer than a finalizer takes, shorter than anybody notices."""


@contextmanager
def redelivered() -> Iterator[None]:
    """See to it in the block that no press is dropped: it falls again, outside the finalizer."""
    before = sys.unraisablehook

    def press_again(dropped: "sys.UnraisableHookArgs") -> None:
        if issubclass(dropped.exc_type, Exception) or not _is_press(dropped.exc_type):
            before(dropped)
            return
        again = threading.Timer(_SECONDS, os.kill, (os.getpid(), signal.SIGINT))
        again.daemon = True
        again.start()

    sys.unraisablehook = press_again
    try:
        yield
    finally:
        sys.unraisablehook = before


@contextmanager
def observed() -> Iterator[None]:
    """Have a press in the block end it, whatever else has become of the press.

    Raises:
        KeyboardInterrupt: Somebody pressed Ctrl-C, or the process was told to end.
    """
    presses, told = os.pipe()
    os.set_blocking(told, False)
    before = signal.set_wakeup_fd(told, warn_on_full_buffer=False)
    try:
        yield
    finally:
        signal.set_wakeup_fd(before)
        os.write(told, b"\0")  # so that there is something to read
        pressed = not _STOPS.isdisjoint(os.read(presses, 4096))
        os.close(told)
        os.close(presses)
        if pressed:
            raise KeyboardInterrupt


def _is_press(kind: type[BaseException]) -> bool:
    # Many commands do without Dagster, which takes most of a second to import.
    import dagster as dg  # noqa: PLC0415

    return issubclass(kind, KeyboardInterrupt | dg.DagsterExecutionInterruptedError)

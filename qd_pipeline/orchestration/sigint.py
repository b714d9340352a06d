"""SIGINT (Ctrl-C), wherever it arrives.

A signal becomes an exception in whatever runs at that moment, and not all of it passes the
exception on: Python drops it in a finalizer, compiled libraries make another error of it, and
Dagster takes it for the failure of a step. Of 50 signals at random moments of a training seven were
dropped, and of 80 others four were reported as failures. "Terminate" in Dagster's UI sends such a
signal too.
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
"""Longer than a finalizer takes, shorter than a person notices."""


@contextmanager
def redelivered() -> Iterator[None]:
    """Send a SIGINT again that a finalizer in the block has dropped."""
    before = sys.unraisablehook

    def send_again(dropped: "sys.UnraisableHookArgs") -> None:
        if issubclass(dropped.exc_type, Exception) or not _is_interrupt(dropped.exc_type):
            before(dropped)
            return
        again = threading.Timer(_SECONDS, os.kill, (os.getpid(), signal.SIGINT))
        again.daemon = True
        again.start()

    sys.unraisablehook = send_again
    try:
        yield
    finally:
        sys.unraisablehook = before


@contextmanager
def observed() -> Iterator[None]:
    """Raise KeyboardInterrupt after the block if a signal to stop arrived in it.

    Raises:
        KeyboardInterrupt: SIGINT or SIGTERM arrived, whatever became of its exception.
    """
    received, sent = os.pipe()
    os.set_blocking(sent, False)
    before = signal.set_wakeup_fd(sent, warn_on_full_buffer=False)
    try:
        yield
    finally:
        signal.set_wakeup_fd(before)
        os.write(sent, b"\0")  # so that there is something to read
        stopped = not _STOPS.isdisjoint(os.read(received, 4096))
        os.close(sent)
        os.close(received)
        if stopped:
            raise KeyboardInterrupt


def _is_interrupt(kind: type[BaseException]) -> bool:
    # Many commands do without Dagster, which takes most of a second to import.
    import dagster as dg  # noqa: PLC0415

    return issubclass(kind, KeyboardInterrupt | dg.DagsterExecutionInterruptedError)

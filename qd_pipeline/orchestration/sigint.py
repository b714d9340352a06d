"""SIGINT (Ctrl-C), wherever it arrives.

A signal becomes an exception in whatever runs at that moment, and not all of it passes the
exception on: Python drops it in a finalizer, compiled libraries make another error of it, and
Dagster takes it for the failure of a step. Of 50 signals at random moments of a training seven were
dropped, and of 80 others four were reported as failures. "Terminate" in Dagster's UI sends such a
signal too.
"""

import os
import signal
import socket
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from typing import Final

from qd_pipeline.orchestration import progress

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


@dataclass
class _Signals:
    """The signals that a socket holds the numbers of."""

    received: socket.socket

    def is_set(self) -> bool:
        """Return whether one to stop is among them; they stay there."""
        with suppress(BlockingIOError):
            return not _STOPS.isdisjoint(self.received.recv(4096, socket.MSG_PEEK))
        return False


@contextmanager
def observed() -> Iterator[None]:
    """Raise KeyboardInterrupt after the block if a signal to stop arrived in it.

    A stage that goes on, as some library has dropped the exception, is left where it next reports
    its progress.

    Raises:
        KeyboardInterrupt: SIGINT or SIGTERM arrived, whatever became of its exception.
    """
    received, sent = socket.socketpair()
    with received, sent:
        received.settimeout(0)
        sent.settimeout(0)
        before = signal.set_wakeup_fd(sent.fileno(), warn_on_full_buffer=False)
        signals = _Signals(received)
        reporting = progress.stopping.set(signals)
        try:
            yield
        finally:
            progress.stopping.reset(reporting)
            signal.set_wakeup_fd(before)
            if signals.is_set():
                raise KeyboardInterrupt


def _is_interrupt(kind: type[BaseException]) -> bool:
    # Many commands do without Dagster, which takes most of a second to import.
    import dagster as dg  # noqa: PLC0415

    return issubclass(kind, KeyboardInterrupt | dg.DagsterExecutionInterruptedError)

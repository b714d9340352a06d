"""Renewal of leases in the background."""

import logging
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import timedelta
from typing import Final

RENEWED_EVERY: Final = timedelta(seconds=30)
"""How often the holder of a lease renews it."""

_LOG = logging.getLogger(__name__)
_SECONDS_FOR_A_CALL: Final = 1.0


@contextmanager
def renewing(renew: Callable[[], object], every: timedelta = RENEWED_EVERY) -> Iterator[None]:
    """Call a function regularly in the background while the block runs.

    A call that fails is tried again at the next time. Each lease has a thread of its own: a server
    that hangs holds up no other, and a forked process does not renew what its parent holds.

    Args:
        renew: The function.
        every: Time between two calls.
    """
    ended, calling = threading.Event(), threading.Lock()

    def call_regularly() -> None:
        while not ended.wait(every.total_seconds()):
            with calling:
                if ended.is_set():
                    return
                try:
                    renew()
                except Exception as error:  # noqa: BLE001 (whatever it raises, the next may do)
                    _LOG.debug("A lease could not be renewed: %s", error)

    try:
        threading.Thread(target=call_regularly, name="lease", daemon=True).start()
        yield
    finally:
        ended.set()
        # A call that is running could renew a lease after its release. One that hangs is not
        # waited for.
        if calling.acquire(timeout=_SECONDS_FOR_A_CALL):
            calling.release()

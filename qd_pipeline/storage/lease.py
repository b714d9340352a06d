"""Leases: objects that are renewed while a process works, and so show what is in use.

Nothing is looked up about the holder, which may be a process of another machine: a lease that has
not been renewed for a while belongs to a process that was killed.
"""

import json
import logging
import os
import secrets
import socket
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from datetime import timedelta
from typing import Final

from qd_pipeline.errors import QdError
from qd_pipeline.renewal import RENEWED_EVERY, renewing
from qd_pipeline.storage.objects import Objects

EXPIRY: Final = timedelta(hours=2)
"""A lease that has not been renewed for so long has expired: its holder was killed.

Much longer than between two renewals, for clocks that are set, and for machines that sleep.
"""

_LOG = logging.getLogger(__name__)


@contextmanager
def lease(
    objects: Objects, about: Mapping[str, str], *, name: str = "", every: timedelta = RENEWED_EVERY
) -> Iterator[str]:
    """Hold a lease in a store while the block runs.

    Args:
        objects: The store.
        about: What it is for; kept in it for people who look.
        name: Its name, by default a random one.
        every: How often to renew it.

    Yields:
        Its name.

    Raises:
        HomeFailed: The store cannot be written.
        StoreFailed: The store cannot be written.
    """
    name = name or secrets.token_hex(8)
    path = f"leases/{name}"
    holder = {"pid": str(os.getpid()), "host": socket.gethostname()}
    content = json.dumps({**about, **holder}).encode()
    try:
        objects.put(path, content)
        with renewing(lambda: objects.put(path, content), every):
            yield name
    finally:
        try:
            objects.delete([path])
        except QdError as error:  # it expires
            _LOG.debug("A lease could not be released: %s", error)


def renewed_at(objects: Objects) -> dict[str, float]:
    """Return when each lease of a store was renewed, by the store's clock (seconds since 1970)."""
    return {found.path.rpartition("/")[2]: found.modified for found in objects.list("leases")}


def live(objects: Objects, within: timedelta = EXPIRY) -> tuple[float, frozenset[str]]:
    """Return the store's own time (seconds since 1970), and the leases renewed since a while ago.

    The store stamps both times, so that the clocks of other machines do not matter.
    """
    with lease(objects, {"for": "the time"}) as own:
        times = renewed_at(objects)
    now = times.pop(own)
    return now, frozenset(name for name, at in times.items() if now - at < within.total_seconds())

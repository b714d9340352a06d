"""Probe of a store: whether it does all that partitions need of it, seen from this machine."""

import secrets
import time

from qd_pipeline.errors import StoreFailed
from qd_pipeline.storage.objects import Objects

_CONTENT = b"0123456789"


def probe(objects: Objects) -> float:
    """Create, read, list and delete an object of a store that honours conditions.

    Returns:
        How far the store's clock is ahead of this machine's, in seconds.

    Raises:
        StoreFailed: It does not answer, refuses, or does something else.
        HomeFailed: The folder cannot be written.
    """
    path = f"leases/probe-{secrets.token_hex(8)}"
    now = time.time()
    objects.create(path, _CONTENT)
    try:
        if objects.read_range(path, 2, 5) != _CONTENT[2:5]:
            raise StoreFailed(
                objects.name, "does not give the range of bytes asked for", "use another server"
            )
        times = [found.modified for found in objects.list("leases") if found.path == path]
    finally:
        objects.delete([path])
    if not times or objects.get(path) is not None:
        raise StoreFailed(
            objects.name,
            "does not list what was stored, or keeps what was deleted",
            "use a store that is consistent after each write",
        )
    return times[0] - now

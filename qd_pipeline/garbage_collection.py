"""Garbage collection paused while large libraries are imported.

A quarter of the time that TensorFlow and MLflow took to import went to garbage collection that
found nothing: what is imported stays, so later collections leave it out, too.
"""

import gc
from collections.abc import Iterator
from contextlib import contextmanager


@contextmanager
def paused() -> Iterator[None]:
    """Pause garbage collection in the block.

    >>> with paused():
    ...     gc.isenabled()
    False
    """
    enabled = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        gc.freeze()
        if enabled:
            gc.enable()

"""Garbage collection paused while large libraries are imported.

A quarter of the time that TensorFlow and MLflow took to import went to garbage collection that
found nothing: what is imported stays.
"""

import gc
import sys
from collections.abc import Iterator
from contextlib import contextmanager


@contextmanager
def paused() -> Iterator[None]:
    """Pause garbage collection in the block, and leave what it imports out of later ones.

    >>> with paused():
    ...     gc.isenabled()
    False
    """
    enabled, before = gc.isenabled(), len(sys.modules)
    gc.disable()
    try:
        yield
    finally:
        # Frozen each time, garbage of a process that calls commands again and again would stay.
        if len(sys.modules) > before:
            gc.freeze()
        if enabled:
            gc.enable()

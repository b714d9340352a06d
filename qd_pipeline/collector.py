"""Python's garbage collector, which large libraries set to work while they are imported.

A quarter of the time that TensorFlow and MLflow took to import went to a collector that found
nothing: what is imported stays.
"""

import gc
from collections.abc import Iterator
from contextlib import contextmanager


@contextmanager
def paused() -> Iterator[None]:
    """Have nobody look for garbage in the block.

    >>> with paused():
    ...     gc.isenabled()
    False
    """
    enabled = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if enabled:
            gc.enable()

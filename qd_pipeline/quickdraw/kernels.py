"""How the compiled kernels are built and cached."""

import logging
from typing import Any

import numba
from numba.core import event

from qd_pipeline.quickdraw import kernel_cache

if not numba.config.CACHE_DIR:
    # Set here and not in the environment: children may be started after an update of the code.
    numba.config.CACHE_DIR = str(kernel_cache.folder())
numba.config.CACHE_LOCATOR_CLASSES = ",".join(
    (
        f"{kernel_cache.__name__}.{kernel_cache.KernelCacheLocator.__name__}",
        # Numba's own, for the kernels of other packages in this process.
        *("UserProvidedCacheLocator", "IPythonCacheLocator", "ZipCacheLocator"),
    )
)

kernel = numba.njit(cache=True, nogil=True, error_model="numpy")
"""Decorator of a kernel: compiled once, cached on disk, free of Python's lock.

Threads are ours (`threads.in_threads`), not numba's `prange`: its bundled threading layer must not
be entered from two Python threads, and Dagster's steps may well be threads.
"""

bare_kernel = numba.njit(cache=True, nogil=True, error_model="numpy", _nrt=False)
"""Decorator of a kernel that makes no arrays.

So nothing has to be counted: numba counts every array that one function hands to another in and
out again, atomically, which took a fifth of the time of drawing.
"""

inlined = numba.njit(cache=True, nogil=True, error_model="numpy", inline="always", _nrt=False)
"""Decorator of a piece of a bare kernel, for kernels to call at no cost.

It becomes part of each of them before they are compiled.
"""


class _Announcement(event.Listener):
    """Logs once that kernels are being compiled: numba is silent for the minutes that takes."""

    _said = False

    def on_start(self, event: Any) -> None:
        """Log it."""
        del event
        if not self._said:
            self._said = True
            logging.getLogger(__name__).warning("Compiling the drawing kernels, once …")

    def on_end(self, event: Any) -> None:
        """Do nothing."""


event.register("numba:compile", _Announcement())

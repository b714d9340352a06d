"""Keras and TensorFlow, imported when first asked for and without their noise.

Importing TensorFlow takes seconds and hundreds of megabytes. The modules of this room are
imported by whoever only needs a name or a check – the command line, Dagster's definitions –
so they take the two libraries as `backend.keras` and `backend.tf`, which import on first use.
"""

import importlib
import logging
import os
import re
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from types import ModuleType
from typing import Final

from qd_pipeline import collector

_MODULES: Final = {"keras": "keras", "tf": "tensorflow"}

_ENVIRONMENT: Final = {
    "KERAS_BACKEND": "tensorflow",
    # A file where Keras wants a folder: it neither reads a user's own configuration, which
    # could change the numbers (floatx), nor writes one outside the project's home.
    "KERAS_HOME": os.devnull,
    "TF_CPP_MIN_LOG_LEVEL": "3",
}

_ABSL_LINE: Final = re.compile(rb"(WARNING: All log messages before absl|[IW]\d{4} [\d:. ]+)")


@contextmanager
def _without_absl_lines() -> Iterator[None]:
    """Hold back what absl prints before TensorFlow's log level applies; pass on the rest."""
    try:
        sys.stderr.flush()
        kept = os.dup(2)
    except (AttributeError, OSError):
        # A process without a standard error has nothing to keep quiet.
        yield
        return
    with tempfile.TemporaryFile() as held:
        os.dup2(held.fileno(), 2)
        try:
            yield
        finally:
            os.dup2(kept, 2)
            os.close(kept)
            held.seek(0)
            for line in held:
                if not _ABSL_LINE.match(line):
                    os.write(2, line)


def _import(name: str) -> ModuleType:
    os.environ.update(_ENVIRONMENT)
    # It warns of retracing when several small networks are trained one after the other.
    logging.getLogger("tensorflow").setLevel(logging.ERROR)
    with _without_absl_lines(), collector.paused():
        return importlib.import_module(name)


def __getattr__(name: str) -> ModuleType:
    """Import `keras` or `tf` (TensorFlow) when it is first asked for."""
    if name not in _MODULES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    module = _import(_MODULES[name])
    globals()[name] = module
    return module

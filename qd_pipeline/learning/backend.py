"""Keras and TensorFlow, imported lazily and without their log lines.

Importing TensorFlow takes seconds and hundreds of megabytes. The command line and Dagster's
definitions import the modules of `learning` for names and checks alone, so these modules use
the libraries as `backend.keras` and `backend.tf`, which are imported on first use.
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

from qd_pipeline import garbage_collection

_MODULES: Final = {"keras": "keras", "tf": "tensorflow"}

_ENVIRONMENT: Final = {
    "KERAS_BACKEND": "tensorflow",
    # A file where Keras expects a folder: it neither reads a user's own configuration, which
    # could change the results (floatx), nor writes one outside the data directory.
    "KERAS_HOME": os.devnull,
    "TF_CPP_MIN_LOG_LEVEL": "3",
}

_ABSL_LINE: Final = re.compile(rb"(WARNING: All log messages before absl|[IW]\d{4} [\d:. ]+)")


@contextmanager
def _without_absl_lines() -> Iterator[None]:
    """Drop the lines that absl prints before TensorFlow's log level applies; pass on the rest."""
    try:
        sys.stderr.flush()
        original = os.dup(2)
    except (AttributeError, OSError):
        # A process without a standard error.
        yield
        return
    with tempfile.TemporaryFile() as captured:
        os.dup2(captured.fileno(), 2)
        try:
            yield
        finally:
            os.dup2(original, 2)
            os.close(original)
            captured.seek(0)
            for line in captured:
                if not _ABSL_LINE.match(line):
                    os.write(2, line)


def _import(name: str) -> ModuleType:
    os.environ.update(_ENVIRONMENT)
    # It warns of retracing when several small networks are trained one after the other.
    logging.getLogger("tensorflow").setLevel(logging.ERROR)
    with _without_absl_lines(), garbage_collection.paused():
        return importlib.import_module(name)


def __getattr__(name: str) -> ModuleType:
    """Import `keras` or `tf` (TensorFlow) on first use."""
    if name not in _MODULES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    module = _import(_MODULES[name])
    globals()[name] = module
    return module

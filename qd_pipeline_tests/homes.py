"""Data directories with empty databases: Dagster and MLflow take seconds to create theirs.

Commands in processes of their own create them for real, as in `cli/test_run.py`.
"""

import atexit
import shutil
import tempfile
from functools import cache
from pathlib import Path

from qd_pipeline.orchestration import instance
from qd_pipeline.tracking import Tracker


def tracker_in(home: Path) -> Tracker:
    """Open the default MLflow store of a data directory."""
    return Tracker(f"sqlite:///{home}/mlflow.db", home / "mlartifacts", "http://127.0.0.1:5000")


def prepare(home: Path) -> Path:
    """Put empty databases where there are none, and return the data directory."""
    home.mkdir(parents=True, exist_ok=True)
    if not (home / "dagster").exists():
        shutil.copytree(_instance(), home / "dagster")
    if not (home / "mlflow.db").exists():
        shutil.copy(empty_store(), home / "mlflow.db")
    return home


@cache
def empty_store() -> Path:
    """Return the file of an empty MLflow store, to copy."""
    home = _folder()
    tracker_in(home)
    return home / "mlflow.db"


@cache
def _instance() -> Path:
    """Return the folder of a Dagster instance without runs, to copy."""
    home = _folder()
    with instance.of(home):
        pass
    return home / "dagster"


def _folder() -> Path:
    """Return a folder that lasts as long as this process, whichever test needs it first."""
    folder = Path(tempfile.mkdtemp(prefix="qd-tests-"))
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    return folder

"""The SQLite file of a local store: whole, or not there.

MLflow creates it in dozens of steps, and refuses one in which a killed process left some of
them undone: so it is created under another name.
"""

import contextlib
import os
import secrets
from pathlib import Path

from mlflow import MlflowClient

from qd_pipeline import tracking_uri
from qd_pipeline.leases import Leases


def prepare(uri: str, leases: Leases) -> None:
    """Create the database that a tracking URI names, if it is one of SQLite and not there.

    Args:
        uri: The tracking URI.
        leases: They tell which process creates it, and whether that was killed.

    Raises:
        OSError: The disk refuses.
        mlflow.exceptions.MlflowException: MLflow cannot create it.
    """
    path = tracking_uri.file_of(uri)
    if path is None:
        return
    for entry in path.parent.glob(f"{path.name}~*"):
        with contextlib.suppress(OSError):  # another process has completed or removed it
            owner = entry.name.rpartition("~")[0].rpartition("~")[2]
            if leases.has_expired(owner, entry.stat().st_mtime):
                entry.unlink()
    if path.exists():
        return
    path.parent.mkdir(parents=True, exist_ok=True)
    own = path.with_name(f"{path.name}~{leases.owner}~{secrets.token_hex(4)}")
    try:
        MlflowClient(tracking_uri=f"{tracking_uri.SQLITE}{own}").search_experiments(max_results=1)
        _put_in_place(own, path)
    finally:
        own.unlink(missing_ok=True)


def _put_in_place(own: Path, path: Path) -> None:
    """Move the file to its place, unless another process was faster."""
    try:
        os.link(own, path)
    except FileExistsError:
        return
    except OSError:  # a file system without hard links
        if not path.exists():
            own.rename(path)

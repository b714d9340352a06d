"""The SQLite file of a local store: whole, or not there.

MLflow makes it in dozens of steps, and refuses one in which a killed process left some of
them undone: so it is made under another name.
"""

import contextlib
import os
from pathlib import Path
from typing import Final

from mlflow import MlflowClient

from qd_pipeline import owner

_SCHEME: Final = "sqlite:///"


def prepare(uri: str) -> None:
    """Make the database that a tracking URI names, if it is one of SQLite and not there.

    Raises:
        OSError: The disk refuses.
        mlflow.exceptions.MlflowException: MLflow cannot make it.
    """
    path = Path(uri.removeprefix(_SCHEME).partition("?")[0])
    if not uri.startswith(_SCHEME) or path.exists():
        return
    path.parent.mkdir(parents=True, exist_ok=True)
    for entry in path.parent.glob(f"{path.name}~*"):
        with contextlib.suppress(FileNotFoundError):  # another process is done with it
            if not owner.is_claimed(entry):
                entry.unlink()
    own = owner.claim(path)
    try:
        MlflowClient(tracking_uri=f"{_SCHEME}{own}").search_experiments(max_results=1)
        _put_in_place(own, path)
    finally:
        own.unlink(missing_ok=True)


def _put_in_place(own: Path, path: Path) -> None:
    """Give the file its name, unless another process was faster."""
    try:
        os.link(own, path)
    except FileExistsError:
        return
    except OSError:  # a file system without hard links
        if not path.exists():
            own.rename(path)

"""The Dagster instance of a home."""

import os
from importlib import resources
from pathlib import Path
from typing import Final

import dagster as dg

from qd_pipeline.errors import disk_failure

_CONFIG: Final = "dagster.yaml"


def prepare(home: Path) -> Path:
    """Make the instance's folder in a home, with our configuration unless it has one.

    Returns:
        The folder, which is also put into `DAGSTER_HOME` for this process and its children.

    Raises:
        HomeFailed: The home cannot be written.
    """
    folder = home / "dagster"
    try:
        folder.mkdir(parents=True, exist_ok=True)
        if not (folder / _CONFIG).exists():
            text = resources.files(__package__).joinpath(_CONFIG).read_text(encoding="utf-8")
            (folder / _CONFIG).write_text(text, encoding="utf-8")
    except OSError as error:
        raise disk_failure(error, home) from error
    os.environ["DAGSTER_HOME"] = str(folder)
    return folder


def of(home: Path) -> dg.DagsterInstance:
    """Open the instance of a home, making it when it is new."""
    prepare(home)
    return dg.DagsterInstance.get()

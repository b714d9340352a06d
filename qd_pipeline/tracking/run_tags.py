"""Tags of every run: its user, the commit of the code, the versions of the libraries."""

import getpass
import subprocess
from functools import cache
from importlib.metadata import version
from pathlib import Path
from typing import Final

from mlflow.utils.mlflow_tags import MLFLOW_GIT_COMMIT, MLFLOW_SOURCE_NAME, MLFLOW_USER

_PACKAGE: Final = Path(__file__).parents[1]
_SOFTWARE: Final = ("qd_pipeline", "dagster", "keras", "mlflow", "numpy", "tensorflow")


@cache
def run_tags() -> dict[str, str]:
    """Return the tags of every run; they are read once a process."""
    return {
        MLFLOW_SOURCE_NAME: _PACKAGE.name,
        **{f"version.{name}": version(name) for name in _SOFTWARE},
        **_user(),
        **_commit(),
    }


def _user() -> dict[str, str]:
    try:
        return {MLFLOW_USER: getpass.getuser()}
    except (OSError, KeyError):  # a user without a name, as in some containers
        return {}


def _commit() -> dict[str, str]:
    """Return the commit of the checkout that the package is run from, if it is one."""
    # The package may be installed somewhere inside of another project's repository.
    commands = (["ls-files", "--error-unmatch", "__init__.py"], ["rev-parse", "HEAD"])
    try:
        *_, commit = (
            subprocess.run(
                ["git", "-C", str(_PACKAGE), *command],
                check=True,
                capture_output=True,
                text=True,
                timeout=10,
            ).stdout.strip()
            for command in commands
        )
    except (OSError, subprocess.SubprocessError):
        return {}
    return {MLFLOW_GIT_COMMIT: commit}

"""MLflow's errors as ours."""

import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

import mlflow
from alembic.util import CommandError
from mlflow.exceptions import MlflowException
from sqlalchemy.exc import SQLAlchemyError

from qd_pipeline.errors import TrackingFailed

# HTTP statuses after which a later request may succeed, perhaps with another token.
_TRANSIENT: Final = frozenset({401, 403, 408, 429})
_SERVER_ERRORS: Final = 500

_REMEDY: Final = "check that MLFLOW_TRACKING_URI names a store that answers, then run again"


class TrackingUnreachable(TrackingFailed):
    """MLflow does not answer at present: what it did not take can be sent later."""


@contextmanager
def translate_errors(
    culprit: str = "MLflow", cause: str = "refused a request", remedy: str = _REMEDY
) -> Iterator[None]:
    """Turn what MLflow raises into one sentence.

    Args:
        culprit: As in `QdError`.
        cause: As there; MLflow's own words are added.
        remedy: As there.

    Raises:
        TrackingUnreachable: MLflow does not answer, or not now.
        TrackingFailed: It answered with a refusal.
    """
    try:
        yield
    except (MlflowException, OSError) as error:
        kind = TrackingUnreachable if _is_transient(error) else TrackingFailed
        raise kind(culprit, f"{cause} ({first_line(error)})", remedy) from error
    except SQLAlchemyError as error:
        raise TrackingUnreachable(culprit, f"{cause} ({first_line(error)})", remedy) from error


@contextmanager
def translate_opening_errors(uri: str) -> Iterator[None]:
    """Turn what MLflow raises when a store is opened into one sentence.

    Args:
        uri: The store's URI, without credentials.

    Raises:
        TrackingUnreachable: The store does not answer.
        TrackingFailed: MLflow cannot use it.
    """
    try:
        with translate_errors():
            yield
    except sqlite3.Error as error:
        remedy = "restore it from a backup, or set MLFLOW_TRACKING_URI to another store"
        raise TrackingFailed(
            f"MLflow's store {uri}", f"cannot be read ({error})", remedy
        ) from error
    except ImportError as error:
        driver = error.name or first_line(error)
        raise TrackingFailed(
            f"MLflow's store {uri}",
            f"needs a driver that is not installed ({driver})",
            f"`pip install {driver}`",
        ) from error
    except (TrackingFailed, CommandError) as error:
        other_schema = "database schema" in str(error) or "Can't locate revision" in str(error)
        if isinstance(error, TrackingFailed) and not other_schema:
            raise
        if not other_schema:
            raise TrackingFailed("MLflow", f"cannot open its store ({error})", _REMEDY) from error
        version = mlflow.__version__
        if _is_of_an_older_schema(error):
            cause = f"was written by an older MLflow than {version}"
            remedy = f"back it up, then run `mlflow db upgrade {uri}`"
        else:
            cause = f"was written by a newer MLflow than {version}"
            remedy = "install that version of MLflow, or set MLFLOW_TRACKING_URI to another store"
        raise TrackingFailed(f"MLflow's store {uri}", cause, remedy) from error


def first_line(error: BaseException) -> str:
    """Return the first line of an error's text, at most 200 characters."""
    return (str(error).splitlines() or [type(error).__name__])[0][:200]


def _is_transient(error: MlflowException | OSError) -> bool:
    if isinstance(error, OSError):
        return True
    status = int(error.get_http_status_code())  # type: ignore[no-untyped-call] # MLflow's
    return status >= _SERVER_ERRORS or status in _TRANSIENT


def _is_of_an_older_schema(error: Exception) -> bool:
    """Return whether the revision that the error names is one that this MLflow knows."""
    revision = str(error).partition("found version ")[2].partition(",")[0]
    migrations = Path(mlflow.__file__).parent / "store" / "db_migrations" / "versions"
    return revision.isalnum() and any(migrations.glob(f"{revision}_*.py"))

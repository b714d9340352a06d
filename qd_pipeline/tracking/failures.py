"""What MLflow may fail at, in our words."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final

from mlflow.exceptions import MlflowException

from qd_pipeline.errors import TrackingFailed

# Of HTTP's answers: who comes again later, perhaps with another token, may be heard.
_MAY_PASS: Final = frozenset({401, 403, 408, 429})
_SERVER_ERRORS: Final = 500

_REMEDY: Final = "see that MLFLOW_TRACKING_URI names a store that answers, then run again"


class TrackingUnreachable(TrackingFailed):
    """MLflow does not answer, or not now: what it did not take may be sent later."""


@contextmanager
def explained(
    culprit: str = "MLflow",
    cause: str = "did not do what was asked of it",
    remedy: str = _REMEDY,
) -> Iterator[None]:
    """Turn what MLflow raises into one sentence.

    Args:
        culprit: As in `QdError`.
        cause: As there; what MLflow said is added.
        remedy: As there.

    Raises:
        TrackingUnreachable: MLflow does not answer, or not now.
        TrackingFailed: It answered that it does not take this.
    """
    try:
        yield
    except (MlflowException, OSError) as error:
        kind = TrackingUnreachable if _may_pass(error) else TrackingFailed
        reason = str(error).splitlines()[0][:200]
        raise kind(culprit, f"{cause} ({reason})", remedy) from error


def _may_pass(error: MlflowException | OSError) -> bool:
    if isinstance(error, OSError):
        return True
    status = int(error.get_http_status_code())  # type: ignore[no-untyped-call] # MLflow's
    return status >= _SERVER_ERRORS or status in _MAY_PASS

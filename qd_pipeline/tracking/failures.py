"""What MLflow may fail at, in our words."""

from collections.abc import Iterator
from contextlib import contextmanager

from mlflow.exceptions import MlflowException

from qd_pipeline.errors import TrackingFailed


@contextmanager
def explained() -> Iterator[None]:
    """Turn what MLflow raises into one sentence.

    Raises:
        TrackingFailed: The block failed in MLflow.
    """
    try:
        yield
    except (MlflowException, OSError) as error:
        reason = str(error).splitlines()[0][:200]
        raise TrackingFailed(
            "MLflow",
            f"did not take what was to be logged ({reason})",
            "see that MLFLOW_TRACKING_URI names a store that answers, then run again",
        ) from error

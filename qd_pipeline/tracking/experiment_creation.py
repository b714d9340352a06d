"""The experiments in MLflow, created when they are first needed."""

from contextlib import suppress

from mlflow import MlflowClient
from mlflow.entities import LifecycleStage
from mlflow.exceptions import MlflowException

from qd_pipeline.errors import TrackingFailed
from qd_pipeline.tracking import views
from qd_pipeline.tracking.experiments import EXPERIMENTS


def ensure_experiment(client: MlflowClient, name: str, location: str | None) -> str:
    """Return the id of an experiment, which is created if it is not there.

    Args:
        client: The store's client.
        name: One of `EXPERIMENTS`.
        location: URI for its artifacts; None for the store's own.

    Raises:
        mlflow.exceptions.MlflowException: MLflow does not answer.
        TrackingFailed: It cannot be created, or was deleted.
    """
    found = client.get_experiment_by_name(name)
    if found is None:
        tags = views.tags(EXPERIMENTS[name])
        with suppress(MlflowException):  # another process may have been faster
            return str(client.create_experiment(name, artifact_location=location, tags=tags))
        found = client.get_experiment_by_name(name)
    if found is None:
        raise TrackingFailed(
            f"MLflow experiment {name}",
            "cannot be created",
            "check that MLFLOW_TRACKING_URI names a store that you may write to",
        )
    if found.lifecycle_stage == LifecycleStage.DELETED:
        restore = f"mlflow experiments restore --experiment-id {found.experiment_id}"
        raise TrackingFailed(
            f"MLflow experiment {name}",
            "was deleted",
            f"restore it with `MLFLOW_TRACKING_URI={client.tracking_uri} {restore}`",
        )
    return str(found.experiment_id)

"""An MLflow store: opened, with its registry and the addresses of its pages."""

import os
from contextlib import suppress
from pathlib import Path
from typing import Final

import mlflow
from mlflow import MlflowClient
from mlflow.entities import LifecycleStage, Run
from mlflow.exceptions import MlflowException

from qd_pipeline import tracking_uri
from qd_pipeline.errors import TrackingFailed
from qd_pipeline.leases import Leases
from qd_pipeline.tracking import database, relocation
from qd_pipeline.tracking.experiments import EXPERIMENTS
from qd_pipeline.tracking.failures import translate_errors, translate_opening_errors
from qd_pipeline.tracking.registry import Registry

_USER: Final = "MLFLOW_TRACKING_USERNAME"
_PASSWORD: Final = "MLFLOW_TRACKING_PASSWORD"  # noqa: S105 (a variable's name)


class TrackingStore:
    """An MLflow store: runs, registry and addresses of their pages.

    A local store in a data directory that was moved or copied is made to follow it.

    Args:
        uri: Its tracking URI. User and password in it are handed to MLflow as the variables
            `MLFLOW_TRACKING_USERNAME` and `MLFLOW_TRACKING_PASSWORD` of this process.
        artifacts: Folder of the artifacts of a local store; a server has its own. Lock files
            lie beside it, in `leases`.
        ui: Address of MLflow's UI, for links.

    Raises:
        BadSetting: MLflow has no store of this kind.
        TrackingFailed: The store cannot be opened.
    """

    def __init__(self, uri: str, artifacts: Path, ui: str) -> None:
        self._uri = _without_credentials(tracking_uri.checked(uri))
        self._artifacts = artifacts
        self._ui = ui.rstrip("/")
        self._leases = Leases(artifacts.parent / "leases")
        with translate_opening_errors(self._uri):
            file = tracking_uri.file_of(self._uri)
            if file is not None:
                relocation.relocate(file, artifacts)
            database.prepare(self._uri, self._leases)
            # MLflow's registry looks for logged models with the URI in force.
            _use(self._uri)
            self._client = MlflowClient(tracking_uri=self._uri)

    @property
    def client(self) -> MlflowClient:
        """MLflow's client, with its URI in force in this process."""
        _use(self._uri)  # another data directory's may be
        return self._client

    @property
    def registry(self) -> Registry:
        """The registry of classifiers in the same store."""
        return Registry(self.client)

    def run_list(self, experiment: str) -> str:
        """Return the address of an experiment's run list, with the columns that matter.

        Args:
            experiment: `DATA`, `CLASSIFIERS` or `STUDIES`.

        Raises:
            TrackingFailed: MLflow cannot be reached.
        """
        with translate_opening_errors(self._uri):
            experiment_id = self._experiment_id(experiment)
        return f"{self._ui}/#/experiments/{experiment_id}/runs"

    def fetch(self, run_id: str, name: str, folder: Path) -> Path:
        """Download one of a run's artifacts into a folder.

        Returns:
            Its path there.

        Raises:
            TrackingFailed: MLflow cannot be reached, or does not hold the file.
        """
        with translate_errors():
            return Path(self._client.download_artifacts(run_id, name, str(folder)))

    def link(self, run: Run) -> str:
        """Return the address of a run's page."""
        return f"{self._ui}/#/experiments/{run.info.experiment_id}/runs/{run.info.run_id}"

    def experiments(self) -> dict[str, str]:
        """Return the names of our experiments that there are, by their ids.

        Raises:
            mlflow.exceptions.MlflowException: MLflow does not answer.
        """
        found = [self.client.get_experiment_by_name(name) for name in EXPERIMENTS]
        return {each.experiment_id: each.name for each in found if each}

    def _experiment_id(self, name: str) -> str:
        """Return the id of an experiment, which is created if it is not there.

        Raises:
            mlflow.exceptions.MlflowException: MLflow does not answer.
            TrackingFailed: It cannot be created, or was deleted.
        """
        found = self._client.get_experiment_by_name(name)
        if found is None:
            local = tracking_uri.file_of(self._uri) is not None
            location = (self._artifacts / name).absolute().as_uri() if local else None
            tags = EXPERIMENTS[name].tags
            with suppress(MlflowException):  # another process may have been faster
                return str(self._client.create_experiment(name, location, tags))
            found = self._client.get_experiment_by_name(name)
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
                f"restore it with `MLFLOW_TRACKING_URI={self._uri} {restore}`",
            )
        return str(found.experiment_id)


def _without_credentials(uri: str) -> str:
    """Hand the user and password of a URI to MLflow, and return the rest of it."""
    bare, user, password = tracking_uri.split_credentials(uri)
    for name, value in ((_USER, user), (_PASSWORD, password)):
        if value is not None:
            os.environ[name] = value
    return bare


def _use(uri: str) -> None:
    """Have MLflow use a store in this process.

    MLflow also puts the address into the environment, where the settings of another data directory,
    and child processes, would take it for the user's.
    """
    before = os.environ.get(tracking_uri.NAME)
    mlflow.set_tracking_uri(uri)
    os.environ.pop(tracking_uri.NAME, None)
    if before is not None:
        os.environ[tracking_uri.NAME] = before

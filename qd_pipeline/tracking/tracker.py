"""The store that runs lie in."""

import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Final

import mlflow
from mlflow import MlflowClient
from mlflow.entities import Run, RunTag
from mlflow.exceptions import MlflowException

from qd_pipeline import owner
from qd_pipeline.tracking import database, views
from qd_pipeline.tracking.experiments import CLASSIFIERS, DATA, EXPERIMENTS, STUDIES
from qd_pipeline.tracking.failures import explained
from qd_pipeline.tracking.logged import LoggedRun
from qd_pipeline.tracking.registry import Registry
from qd_pipeline.tracking.runs import Identity, TrackedRun
from qd_pipeline.tracking.spool import Spool

_OWNER: Final = "owner"


class Tracker:
    """An MLflow store.

    Args:
        uri: Its tracking URI; SQLite in the home by default.
        artifacts: Folder of the artifacts of a local store; a server has its own. What waits
            to be sent lies beside it, in `spool`.
        ui: Address of MLflow's UI, for links.
    """

    def __init__(self, uri: str, artifacts: Path, ui: str) -> None:
        self._uri = uri
        self._artifacts = artifacts
        self._ui = ui.rstrip("/")
        self._spool = Spool(artifacts.parent / "spool")
        with explained():
            database.prepare(uri)
        # The model flavours know no client, only the address in force.
        mlflow.set_tracking_uri(uri)
        self._client = MlflowClient(tracking_uri=uri)

    @property
    def registry(self) -> Registry:
        """The registry of classifiers in the same store."""
        return Registry(self._client)

    @contextmanager
    def run(
        self,
        experiment: str,
        identity: Identity,
        *,
        name: str,
        tags: Mapping[str, str],
        may_exist: bool = True,
    ) -> Iterator[TrackedRun]:
        """Open the run of an identity, new or again, and close it as it went.

        Args:
            experiment: `DATA`, `CLASSIFIERS` or `STUDIES`.
            identity: What it is found by when the step is tried again.
            name: What the run list shows.
            tags: What runs are grouped and filtered by.
            may_exist: Whether there may be one already; where not, MLflow is not asked for it.

        Raises:
            TrackingFailed: MLflow cannot be reached.
        """
        all_tags = {
            **tags,
            **identity.tags,
            _OWNER: owner.token(),
        }
        with explained():
            home = self._experiment_id(experiment)
            found = self._find(home, identity) if may_exist else None
            if found is None:
                run = self._client.create_run(home, run_name=name, tags=all_tags)
            else:
                run = self._reopened(found, all_tags)
        with self._closing(run) as tracked:
            yield tracked

    @contextmanager
    def again(self, run_id: str) -> Iterator[TrackedRun]:
        """Continue a run that is known by its id, and close it as it went.

        Raises:
            TrackingFailed: MLflow cannot be reached, or has no such run.
        """
        with explained():
            run = self._reopened(self._client.get_run(run_id), {_OWNER: owner.token()})
        with self._closing(run) as tracked:
            yield tracked

    def list_of(self, experiment: str) -> str:
        """Give the address of an experiment's run list, with the columns that matter.

        Args:
            experiment: `DATA`, `CLASSIFIERS` or `STUDIES`.

        Raises:
            TrackingFailed: MLflow cannot be reached.
        """
        with explained():
            home = self._experiment_id(experiment)
        return f"{self._ui}/#/experiments/{home}/runs?viewStateShareKey={views.KEY}"

    def last_runs(self, partition: str, count: int) -> tuple[LoggedRun, ...]:
        """Give the last runs that trained and evaluated a classifier, the newest first.

        Args:
            partition: The class set's key.
            count: How many at most.

        Raises:
            TrackingFailed: MLflow cannot be reached.
        """
        with explained():
            home = self._client.get_experiment_by_name(CLASSIFIERS)
            if home is None:
                return ()
            found = self._client.search_runs(
                [home.experiment_id],
                f"tags.asset = 'classifiers' and tags.partition = '{partition}' "
                "and metrics.test_accuracy >= 0",
                order_by=["attributes.start_time DESC"],
                max_results=count,
            )
        return tuple(LoggedRun.of(run, self._link(run)) for run in found)

    def fetch(self, run_id: str, name: str, folder: Path) -> Path:
        """Copy a file that a run kept into a folder.

        Returns:
            Its path there.

        Raises:
            TrackingFailed: MLflow cannot be reached, or does not hold the file.
        """
        with explained():
            return Path(self._client.download_artifacts(run_id, name, str(folder)))

    def settle(self) -> None:
        """Send what waits, and close the runs that killed processes left open.

        Raises:
            TrackingFailed: MLflow cannot be reached, or does not take what waits.
        """
        self.send_waiting()
        with explained():
            names = (DATA, CLASSIFIERS, STUDIES)
            found = [self._client.get_experiment_by_name(name) for name in names]
            for run in self._client.search_runs(
                [each.experiment_id for each in found if each], "attributes.status = 'RUNNING'"
            ):
                silent = time.time() - run.info.start_time / 1000
                name = run.data.tags.get(_OWNER)
                if name is not None and not owner.is_alive(name, silent):
                    self._client.set_terminated(run.info.run_id, "KILLED")

    def send_waiting(self) -> int:
        """Send what MLflow did not take when it was logged.

        Returns:
            How many runs' logs were sent.

        Raises:
            TrackingFailed: MLflow cannot be reached, or does not take it.
        """
        return self._spool.send(self._client)

    @property
    def waiting(self) -> int:
        """Runs of which something waits to be sent."""
        return len(self._spool.waiting())

    def _reopened(self, run: Run, tags: Mapping[str, str]) -> Run:
        said = [RunTag(name, value) for name, value in tags.items()]
        self._client.log_batch(run.info.run_id, tags=said)
        self._client.update_run(run.info.run_id, status="RUNNING")
        return run

    @contextmanager
    def _closing(self, run: Run) -> Iterator[TrackedRun]:
        tracked = TrackedRun(self._client, run, self._link(run), self._spool)
        status = "KILLED"
        try:
            yield tracked
            status = "FINISHED"
        except Exception:
            status = "FAILED"
            raise
        finally:
            tracked.end(status)

    def _link(self, run: Run) -> str:
        return f"{self._ui}/#/experiments/{run.info.experiment_id}/runs/{run.info.run_id}"

    def _experiment_id(self, name: str) -> str:
        found = self._client.get_experiment_by_name(name)
        if found is None:
            local = self._uri.startswith("sqlite:")
            location = (self._artifacts / name).absolute().as_uri() if local else None
            try:
                return str(
                    self._client.create_experiment(
                        name, artifact_location=location, tags=views.tags(EXPERIMENTS[name])
                    )
                )
            except MlflowException:
                # Another process may have been faster.
                found = self._client.get_experiment_by_name(name)
                if found is None:
                    raise
        return str(found.experiment_id)

    def _find(self, experiment_id: str, identity: Identity) -> Run | None:
        # What has ended well is told of: making it again is another run, with other settings maybe.
        terms = ["attributes.status != 'FINISHED'"]
        terms += [f"tags.`{key}` = '{value}'" for key, value in identity.tags.items()]
        runs = self._client.search_runs([experiment_id], " and ".join(terms), max_results=1)
        return runs[0] if runs else None

"""MLflow tracking client."""

import os
import time
from collections.abc import Collection, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Final

import mlflow
from mlflow import MlflowClient
from mlflow.entities import Run, RunTag

from qd_pipeline import tracking_uri
from qd_pipeline.errors import TrackingFailed
from qd_pipeline.leases import Leases
from qd_pipeline.renewal import renewing
from qd_pipeline.tracking import database, relocation, retention, views
from qd_pipeline.tracking.experiment_creation import ensure_experiment
from qd_pipeline.tracking.experiments import CLASSIFIERS, EXPERIMENTS
from qd_pipeline.tracking.failures import (
    TrackingUnreachable,
    translate_errors,
    translate_opening_errors,
)
from qd_pipeline.tracking.logged import LoggedRun
from qd_pipeline.tracking.registry import Registry
from qd_pipeline.tracking.run_tags import run_tags
from qd_pipeline.tracking.runs import Identity, TrackedRun
from qd_pipeline.tracking.spool import Spool

if TYPE_CHECKING:
    import pandas as pd

_OWNER: Final = "lease_owner"
_RENEWED: Final = "lease_renewed"
_EVALUATION: Final = "evaluation"
"""Tag of a run whose training has finished: how its evaluation ended, or `running`."""

_USER: Final = "MLFLOW_TRACKING_USERNAME"
_PASSWORD: Final = "MLFLOW_TRACKING_PASSWORD"  # noqa: S105 (a variable's name)


class Tracker:
    """An MLflow store.

    A local store in a data directory that was moved or copied is made to follow it.

    Args:
        uri: Its tracking URI. User and password in it are handed to MLflow as the variables
            `MLFLOW_TRACKING_USERNAME` and `MLFLOW_TRACKING_PASSWORD` of this process.
        artifacts: Folder of the artifacts of a local store; a server has its own. Pending logs
            lie beside it, in `spool`, and lock files in `leases`.
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
        self._spool = Spool(artifacts.parent / "spool", self._leases)
        with translate_opening_errors(self._uri):
            file = tracking_uri.file_of(self._uri)
            if file is not None:
                relocation.relocate(file, artifacts)
            database.prepare(self._uri, self._leases)
            # MLflow's registry looks for logged models with the URI in force.
            _use(self._uri)
            self._client = MlflowClient(tracking_uri=self._uri)

    @property
    def registry(self) -> Registry:
        """The registry of classifiers in the same store."""
        _use(self._uri)  # another data directory's may be in force
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
        """Start or resume the run of an identity, and set its final status on exit.

        Finished runs are never resumed: materializing again is another run.

        Args:
            experiment: `DATA`, `CLASSIFIERS` or `STUDIES`.
            identity: What it is found by when the step is tried again.
            name: What the run list shows.
            tags: What runs are grouped and filtered by.
            may_exist: Whether there may be one already; where not, MLflow is not asked for it.

        Raises:
            TrackingFailed: MLflow cannot be reached.
        """
        all_tags = {**run_tags(), **tags, **identity.tags, **self._lease()}
        with translate_opening_errors(self._uri):
            experiment_id = self._experiment_id(experiment)
            found = self._find(experiment_id, identity) if may_exist else None
            if found is None:
                run = self._client.create_run(experiment_id, run_name=name, tags=all_tags)
            else:
                run = self._resumed(found, all_tags)
        with self._closing(run) as tracked:
            yield tracked

    @contextmanager
    def again(self, run_id: str) -> Iterator[TrackedRun]:
        """Continue a run by its id, and set its final status on exit.

        What it logged while MLflow did not answer is sent first. Its metrics are of the classifier
        that it logged, too. A finished training stays FINISHED where its evaluation fails: the tag
        `evaluation` says that.

        Raises:
            TrackingFailed: MLflow cannot be reached, has no such run, or does not take what the
                run logged before.
        """
        self._send_log_of(run_id)
        gone = "train the classifier again, or restore the run if it was deleted"
        with translate_errors(f"MLflow run {run_id}", "cannot be continued", gone):
            run = self._client.get_run(run_id)
            trained = run.info.status == "FINISHED" or _EVALUATION in run.data.tags
            self._resumed(run, self._lease() | ({_EVALUATION: "running"} if trained else {}))
        with self._closing(run, has_model=True, trained=trained) as tracked:
            yield tracked

    def run_list(self, experiment: str) -> str:
        """Return the address of an experiment's run list, with the columns that matter.

        Args:
            experiment: `DATA`, `CLASSIFIERS` or `STUDIES`.

        Raises:
            TrackingFailed: MLflow cannot be reached.
        """
        with translate_opening_errors(self._uri):
            experiment_id = self._experiment_id(experiment)
        return f"{self._ui}/#/experiments/{experiment_id}/runs?viewStateShareKey={views.KEY}"

    def last_runs(self, partition: str, count: int) -> tuple[LoggedRun, ...]:
        """Return the last runs that trained and evaluated a classifier, the newest first.

        Args:
            partition: The class set's key.
            count: How many at most.

        Raises:
            TrackingFailed: MLflow cannot be reached.
        """
        with translate_errors():
            found = self._client.get_experiment_by_name(CLASSIFIERS)
            if found is None:
                return ()
            runs = self._client.search_runs(
                [found.experiment_id],
                f"tags.asset = 'classifiers' and tags.partition = '{partition}' "
                "and metrics.test_accuracy >= 0",
                order_by=["attributes.start_time DESC"],
                max_results=count,
            )
        return tuple(LoggedRun.of(run, self._link(run)) for run in runs)

    def table(self) -> "pd.DataFrame":
        """Return all runs of the experiments as a table, the newest first.

        Returns:
            A row a run: `run_id`, `name`, `experiment`, `status`, `start_time`, `end_time`,
            `metrics.…`, `params.…` (numbers where all are) and `tags.…` but for MLflow's own.

        Raises:
            TrackingFailed: MLflow cannot be reached.
        """
        _use(self._uri)  # as in `registry`
        with translate_errors():
            known = [self._client.get_experiment_by_name(name) for name in EXPERIMENTS]
            homes = {home.experiment_id: home.name for home in known if home}
            found = mlflow.search_runs(list(homes) or ["none yet"])
        own = [name for name in found.columns if str(name).startswith("tags.mlflow.")]
        table = found.drop(columns=[*own, "experiment_id", "artifact_uri"])
        table.insert(1, "name", found.get("tags.mlflow.runName"))
        table.insert(2, "experiment", found["experiment_id"].map(homes))
        for name in table.filter(like="params."):
            with suppress(ValueError, TypeError):  # a setting that is no number
                table[name] = table[name].astype(float)
        return table

    def fetch(self, run_id: str, name: str, folder: Path) -> Path:
        """Download one of a run's artifacts into a folder.

        Returns:
            Its path there.

        Raises:
            TrackingFailed: MLflow cannot be reached, or does not hold the file.
        """
        with translate_errors():
            return Path(self._client.download_artifacts(run_id, name, str(folder)))

    def reconcile(self) -> None:
        """Send pending logs, and close the runs whose leases have expired.

        What cannot be sent stays, and counts in `waiting`; `send_waiting` raises the reason.

        Raises:
            TrackingUnreachable: MLflow does not answer.
            TrackingFailed: MLflow refuses to list or close runs.
        """
        try:
            self.send_waiting()
        except TrackingUnreachable:
            raise
        except TrackingFailed:
            pass  # a log that MLflow never takes must not keep all that follows from being made
        with translate_opening_errors(self._uri):
            found = [self._client.get_experiment_by_name(name) for name in EXPERIMENTS]
            for run in self._client.search_runs(
                [each.experiment_id for each in found if each], "attributes.status = 'RUNNING'"
            ):
                tags = run.data.tags
                if _OWNER in tags and self._leases.has_expired(tags[_OWNER], _renewed(tags)):
                    self._close_killed(run)
        self._leases.sweep()

    def send_waiting(self) -> int:
        """Send what MLflow did not take when it was logged.

        Returns:
            How many runs' logs were sent.

        Raises:
            TrackingFailed: MLflow cannot be reached, or does not take it.
        """
        return self._spool.send(self._client)

    def superseded(self, kept: Collection[str], before: datetime) -> list[Run]:
        """Return the runs that ended before a time and that nothing comes from any more.

        Args:
            kept: Ids of runs that published partitions come from.
            before: The time.

        Raises:
            TrackingFailed: MLflow cannot be reached.
        """
        return retention.superseded_runs(self._client, kept, before)

    def delete(self, runs: Sequence[Run]) -> None:
        """Delete runs with their artifacts and models; on a server, mark them as deleted.

        Raises:
            TrackingFailed: MLflow cannot be reached, or could not remove the files.
        """
        local = tracking_uri.file_of(self._uri) is not None
        retention.delete_runs(self._client, runs, self._uri if local else None)

    @property
    def waiting(self) -> int:
        """Number of runs of which something waits to be sent."""
        return len(self._spool.waiting())

    def _send_log_of(self, run_id: str) -> None:
        failure = None
        try:
            self._spool.send(self._client, run_id)
        except TrackingFailed as error:
            failure = error
        if self._spool.holds(run_id):
            raise TrackingFailed(
                f"MLflow run {run_id}",
                "cannot be continued while some of what it logged waits to be sent",
                "run `qd send`, which says what keeps it, then run again",
            ) from failure

    def _lease(self) -> dict[str, str]:
        return {_OWNER: self._leases.owner, _RENEWED: str(int(time.time()))}

    def _resumed(self, run: Run, tags: Mapping[str, str]) -> Run:
        self._client.log_batch(run.info.run_id, tags=[RunTag(*tag) for tag in tags.items()])
        self._client.update_run(run.info.run_id, status="RUNNING")
        return run

    @contextmanager
    def _closing(
        self, run: Run, *, has_model: bool = False, trained: bool = False
    ) -> Iterator[TrackedRun]:
        link = self._link(run)
        tracked = TrackedRun(self._client, run, link, self._spool, has_model=has_model)
        status = "KILLED"
        try:
            with renewing(lambda: tracked.renew(self._lease()), thread="mlflow"):
                yield tracked
            status = "FINISHED"
        except Exception:
            status = "FAILED"
            raise
        finally:
            if trained:
                tracked.log(tags={_EVALUATION: status.lower()})
            tracked.end("FINISHED" if trained else status)

    def _close_killed(self, run: Run) -> None:
        trained = _EVALUATION in run.data.tags
        if trained:
            self._client.set_tag(run.info.run_id, _EVALUATION, "killed")
        self._client.set_terminated(run.info.run_id, "FINISHED" if trained else "KILLED")

    def _link(self, run: Run) -> str:
        return f"{self._ui}/#/experiments/{run.info.experiment_id}/runs/{run.info.run_id}"

    def _experiment_id(self, name: str) -> str:
        local = tracking_uri.file_of(self._uri) is not None
        location = (self._artifacts / name).absolute().as_uri() if local else None
        return ensure_experiment(self._client, name, location)

    def _find(self, experiment_id: str, identity: Identity) -> Run | None:
        terms = ["attributes.status != 'FINISHED'"]
        terms += [f"tags.`{key}` = '{value}'" for key, value in identity.tags.items()]
        runs = self._client.search_runs([experiment_id], " and ".join(terms), max_results=1)
        return runs[0] if runs else None


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


def _renewed(tags: Mapping[str, str]) -> float:
    """Return when a run's lease was renewed, in seconds since 1970; long ago if nothing says."""
    text = tags.get(_RENEWED, "")
    return float(text) if text.isdecimal() else 0.0

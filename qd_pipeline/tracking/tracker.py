"""MLflow tracking client."""

import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Final

from mlflow.entities import Run, RunTag

from qd_pipeline.errors import TrackingFailed
from qd_pipeline.renewal import renewing
from qd_pipeline.tracking.failures import (
    TrackingUnreachable,
    translate_errors,
    translate_opening_errors,
)
from qd_pipeline.tracking.run_tags import run_tags
from qd_pipeline.tracking.runs import Identity, TrackedRun
from qd_pipeline.tracking.spool import Spool
from qd_pipeline.tracking.store import TrackingStore

_OWNER: Final = "lease_owner"
_RENEWED: Final = "lease_renewed"
_EVALUATION: Final = "evaluation"
"""Tag of a run whose training has finished: how its evaluation ended, or `running`."""


class Tracker(TrackingStore):
    """An MLflow store that runs are logged to.

    Args:
        uri: Its tracking URI.
        artifacts: Folder of the artifacts of a local store. Pending logs lie beside it, in `spool`.
        ui: Address of MLflow's UI, for links.

    Raises:
        BadSetting: MLflow has no store of this kind.
        TrackingFailed: The store cannot be opened.
    """

    def __init__(self, uri: str, artifacts: Path, ui: str) -> None:
        super().__init__(uri, artifacts, ui)
        self._spool = Spool(artifacts.parent / "spool", self._leases)

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
            running = "attributes.status = 'RUNNING'"
            for run in self._client.search_runs(list(self.experiments()), running):
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
        link = self.link(run)
        tracked = TrackedRun(self._client, run, link, self._spool, has_model=has_model)
        status = "KILLED"
        try:
            with renewing(lambda: tracked.renew(self._lease())):
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

    def _find(self, experiment_id: str, identity: Identity) -> Run | None:
        terms = ["attributes.status != 'FINISHED'"]
        terms += [f"tags.`{key}` = '{value}'" for key, value in identity.tags.items()]
        runs = self._client.search_runs([experiment_id], " and ".join(terms), max_results=1)
        return runs[0] if runs else None


def _renewed(tags: Mapping[str, str]) -> float:
    """Return when a run's lease was renewed, in seconds since 1970; long ago if nothing says."""
    text = tags.get(_RENEWED, "")
    return float(text) if text.isdecimal() else 0.0

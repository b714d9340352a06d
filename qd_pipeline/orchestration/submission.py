"""Submission of Dagster runs to the engine: through the deployment's web server, followed here.

The web server launches a run from its own code location, so that it runs as the deployment is
installed. What became of it is read from Dagster's storage. A killed run that Dagster repeats
counts as the run that repeats it.
"""

import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from logging import getLogger
from typing import Final
from urllib.parse import urlsplit

import dagster as dg
from dagster_graphql import DagsterGraphQLClient, DagsterGraphQLClientError

from qd_pipeline.errors import EngineFailed
from qd_pipeline.orchestration.batches import Batch
from qd_pipeline.orchestration.engine import training_tags
from qd_pipeline.orchestration.failures import failures_of, killed
from qd_pipeline.orchestration.jobs import JOB_OF, job_name
from qd_pipeline.orchestration.origin import LOCATION, REPOSITORY
from qd_pipeline.orchestration.partitions import PARTITION
from qd_pipeline.orchestration.pipeline import Pipeline
from qd_pipeline.orchestration.run_statuses import ENDED

_LOG: Final = getLogger(__name__)

_SUBMITTED: Final = "qd/submitted"
"""Tag of the runs that commands have submitted."""

_SECONDS_BETWEEN_CHECKS: Final = 1.0
_SECONDS_IN_QUEUE: Final = 60.0
_SECONDS_TO_END: Final = 5.0
_STARTING: Final = (dg.DagsterRunStatus.NOT_STARTED, dg.DagsterRunStatus.STARTING)


@dataclass
class Submission:
    """Runs that a command has submitted, or that an earlier one has left running.

    Attributes:
        pipeline: The stages as the settings want them.
        instance: The deployment's Dagster instance.
        materialized: Stage and partition key of each partition that was materialized.
        failures: One sentence for each partition that failed, by its key.
    """

    pipeline: Pipeline
    instance: dg.DagsterInstance
    materialized: list[tuple[str, str]] = field(default_factory=list)
    failures: dict[str, str] = field(default_factory=dict)

    @property
    def _ui(self) -> str:
        return self.pipeline.settings.dagster_ui

    def submit(self, batch: Batch) -> str:
        """Submit a run.

        Returns:
            Its id.

        Raises:
            EngineFailed: Dagster's web server does not answer, or does not take it.
        """
        with self._refusals():
            return self._client.submit_job_execution(
                job_name(batch.stages[0]),
                repository_location_name=LOCATION,
                repository_name=REPOSITORY,
                run_config=batch.run_config,
                tags={**batch.tags, **self._gpus(batch), _SUBMITTED: "yes"},
                asset_selection=[stage.name for stage in batch.stages],
            )

    @property
    def _client(self) -> DagsterGraphQLClient:
        address = urlsplit(self._ui)
        return DagsterGraphQLClient(
            address.hostname or "",
            port_number=address.port,
            use_https=address.scheme == "https",
            path_prefix=address.path,
        )

    @contextmanager
    def _refusals(self) -> Iterator[None]:
        """Translate what Dagster's web server refuses."""
        try:
            yield
        except DagsterGraphQLClientError as error:
            told = " ".join(str(error.__cause__ or error).split())[:200]
            raise EngineFailed(
                f"Dagster's web server {self._ui}",
                f"does not take the request ({told})",
                "check that it runs with the same class sets, and QD_PUBLIC_DAGSTER, then run "
                "the same command again",
            ) from error

    def _gpus(self, batch: Batch) -> dict[str, str]:
        trains = any(stage.pool for stage in batch.stages)
        return training_tags(self.pipeline.settings) if trains else {}

    def follow(self, runs: Sequence[str], on_partition: Callable[[str], None]) -> None:
        """Wait until runs have ended, and record what became of their partitions.

        Args:
            runs: Their ids.
            on_partition: Called with the key of each partition that is materialized, for each
                stage.

        Raises:
            KeyboardInterrupt: Ctrl-C; the runs go on, unless it is pressed twice.
        """
        following, queued_since = dict.fromkeys(runs, 0), time.monotonic()
        try:
            while following:
                found = self.instance.get_runs(dg.RunsFilter(run_ids=list(following)))
                for run in found:
                    following[run.run_id] = self._report(run, following[run.run_id], on_partition)
                    if run.status in ENDED and not self._has_more(run, following):
                        del following[run.run_id]
                if any(run.status is not dg.DagsterRunStatus.QUEUED for run in found):
                    queued_since = time.monotonic()
                elif time.monotonic() - queued_since > _SECONDS_IN_QUEUE:
                    queued_since = float("inf")
                    _LOG.warning("The runs are still queued: does Dagster's daemon run?")
                time.sleep(_SECONDS_BETWEEN_CHECKS if following else 0)
        except KeyboardInterrupt:
            self._leave(list(following))
            raise

    def _leave(self, runs: list[str]) -> None:
        """Leave runs, or end them where Ctrl-C is pressed again soon."""
        _LOG.warning(
            "%d runs go on at %s/runs, and the same command follows them; Ctrl-C again ends them.",
            len(runs),
            self._ui,
        )
        try:
            time.sleep(_SECONDS_TO_END)
        except KeyboardInterrupt:
            _LOG.warning("They are being ended; one that is about to begin, when it has.")
            with self._refusals():
                for run_id in runs:
                    self._end(run_id)

    def _end(self, run_id: str) -> None:
        """End a run. Dagster ends one that waits or works, and none in between."""
        while run := self.instance.get_run_by_id(run_id):
            if run.status not in _STARTING:
                if not run.is_finished:
                    self._client.terminate_run(run_id)
                return
            time.sleep(_SECONDS_BETWEEN_CHECKS)

    def follow_open(self, on_partition: Callable[[str], None]) -> None:
        """Follow the runs that an earlier command has submitted and that have not ended."""
        runs = self.instance.get_runs(
            dg.RunsFilter(
                tags={_SUBMITTED: "yes"},
                statuses=[each for each in dg.DagsterRunStatus if each not in ENDED],
            )
        )
        self.follow([run.run_id for run in runs], on_partition)

    def _has_more(self, run: dg.DagsterRun, following: dict[str, int]) -> bool:
        """Return whether Dagster is about to repeat a run; follow the one that repeats it."""
        if run.status is dg.DagsterRunStatus.SUCCESS:
            return False
        repeated = self.instance.get_runs(dg.RunsFilter(tags={"dagster/parent_run_id": run.run_id}))
        if repeated:
            following.setdefault(repeated[0].run_id, 0)
            return False
        # Where runs are repeated, Dagster says of every failed one whether it is, a moment later.
        if (
            self.instance.run_retries_enabled
            and run.status is dg.DagsterRunStatus.FAILURE
            and run.tags.get("dagster/will_retry") != "false"
        ):
            return True
        self.failures |= self._failures(run)
        return False

    def _report(self, run: dg.DagsterRun, known: int, on_partition: Callable[[str], None]) -> int:
        """Record what a run has materialized since it was looked at; return how much that is."""
        logs = self.instance.all_logs(run.run_id, of_type=dg.DagsterEventType.ASSET_MATERIALIZATION)
        for entry in logs[known:]:
            if made := entry.asset_materialization:
                key = made.partition or ""
                self.materialized.append((made.asset_key.path[-1], key))
                on_partition(key)
        return len(logs)

    def _failures(self, run: dg.DagsterRun) -> Mapping[str, str]:
        """Return one sentence for each partition of a run that failed."""
        of_job = [by for by, job in JOB_OF.items() if job == run.job_name]
        keys = [key for by in of_job for key in self.pipeline.partitions.of_run(by, run.tags)]
        keys = keys or [run.tags.get(PARTITION, "")]
        found: dict[str, str] = {}
        for entry in self.instance.all_logs(run.run_id, of_type=dg.DagsterEventType.STEP_FAILURE):
            if entry.dagster_event:
                for failed in failures_of(entry.dagster_event, run, ""):
                    for key in [failed.partition] if failed.partition else keys:
                        found.setdefault(key, failed.sentence)
        ended = self.instance.all_logs(
            run.run_id, of_type={dg.DagsterEventType.RUN_FAILURE, dg.DagsterEventType.RUN_CANCELED}
        )
        cause = ended[-1].dagster_event.message if ended and ended[-1].dagster_event else None
        return found or {
            key: str(killed(run, key, cause or f"see {self._ui}/runs/{run.run_id}")) for key in keys
        }

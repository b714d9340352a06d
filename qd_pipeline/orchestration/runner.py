"""The pipeline runner: materializes what is stale, in this process.

A run for each category and class set, over the data directory's own Dagster instance, so that
Dagster's UI shows it like any other run.
"""

import time
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import timedelta
from functools import cached_property
from logging import getLogger
from typing import TYPE_CHECKING, Final
from uuid import uuid4

import dagster as dg

from qd_pipeline import catalog
from qd_pipeline.errors import DamagedPartition, QdError
from qd_pipeline.leases import Leases
from qd_pipeline.orchestration import resources, sigint
from qd_pipeline.orchestration.partitions import By
from qd_pipeline.orchestration.pipeline import Pipeline
from qd_pipeline.orchestration.resources import SourceResource
from qd_pipeline.orchestration.stage import Stage, StageConfig
from qd_pipeline.orchestration.stages.raw_drawings import version_at_source
from qd_pipeline.orchestration.staleness import SourceVersion, Staleness
from qd_pipeline.storage import PartitionStore

if TYPE_CHECKING:
    from qd_pipeline.tracking import Tracker

_LOG: Final = getLogger(__name__)

QUIET: Final = {"console": {"config": {"log_level": "CRITICAL"}}}
"""Dagster's loggers for runs of a command, which reports in its own words."""

_AS_LAUNCHED: Final = {".dagster/repository": "__repository__@qd_pipeline"}
"""Tag by which a job's page finds its runs; Dagster gives it to those that its UI launches."""

_ASKED_AT_ONCE: Final = 8


@dataclass
class PipelineRunner:
    """Materializes partitions in this process, and records what became of them.

    Dagster's instance and MLflow, which take seconds to open, are opened when the first partition
    turns out to be stale.

    Attributes:
        pipeline: The stages as the settings want them.
        configs: Configurations by stage, as the options of the command say.
        recovers: Whether to clean up after killed processes before the first partition.
        store: The partition store.
        source: The source of drawings.
        materialized: Partitions (`bitmaps cow`) that were materialized.
        up_to_date: Partitions that were up to date already.
        failures: One sentence for each run that failed, by partition key.
    """

    pipeline: Pipeline
    configs: Mapping[str, StageConfig]
    recovers: bool = False
    store: PartitionStore = field(init=False)
    source: SourceResource = field(init=False)
    materialized: list[str] = field(default_factory=list)
    up_to_date: list[str] = field(default_factory=list)
    failures: dict[str, str] = field(default_factory=dict)
    _versions: dict[str, str] = field(default_factory=dict, init=False)

    def __post_init__(self) -> None:
        self.store = resources.partition_store_of(self.pipeline.settings).store
        self.source = resources.source_of(self.pipeline.settings)

    @cached_property
    def definitions(self) -> dg.Definitions:
        """Dagster's definitions of the pipeline."""
        from qd_pipeline.orchestration.code_location import definitions_of  # noqa: PLC0415

        settings = self.pipeline.settings
        # Not as `resources_of`: a secret stands as its variable's name there.
        return definitions_of(
            self.pipeline,
            {
                "partition_store": resources.partition_store_of(settings),
                "source": self.source,
                "mlflow": resources.mlflow_of(settings),
            },
        )

    @cached_property
    def instance(self) -> dg.DagsterInstance:
        """The data directory's Dagster instance."""
        from qd_pipeline.orchestration import instance  # noqa: PLC0415

        return instance.of(self.pipeline.settings.home)

    @cached_property
    def tracker(self) -> "Tracker":
        """The MLflow tracker."""
        return resources.mlflow_of(self.pipeline.settings).tracker

    @property
    def logs_wait(self) -> bool:
        """Whether something may wait to be sent to MLflow, which is not imported to find that."""
        folder = self.pipeline.settings.home / "spool"
        return folder.is_dir() and any(folder.iterdir())

    def recover(self) -> None:
        """Clean up after killed processes, once, and report the settings to Dagster.

        Raises:
            QdError: The data directory, the store or MLflow cannot be used.
        """
        from qd_pipeline.orchestration import observations, recovery  # noqa: PLC0415

        if self.recovers:
            self.recovers = False
            recovery.recover(self.pipeline, self.store, self.tracker, self.instance)
            observations.report_settings(self.pipeline, self.instance, self.store)

    def run(self, class_sets: Sequence[str], on_partition: Callable[[str, int, int], None]) -> None:
        """Materialize everything stale that some class sets need.

        A partition that fails does not keep others from being materialized; what depends on it
        stays as it is.

        Args:
            class_sets: Their keys, in the order to train them.
            on_partition: Called before the partitions of each key with its name, the number of
                partitions done and their total.
        """
        needed = self.pipeline.partitions.upstream_keys
        keys_of = {name: needed(name, of=By.CLASS_SET, upstream=By.CATEGORY) for name in class_sets}
        keys = list(dict.fromkeys(key for needed_keys in keys_of.values() for key in needed_keys))
        each = {by: len(self.pipeline.chain(by)) for by in (By.CATEGORY, By.CLASS_SET)}
        total = each[By.CATEGORY] * len(keys) + each[By.CLASS_SET] * len(class_sets)
        self._ask_source(keys)
        staleness, done = self._staleness(self._version_at_source), 0
        for key in keys:
            on_partition(catalog.category_of(key), done, total)
            self._bring_up_to_date(By.CATEGORY, key, staleness)
            done += each[By.CATEGORY]
        # The source has been asked.
        staleness = self._staleness(None)
        for name in class_sets:
            on_partition(f"class set {name}", done, total)
            done += each[By.CLASS_SET]
            lacking = [key for key in keys_of[name] if key in self.failures]
            if lacking:
                cause = f"needs {', '.join(lacking)}, which failed"
                self.failures[name] = f"class set {name} {cause}: it stays as it was."
            else:
                self._bring_up_to_date(By.CLASS_SET, name, staleness)
        if self._must_recover():
            self.recover()
        elif self.recovers:
            self.store.collect_garbage()

    def materialize(self, key: str, stages: Sequence[Stage]) -> None:
        """Materialize some stages of one partition, stale or not, in one Dagster run.

        Without a source that answers there is no run, and the failure is recorded.

        Raises:
            HomeFailed: Dagster's databases cannot be written or read.
            KeyboardInterrupt: The run was interrupted.
        """
        # SQLAlchemy and Dagster's tables are not needed to find that all is up to date.
        from qd_pipeline.orchestration import instance as instances  # noqa: PLC0415
        from qd_pipeline.orchestration import observations, ownership  # noqa: PLC0415

        self.recover()
        settings, run_id = self.pipeline.settings, str(uuid4())
        after = timedelta(seconds=settings.abandoned_after)
        with sigint.observed(), instances.translate_errors(settings.home):
            if any(stage.pool for stage in stages):
                self._wait_for_slot(f"{stages[0].name} {key}")
            try:
                configs = {stage.name: self._config(stage, key) for stage in stages}
                for stage in stages:
                    config = configs[stage.name]
                    external = self._version_at_source(key, config) if stage.external else None
                    observations.report(self.pipeline, self.instance, stage, key, config, external)
            except QdError as error:
                self.failures[key] = str(error)
                return
            owner = ownership.tags(run_id, self.store, Leases(settings.leases), after)
            result = self._job(stages[0]).execute_in_process(
                partition_key=key if stages[0].by is not By.NOTHING else None,
                instance=self.instance,
                asset_selection=[dg.AssetKey(stage.name) for stage in stages],
                run_config={
                    "ops": {name: {"config": c.model_dump()} for name, c in configs.items()},
                    "loggers": QUIET,
                },
                # The command reports a failure; the daemon could not run it again.
                run_id=run_id,
                tags={**owner, **_AS_LAUNCHED, "dagster/max_retries": "0"},
                raise_on_error=False,
            )
        for event in result.get_asset_materialization_events():
            if event.asset_key:
                self.materialized.append(f"{event.asset_key.path[-1]} {key}")
        if not result.success:
            self.failures[key] = _sentence(result)

    def _must_recover(self) -> bool:
        """Return whether a killed process has left something, or something waits for MLflow.

        It looks at the data directory alone: what processes of other machines left waits until
        something is materialized, or the web servers start.
        """
        return self.logs_wait or Leases(self.pipeline.settings.leases).any_ended

    def _config(self, stage: Stage, key: str) -> StageConfig:
        try:
            made = self.store.find(stage.name, key)
        except DamagedPartition:
            made = None
        # Without a listing of the whole store: this is asked for each stage of each partition.
        return Staleness(self.pipeline, self.store, self.configs).config(stage, made)

    def _staleness(self, source_version: SourceVersion | None) -> Staleness:
        return Staleness(self.pipeline, self.store.snapshot(), self.configs, source_version)

    def _ask_source(self, keys: Sequence[str]) -> None:
        """Ask for the versions of what was downloaded before, several at once."""
        snapshot, stage = self.store.snapshot(), self.pipeline.stages["raw_drawings"]
        known = set(snapshot.keys(stage.name))

        def ask(key: str) -> None:
            with suppress(QdError):  # told when the category's turn comes
                self._version_at_source(key, self._config(stage, key))

        with ThreadPoolExecutor(_ASKED_AT_ONCE) as threads:
            list(threads.map(ask, [key for key in keys if key in known]))

    def _version_at_source(self, key: str, config: StageConfig) -> str:
        """Return the version of a category's file, asking the source once a command."""
        if key not in self._versions:
            self._versions[key] = version_at_source(self.source, key, config)
        return self._versions[key]

    def _wait_for_slot(self, partition: str) -> None:
        from qd_pipeline.orchestration import pool, recovery  # noqa: PLC0415 (as in `materialize`)

        if pool.is_full(self.instance):
            _LOG.warning("%s waits: another training is running.", partition)
        while pool.is_full(self.instance):
            recovery.close_abandoned(self.pipeline, self.store, self.instance)
            time.sleep(pool.SECONDS_BETWEEN_CHECKS)

    def _job(self, stage: Stage) -> dg.JobDefinition:
        if stage.on_request:
            # Studies have no job of their own: all of them at once are never wanted.
            return self.definitions.resolve_implicit_global_asset_job_def()
        from qd_pipeline.orchestration.jobs import JOB_OF  # noqa: PLC0415 (as in `materialize`)

        return self.definitions.resolve_job_def(JOB_OF[stage.by])

    def _bring_up_to_date(self, by: By, key: str, staleness: Staleness) -> None:
        try:
            stale = staleness.stale(by, key)
        except QdError as error:
            self.failures[key] = str(error)
            return
        chain = self.pipeline.chain(by)
        self.up_to_date += [f"{stage.name} {key}" for stage in chain if stage.name not in stale]
        if stale:
            self.materialize(key, [stage for stage in chain if stage.name in stale])


def _sentence(result: dg.ExecuteInProcessResult) -> str:
    """Return the first failed step's own sentence."""
    for event in result.filter_events(lambda event: event.is_step_failure):
        failure = event.step_failure_data
        if failure.user_failure_data and failure.user_failure_data.description:
            return failure.user_failure_data.description
        if failure.error:
            return f"{event.step_key}: {(failure.error.cause or failure.error).message.strip()}"
    return f"run {result.run_id} failed: see its page in Dagster's UI (`qd ui`)."

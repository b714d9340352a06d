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
from logging import getLogger
from typing import TYPE_CHECKING, Final
from uuid import uuid4

import dagster as dg

from qd_pipeline import catalog
from qd_pipeline.errors import DamagedPartition, QdError
from qd_pipeline.leases import Leases
from qd_pipeline.orchestration import instance as instances
from qd_pipeline.orchestration import observations, ownership, pool, recovery, sigint
from qd_pipeline.orchestration.jobs import JOB_OF
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


_ASKED_AT_ONCE: Final = 8


@dataclass
class PipelineRunner:
    """Materializes partitions in this process, and records what became of them.

    Attributes:
        pipeline: The stages as the settings want them.
        definitions: Dagster's definitions of them.
        instance: The data directory's Dagster instance.
        store: The partition store.
        source: The source of drawings.
        tracker: The MLflow tracker.
        configs: Configurations by stage, as the options of the command say.
        materialized: Partitions (`bitmaps cow`) that were materialized.
        up_to_date: Partitions that were up to date already.
        failures: One sentence for each run that failed, by partition key.
    """

    pipeline: Pipeline
    definitions: dg.Definitions
    instance: dg.DagsterInstance
    store: PartitionStore
    source: SourceResource
    tracker: "Tracker"
    configs: Mapping[str, StageConfig]
    materialized: list[str] = field(default_factory=list)
    up_to_date: list[str] = field(default_factory=list)
    failures: dict[str, str] = field(default_factory=dict)
    _versions: dict[str, str] = field(default_factory=dict, init=False)

    def run(self, class_sets: Sequence[str], on_partition: Callable[[str, int, int], None]) -> None:
        """Materialize everything stale that some class sets need.

        A partition that fails does not keep others from being materialized; what depends on it
        stays as it is.

        Args:
            class_sets: Their keys, in the order to train them.
            on_partition: Called before each partition with its name, the number of partitions
                done and their total.
        """
        needed = self.pipeline.partitions.upstream_keys
        keys_of = {name: needed(name, of=By.CLASS_SET, upstream=By.CATEGORY) for name in class_sets}
        keys = list(dict.fromkeys(key for needed_keys in keys_of.values() for key in needed_keys))
        self._ask_source(keys)
        staleness = self._staleness(self._version_at_source)
        for done, key in enumerate(keys):
            on_partition(catalog.category_of(key), done, len(keys) + len(class_sets))
            self._bring_up_to_date(By.CATEGORY, key, staleness)
        # The source has been asked.
        staleness = self._staleness(None)
        for done, name in enumerate(class_sets, start=len(keys)):
            on_partition(f"class set {name}", done, len(keys) + len(class_sets))
            lacking = [key for key in keys_of[name] if key in self.failures]
            if lacking:
                cause = f"needs {', '.join(lacking)}, which failed"
                self.failures[name] = f"class set {name} {cause}: it stays as it was."
            else:
                self._bring_up_to_date(By.CLASS_SET, name, staleness)

    def materialize(self, key: str, stages: Sequence[Stage]) -> None:
        """Materialize some stages of one partition, stale or not, in one Dagster run.

        Without a source that answers there is no run, and the failure is recorded.

        Raises:
            HomeFailed: Dagster's databases cannot be written or read.
            KeyboardInterrupt: The run was interrupted.
        """
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
                tags={**owner, "dagster/max_retries": "0"},
                raise_on_error=False,
            )
        for event in result.get_asset_materialization_events():
            if event.asset_key:
                self.materialized.append(f"{event.asset_key.path[-1]} {key}")
        if not result.success:
            self.failures[key] = _sentence(result)

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
        if pool.is_full(self.instance):
            _LOG.warning("%s waits: another training is running.", partition)
        while pool.is_full(self.instance):
            recovery.close_abandoned(self.pipeline, self.store, self.instance)
            time.sleep(pool.SECONDS_BETWEEN_CHECKS)

    def _job(self, stage: Stage) -> dg.JobDefinition:
        if stage.on_request:
            # Studies have no job of their own: all of them at once are never wanted.
            return self.definitions.resolve_implicit_global_asset_job_def()
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
    return f"run {result.run_id} failed: see its page in Dagster's UI (`make ui`)."

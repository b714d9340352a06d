"""The pipeline runner: materializes what is stale, in this process.

A run for the categories, and one for each class set, over the data directory's own Dagster
instance, so that Dagster's UI shows it like any other run.
"""

import itertools
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
from qd_pipeline.class_sets import listed
from qd_pipeline.errors import DamagedPartition, QdError, SourceUnreachable
from qd_pipeline.leases import Leases
from qd_pipeline.orchestration import progress, resources, sigint
from qd_pipeline.orchestration.batches import Batch, batches
from qd_pipeline.orchestration.failures import failures_of
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
_MOST_NAMED: Final = 10


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
        failures: One sentence for each partition that failed, by its key.
    """

    pipeline: Pipeline
    configs: Mapping[str, StageConfig]
    recovers: bool = False
    store: PartitionStore = field(init=False)
    source: SourceResource = field(init=False)
    materialized: list[str] = field(default_factory=list)
    up_to_date: list[str] = field(default_factory=list)
    failures: dict[str, str] = field(default_factory=dict)
    _versions: dict[str, str | QdError] = field(default_factory=dict, init=False)

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
        from qd_pipeline.orchestration import engine, instance  # noqa: PLC0415

        settings = self.pipeline.settings
        settings.export_secrets()
        return instance.of(settings.home, engine.rendered_config(settings))

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
            on_partition: Called before the partitions of each key that are stale with what is
                done to it, the number of partitions done and their total.
        """
        needed = self.pipeline.partitions.upstream_keys
        keys_of = {name: needed(name, of=By.CLASS_SET, upstream=By.CATEGORY) for name in class_sets}
        keys = list(dict.fromkeys(key for needed_keys in keys_of.values() for key in needed_keys))
        each = {by: len(self.pipeline.chain(by)) for by in (By.CATEGORY, By.CLASS_SET)}
        total = each[By.CATEGORY] * len(keys) + each[By.CLASS_SET] * len(class_sets)
        self.run_categories(
            keys, lambda name, done: on_partition(name, done * each[By.CATEGORY], total)
        )
        # The source has been asked.
        staleness, done = self._staleness(None), each[By.CATEGORY] * len(keys)
        for name in class_sets:
            lacking = [key for key in keys_of[name] if key in self.failures]
            if lacking:
                cause = f"needs {listed(lacking, _MOST_NAMED)}, which failed"
                self.failures[name] = f"class set {name} {cause}: it stays as it was."
            elif configs := self._stale(By.CLASS_SET, name, staleness):
                verb = "training" if "classifiers" in configs else "evaluating"
                on_partition(f"{verb} class set {name}", done, total)
                self.materialize_batches(batches(self.pipeline, By.CLASS_SET, {name: configs}))
            done += each[By.CLASS_SET]
        if self._must_recover():
            self.recover()
        elif self.recovers:
            self.store.collect_garbage()

    def run_categories(self, keys: Sequence[str], on_category: Callable[[str, int], None]) -> None:
        """Materialize everything stale of some categories, many in one Dagster run.

        Args:
            keys: Their partition keys.
            on_category: Called before each that is stale with its name and how many are done.
        """
        staleness = self._staleness(self._version_at_source)
        self._ask_source(keys, staleness)
        stale = {key: self._stale(By.CATEGORY, key, staleness) for key in keys}
        done = itertools.count(sum(not configs for configs in stale.values()))
        token = progress.started.set(lambda key: on_category(catalog.category_of(key), next(done)))
        try:
            self.materialize_batches(batches(self.pipeline, By.CATEGORY, stale))
        finally:
            progress.started.reset(token)

    def materialize(self, key: str, stages: Sequence[Stage]) -> None:
        """Materialize some stages of one partition, stale or not, in one Dagster run.

        Without a source that answers there is no run, and the failure is recorded.

        Raises:
            HomeFailed: Dagster's databases cannot be written or read.
            KeyboardInterrupt: The run was interrupted.
        """
        staleness = Staleness(self.pipeline, self.store, self.configs)
        try:
            configs = {stage.name: self._config(staleness, stage, key) for stage in stages}
            for stage in stages:
                if stage.external:
                    self._version_at_source(key, configs[stage.name])
        except QdError as error:
            self.failures[key] = str(error)
        else:
            self.materialize_batches([Batch((key,), tuple(stages), configs)])

    def materialize_batches(self, found: Sequence[Batch]) -> None:
        """Materialize some batches, one Dagster run after the other."""
        for batch in found:
            self._materialize(batch)

    def _materialize(self, batch: Batch) -> None:
        # SQLAlchemy and Dagster's tables are not needed to find that all is up to date.
        from qd_pipeline.orchestration import instance as instances  # noqa: PLC0415
        from qd_pipeline.orchestration import ownership  # noqa: PLC0415

        self.recover()
        settings, run_id = self.pipeline.settings, str(uuid4())
        after = timedelta(seconds=settings.abandoned_after)
        with (
            sigint.observed(),
            instances.translate_errors(settings.home),
            instances.held_open(),
        ):
            if any(stage.pool for stage in batch.stages):
                self._wait_for_slot(f"{batch.stages[0].name} {batch.keys[0]}")
            self.report_wanted(batch)
            owner = ownership.tags(run_id, self.store, Leases(settings.leases), after)
            result = self._job(batch.stages[0]).execute_in_process(
                instance=self.instance,
                asset_selection=[dg.AssetKey(stage.name) for stage in batch.stages],
                run_config={**batch.run_config, "loggers": QUIET},
                # The command reports a failure; the daemon could not run it again.
                run_id=run_id,
                tags={**owner, **batch.tags, **_AS_LAUNCHED, "dagster/max_retries": "0"},
                raise_on_error=False,
            )
        made: dict[str, list[str]] = {key: [] for key in batch.keys}
        for event in result.get_asset_materialization_events():
            if event.asset_key:
                made[event.partition or batch.keys[0]].append(event.asset_key.path[-1])
        self.materialized += [f"{stage} {key}" for key in made for stage in made[key]]
        if not result.success:
            self.failures |= _failures(result, batch)

    def report_wanted(self, batch: Batch) -> None:
        """Report to Dagster what the partitions of a batch are to be made from."""
        from qd_pipeline.orchestration import observations  # noqa: PLC0415 (as in `_materialize`)

        for stage in batch.stages:
            config = batch.configs[stage.name]
            wanted = {
                key: (config, self._version_at_source(key, config) if stage.external else None)
                for key in batch.keys
            }
            observations.report(self.pipeline, self.instance, stage, wanted)

    def _must_recover(self) -> bool:
        """Return whether a killed process has left something, or something waits for MLflow.

        It looks at the data directory alone: what processes of other machines left waits until
        something is materialized, or the web servers start.
        """
        return self.logs_wait or Leases(self.pipeline.settings.leases).any_ended

    def _stale(self, by: By, key: str, staleness: Staleness) -> Mapping[str, StageConfig]:
        """Return the configurations of a partition's stale stages; none where that is not known."""
        chain = self.pipeline.chain(by)
        try:
            reasons = staleness.stale(by, key)
            stale = [stage for stage in chain if stage.name in reasons]
            configs = {stage.name: self._config(staleness, stage, key) for stage in stale}
            for stage in stale:
                configs[stage.name].effective(key, self.pipeline.class_sets)
                if stage.external:
                    self._version_at_source(key, configs[stage.name])
        except QdError as error:
            self.failures[key] = str(error)
            return {}
        self.up_to_date += [f"{stage.name} {key}" for stage in chain if stage not in stale]
        return configs

    def _staleness(self, source_version: SourceVersion | None) -> Staleness:
        return Staleness(self.pipeline, self.store.snapshot(), self.configs, source_version)

    def _ask_source(self, keys: Sequence[str], staleness: Staleness) -> None:
        """Ask for the versions of files, several at once where the source can be reached."""
        stage = self.pipeline.stages["raw_drawings"]

        def ask(key: str) -> None:
            with suppress(QdError):  # told when the category's turn comes
                self._version_at_source(key, self._config(staleness, stage, key))

        for key in keys[:1]:
            ask(key)
            if isinstance(unreachable := self._versions.get(key), SourceUnreachable):
                self._versions |= dict.fromkeys(keys, unreachable)
                return
        with ThreadPoolExecutor(_ASKED_AT_ONCE) as threads:
            list(threads.map(ask, keys[1:]))

    def recorded(self, stage: Stage, key: str) -> StageConfig | None:
        """Return the configuration of a partition whose manifest is damaged, None without record.

        Raises:
            HomeFailed: Dagster's databases cannot be read.
        """
        from qd_pipeline.orchestration import instance as instances  # noqa: PLC0415 (as in `_materialize`)
        from qd_pipeline.orchestration.records import recorded_config  # noqa: PLC0415

        with instances.translate_errors(self.pipeline.settings.home):
            return recorded_config(
                self.pipeline,
                stage,
                key,
                store=self.store,
                instance=self.instance,
                tracker=lambda: self.tracker,
            )

    def _config(self, staleness: Staleness, stage: Stage, key: str) -> StageConfig:
        made = None
        try:
            made = staleness.store.find(stage.name, key)
        except DamagedPartition:
            if stage.name not in self.configs and (config := self.recorded(stage, key)):
                return config
        return staleness.config(stage, made)

    def _version_at_source(self, key: str, config: StageConfig) -> str:
        """Return the version of a category's file, asking the source once a command."""
        if key not in self._versions:
            try:
                self._versions[key] = version_at_source(self.source, key, config)
            except QdError as error:
                self._versions[key] = error
        found = self._versions[key]
        if isinstance(found, QdError):
            raise found
        return found

    def _wait_for_slot(self, partition: str) -> None:
        from qd_pipeline.orchestration import pool, recovery  # noqa: PLC0415 (as in `materialize`)

        if pool.is_full(self.instance):
            _LOG.warning("%s waits: another training is running.", partition)
        while pool.is_full(self.instance):
            recovery.close_abandoned(self.pipeline, self.store, self.instance)
            time.sleep(pool.SECONDS_BETWEEN_CHECKS)

    def _job(self, stage: Stage) -> dg.JobDefinition:
        from qd_pipeline.orchestration.jobs import job_name  # noqa: PLC0415 (as in `materialize`)

        return self.definitions.resolve_job_def(job_name(stage))


def _failures(result: dg.ExecuteInProcessResult, batch: Batch) -> dict[str, str]:
    """Return one sentence for each partition that failed."""
    found: dict[str, str] = {}
    for event in result.filter_events(lambda event: event.is_step_failure):
        for failed in failures_of(event, result.dagster_run, ""):
            for key in [failed.partition] if failed.partition else batch.keys:
                found.setdefault(key, failed.sentence)
    told = f"run {result.run_id} failed: see its page in Dagster's UI (`qd ui`)."
    return found or dict.fromkeys(batch.keys, told)

"""Runs of batches in this process, over the data directory's own Dagster instance."""

import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from logging import getLogger
from typing import TYPE_CHECKING, Final
from uuid import uuid4

import dagster as dg

from qd_pipeline.errors import QdError
from qd_pipeline.orchestration import origin, resources, sigint
from qd_pipeline.orchestration.batches import Batch
from qd_pipeline.orchestration.failures import failures_of
from qd_pipeline.orchestration.pipeline import Pipeline
from qd_pipeline.orchestration.resources import SourceResource
from qd_pipeline.orchestration.stage import Stage, StageConfig
from qd_pipeline.orchestration.stages.raw_drawings import version_at_source
from qd_pipeline.storage import PartitionStore

if TYPE_CHECKING:
    from qd_pipeline.tracking import Tracker

_LOG: Final = getLogger(__name__)

QUIET: Final = {"console": {"config": {"log_level": "CRITICAL"}}}
"""Dagster's loggers for runs of a command, which reports in its own words."""


@dataclass
class BatchRunner:
    """Materializes batches in this process, and records what became of their partitions.

    Dagster's instance and MLflow, which take seconds to open, are opened when they are needed.

    Attributes:
        pipeline: The stages as the settings want them.
        configs: Configurations by stage, as the options of the command say.
        recovers: Whether to clean up after killed processes before the first partition.
        store: The partition store.
        source: The source of drawings.
        materialized: Partitions (`bitmaps cow`) that were materialized.
        failures: One sentence for each partition that failed, by its key.
    """

    pipeline: Pipeline
    configs: Mapping[str, StageConfig]
    recovers: bool = False
    store: PartitionStore = field(init=False)
    source: SourceResource = field(init=False)
    materialized: list[str] = field(default_factory=list)
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
        with (
            sigint.observed(),
            instances.translate_errors(settings.home),
            instances.held_open(),
        ):
            if any(stage.pool for stage in batch.stages):
                self._wait_for_slot(f"{batch.stages[0].name} {batch.keys[0]}")
            self.report_wanted(batch)
            owner = ownership.tags(run_id, self.store, settings)
            result = self._job(batch.stages[0]).execute_in_process(
                instance=self.instance,
                asset_selection=[dg.AssetKey(stage.name) for stage in batch.stages],
                run_config={**batch.run_config, "loggers": QUIET},
                # The command reports a failure; the daemon would repeat it with other settings.
                run_id=run_id,
                tags={**owner, **batch.tags, **origin.tags(run_id), "dagster/max_retries": "0"},
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

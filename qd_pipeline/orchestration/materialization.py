"""One partition being materialized: inputs in, staged files out, MLflow and Dagster told."""

from __future__ import annotations

from contextlib import contextmanager
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any

import dagster as dg

from qd_pipeline import catalog
from qd_pipeline.errors import DamagedPartition, QdError
from qd_pipeline.orchestration import progress, sigint
from qd_pipeline.orchestration.fingerprint import fingerprint
from qd_pipeline.orchestration.partitions import By, key_of
from qd_pipeline.orchestration.provenance import Provenance

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence
    from pathlib import Path

    from qd_pipeline.orchestration.pipeline import Pipeline
    from qd_pipeline.orchestration.resources import (
        MLflowResource,
        PartitionStoreResource,
        SourceResource,
    )
    from qd_pipeline.orchestration.stage import CheckResult, Result, Stage, StageConfig
    from qd_pipeline.storage import Partition, PartitionStore, StagedPartition
    from qd_pipeline.tracking import TrackedRun, Tracker


class BlockingCheckFailed(DamagedPartition):
    """A check that blocks has failed: nothing is published.

    Args:
        stage: Of the partition.
        key: Of the partition.
        results: What all checks found.
        failed: The one that failed.
    """

    def __init__(
        self, stage: str, key: str, results: Sequence[CheckResult], failed: CheckResult
    ) -> None:
        super().__init__(
            f"{stage} {key}",
            f"failed its check {failed.name} ({failed.found})",
            f"nothing was published; materialize it again with `qd make {stage} {key}`",
        )
        self.results = results


@dataclass(frozen=True)
class MaterializationContext:
    """What a stage works with on one partition.

    Attributes:
        stage: The stage.
        key: The partition key.
        pipeline: The stages as the settings bind them.
        inputs: Published partitions by input stage and key, each read once.
        staged: The partition being written, unseen until it is published.
        run: The MLflow run that it logs to.
        provenance: Where the drawings come from.
        dagster: Dagster's context of the step.
    """

    stage: Stage
    key: str
    pipeline: Pipeline
    inputs: Mapping[str, Mapping[str, Partition]]
    staged: StagedPartition
    run: TrackedRun
    provenance: Provenance
    dagster: dg.AssetExecutionContext

    @property
    def class_set(self) -> tuple[str, ...]:
        """Categories of the class set that the partition is of, in the order of outputs."""
        return self.pipeline.class_sets[self.key]

    @cached_property
    def store(self) -> PartitionStore:
        """The partition store."""
        resource: PartitionStoreResource = self.dagster.resources.partition_store
        return resource.store

    @cached_property
    def source(self) -> SourceResource:
        """The source resource."""
        resource: SourceResource = self.dagster.resources.source
        return resource

    @cached_property
    def tracker(self) -> Tracker:
        """The MLflow tracker."""
        resource: MLflowResource = self.dagster.resources.mlflow
        return resource.tracker

    def path(self, name: str) -> Path:
        """Return the path of a file to write."""
        return self.staged.path(name)

    def input(self, stage: str) -> Partition:
        """Return the one partition of an input that is partitioned as this stage is."""
        return self.inputs[stage][self.key]

    def open(self, partition: Partition, name: str) -> Path:
        """Return a verified local file of an input.

        Raises:
            DamagedPartition: The file is not what was written.
        """
        return self.store.open_local(partition, name)

    def on_progress(self, unit: str) -> progress.OnProgress:
        """Return a function that reports how much is done, counted in `unit`."""
        return progress.of(f"{self.stage.name} {self.key}", unit, self.dagster.log)

    def log_inputs(self) -> None:
        """Log the inputs as datasets of the MLflow run."""
        for partitions in self.inputs.values():
            for made in partitions.values():
                counts = {k: v for k, v in made.metadata.items() if isinstance(v, int)}
                name = f"{made.stage}/{made.key}"
                self.run.log_dataset(name, made.version, self.provenance.source, counts)

    def tags(self) -> dict[str, str]:
        """Return the tags of every MLflow run of this step."""
        return _tags(self.stage, self.dagster, self.provenance)

    def require(self, results: Sequence[CheckResult]) -> None:
        """Refuse to go on when a blocking check has failed.

        Raises:
            BlockingCheckFailed: One has.
        """
        blocking = {check.name for check in self.stage.checks if check.blocking}
        for result in results:
            if result.name in blocking and not result.passed:
                raise BlockingCheckFailed(self.stage.name, self.key, results, result)


def materialize(
    stage: Stage, pipeline: Pipeline, context: dg.AssetExecutionContext
) -> Iterator[dg.AssetCheckResult | dg.MaterializeResult[None]]:
    """Materialize the partition of a step: read inputs, stage, check, publish, log.

    Raises:
        dagster.Failure: For every `QdError`, with its one sentence as description.
    """
    try:
        config = pipeline.config(stage, **context.op_execution_context.op_config)
        settings = config.effective(key_of(context), pipeline.class_sets)
        with _opened(stage, pipeline, context) as materialization:
            result = stage.materialize(materialization, config)
            materialization.require(result.checks)
            yield from _check_results(stage, result.checks)
            yield _published(materialization, config, settings, result)
    except QdError as error:
        if isinstance(error, BlockingCheckFailed):
            yield from _check_results(stage, error.results)
        raise dg.Failure(str(error), allow_retries=False) from None


@contextmanager
def _opened(
    stage: Stage, pipeline: Pipeline, context: dg.AssetExecutionContext
) -> Iterator[MaterializationContext]:
    key = key_of(context)
    store: PartitionStore = context.resources.partition_store.store
    inputs = pipeline.read_inputs(stage, key, store)
    provenance = Provenance.of_partitions(
        made for partitions in inputs.values() for made in partitions.values()
    ) or Provenance.of_source(context.resources.source.source())
    with (
        sigint.redelivered(),
        _run(stage, key, context, provenance, inputs) as run,
        store.stage(stage.name, key) as staged,
    ):
        yield MaterializationContext(stage, key, pipeline, inputs, staged, run, provenance, context)
    if run.waits:
        context.log.warning("MLflow stopped answering: `qd send` sends what was not logged.")


def _run(
    stage: Stage,
    key: str,
    context: dg.AssetExecutionContext,
    provenance: Provenance,
    inputs: Mapping[str, Mapping[str, Partition]],
) -> Any:
    from qd_pipeline import tracking  # noqa: PLC0415 (MLflow takes seconds to import)

    tracker: Tracker = context.resources.mlflow.tracker
    if stage.continues:
        return tracker.again(inputs[stage.continues][key].metadata["mlflow_run"])
    # The tag is given to runs that Dagster's UI or its daemon launches again.
    repeated = context.run.root_run_id or context.run.tags.get("dagster/root_run_id")
    experiment = {"drawings": tracking.DATA, "learning": tracking.CLASSIFIERS}.get(
        stage.group, tracking.STUDIES
    )
    subject = catalog.category_of(key) if stage.by is By.CATEGORY else key
    title = f"{key} categories" if stage.group == "learning" else f"{stage.name} {subject}"
    return tracker.run(
        experiment,
        tracking.Identity(repeated or context.run.run_id, stage.name, key),
        name=title,
        tags=_tags(stage, context, provenance),
        may_exist=repeated is not None or context.retry_number > 0,
    )


def _tags(
    stage: Stage, context: dg.AssetExecutionContext, provenance: Provenance
) -> dict[str, str]:
    return {
        **provenance.tags(),
        "dagster_run_id": context.run.run_id,
        "code_version": stage.code_version,
    }


def _published(
    context: MaterializationContext,
    config: StageConfig,
    settings: Mapping[str, Any],
    result: Result,
) -> dg.MaterializeResult[None]:
    inputs = [made for partitions in context.inputs.values() for made in partitions.values()]
    made_from = fingerprint(context.stage, settings, inputs)
    if context.stage.external:
        made_from["inputs"][f"{context.stage.external}/{context.key}"] = result.external
    partition = context.staged.publish(
        fingerprint=made_from,
        metadata={
            **result.metadata,
            **context.provenance.metadata(),
            "run_config": config.model_dump(mode="json"),
            "chosen": context.pipeline.chosen(context.stage, config),
            "mlflow_run": context.run.id,
        },
        version=result.version,
    )
    context.run.log(
        params=settings,
        metrics=result.metrics,
        tags={"data_version": partition.version},
        dataset=result.dataset,
    )
    return dg.MaterializeResult(
        metadata={
            **result.shown,
            "source": context.provenance.source,
            "MLflow run": dg.MetadataValue.url(context.run.link),
            "MLflow run id": context.run.id,
            "files": dg.MetadataValue.path(context.store.location(partition)),
        },
        data_version=dg.DataVersion(partition.version),
    )


def _check_results(stage: Stage, results: Sequence[CheckResult]) -> Iterator[dg.AssetCheckResult]:
    blocking = {check.name for check in stage.checks if check.blocking}
    for result in results:
        error, warning = dg.AssetCheckSeverity.ERROR, dg.AssetCheckSeverity.WARN
        yield dg.AssetCheckResult(
            check_name=result.name,
            passed=bool(result.passed),
            severity=error if result.name in blocking else warning,
            description=result.found,
            metadata=result.metadata,
        )

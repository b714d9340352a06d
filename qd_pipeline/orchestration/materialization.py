"""Materializing one partition: inputs in, staged files out, MLflow and Dagster told."""

from __future__ import annotations

from contextlib import contextmanager
from datetime import timedelta
from typing import TYPE_CHECKING, Any

import dagster as dg

from qd_pipeline import catalog
from qd_pipeline.errors import QdError
from qd_pipeline.leases import Leases
from qd_pipeline.orchestration import ownership, sigint
from qd_pipeline.orchestration.context import BlockingCheckFailed, MaterializationContext, run_tags
from qd_pipeline.orchestration.fingerprint import fingerprint
from qd_pipeline.orchestration.partitions import By, key_of
from qd_pipeline.orchestration.provenance import Provenance

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from qd_pipeline.orchestration.pipeline import Pipeline
    from qd_pipeline.orchestration.stage import CheckResult, Result, Stage, StageConfig
    from qd_pipeline.storage import Partition, PartitionStore
    from qd_pipeline.tracking import Tracker


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
    # What is killed is closed by the next command, whatever launched it.
    after = timedelta(seconds=pipeline.settings.abandoned_after)
    leases = Leases(pipeline.settings.leases)
    owner = ownership.tags(context.run.run_id, store, leases, after)
    context.instance.add_run_tags(context.run.run_id, owner)
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
        tags=run_tags(stage, context, provenance),
        may_exist=repeated is not None or context.retry_number > 0,
    )


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
            "failed_checks": {each.name: each.found for each in result.checks if not each.passed},
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

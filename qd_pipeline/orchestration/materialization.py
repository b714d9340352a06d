"""Materializing one partition: inputs in, staged files out, MLflow and Dagster told."""

from __future__ import annotations

from contextlib import nullcontext
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import dagster as dg

from qd_pipeline.errors import QdError
from qd_pipeline.orchestration import origin, ownership, sigint
from qd_pipeline.orchestration.context import BlockingCheckFailed, MaterializationContext, run_tags
from qd_pipeline.orchestration.fingerprint import fingerprint
from qd_pipeline.orchestration.partitions import key_of
from qd_pipeline.orchestration.provenance import Provenance
from qd_pipeline.orchestration.stages.training_config import SharedTrainingConfig

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from qd_pipeline.orchestration.pipeline import Pipeline
    from qd_pipeline.orchestration.stage import CheckResult, Result, Stage, StageConfig
    from qd_pipeline.storage import Partition
    from qd_pipeline.tracking import TrackedRun, Tracker


@dataclass(frozen=True)
class Materialized:
    """A partition that was published.

    Attributes:
        partition: As it lies in the store.
        result: What the stage found.
        metadata: For the asset's page.
    """

    partition: Partition
    result: Result
    metadata: Mapping[str, Any]


def materialize(
    stage: Stage, pipeline: Pipeline, context: dg.AssetExecutionContext
) -> Iterator[dg.AssetCheckResult | dg.MaterializeResult[None]]:
    """Materialize the one partition of a step.

    Raises:
        dagster.Failure: For every `QdError`, with its one sentence as description.
    """
    try:
        config = pipeline.config(stage, **context.op_execution_context.op_config)
        key = key_of(context)
        config.effective(key, pipeline.class_sets)  # refused before anything is written
        take_ownership(pipeline, context)
        with sigint.redelivered():
            made = materialize_partition(stage, key, config, pipeline, context)
            if made is None:
                return
    except QdError as error:
        if isinstance(error, BlockingCheckFailed):
            yield from _check_results(stage, error.results)
        raise dg.Failure(str(error), allow_retries=False) from None
    for note in made.result.notes:
        context.log.warning(note)
    yield from _check_results(stage, made.result.checks)
    version = dg.DataVersion(made.partition.version)
    yield dg.MaterializeResult(metadata=made.metadata, data_version=version)


def take_ownership(pipeline: Pipeline, context: dg.AssetExecutionContext) -> None:
    """Name this process as the one that works on a run, and the code location that it is of."""
    # What is killed is closed by the next command, whatever launched it.
    store = context.resources.partition_store.store
    owner = ownership.tags(context.run.run_id, store, pipeline.settings)
    context.instance.add_run_tags(context.run.run_id, owner)
    origin.report(context.instance, context.run)


def repeats(context: dg.AssetExecutionContext) -> str | None:
    """Return the Dagster run that a step tries again, None where it is the first attempt."""
    # The tag is given to runs that Dagster's UI or its daemon launches again.
    root = context.run.root_run_id or context.run.tags.get("dagster/root_run_id")
    return root or (context.run.run_id if context.retry_number else None)


def materialize_partition(
    stage: Stage,
    key: str,
    config: StageConfig,
    pipeline: Pipeline,
    context: dg.AssetExecutionContext,
    shared: TrackedRun | None = None,
) -> Materialized | None:
    """Materialize one partition of a stage: read inputs, stage, check, publish, log.

    Args:
        stage: The stage.
        key: The partition key.
        config: What it is made with.
        pipeline: The stages as the settings want them.
        context: Dagster's context of the step.
        shared: MLflow run of all partitions of the step, which logs them by itself.

    Returns:
        None where it took part in what another run publishes.

    Raises:
        QdError: It cannot be made; nothing is published.
    """
    settings = config.effective(key, pipeline.class_sets)
    store = context.resources.partition_store.store
    inputs = pipeline.read_inputs(stage, key, store)
    read = [made for partitions in inputs.values() for made in partitions.values()]
    provenance = Provenance.of_partitions(read) or Provenance.of_source(
        context.resources.source.source()
    )
    own = nullcontext(shared) if shared else _run(stage, key, config, context, provenance, inputs)
    with own as run, store.stage(stage.name, key) as staged:
        made_from = fingerprint(stage, settings, read)
        work = MaterializationContext(
            stage, key, pipeline, inputs, made_from, staged, run, provenance, context
        )
        result = stage.materialize(work, config)
        if result is None:
            return None
        work.require(result.checks)
        partition = _published(work, config, result)
        for each in work.after_publishing:
            each()
        if not shared:
            run.log(
                params=settings,
                metrics=result.metrics,
                tags={"data_version": partition.version},
                dataset=result.dataset,
            )
    if not shared:
        tell_of_waiting(run, context)
    metadata = {
        **result.shown,
        "source": provenance.source,
        "MLflow run": dg.MetadataValue.url(run.link),
        # In the link as well: Dagster's database keeps the events of many partitions twice.
        **({} if shared else {"MLflow run id": run.id}),
        "files": dg.MetadataValue.path(store.location(partition)),
    }
    return Materialized(partition, result, metadata)


def tell_of_waiting(run: TrackedRun, context: dg.AssetExecutionContext) -> None:
    """Warn in Dagster's log of what MLflow has not taken."""
    if run.waits:
        context.log.warning("MLflow stopped answering: `qd send` sends what was not logged.")


def severity(stage: Stage, check: CheckResult) -> dg.AssetCheckSeverity:
    """Return the severity of a failed check: an error if it blocks."""
    return dg.AssetCheckSeverity.ERROR if stage.blocks(check) else dg.AssetCheckSeverity.WARN


def _run(
    stage: Stage,
    key: str,
    config: StageConfig,
    context: dg.AssetExecutionContext,
    provenance: Provenance,
    inputs: Mapping[str, Mapping[str, Partition]],
) -> Any:
    from qd_pipeline import tracking  # noqa: PLC0415 (MLflow takes seconds to import)

    if isinstance(config, SharedTrainingConfig) and config.worker:
        return nullcontext()  # it logs to the run of the worker that publishes
    tracker: Tracker = context.resources.mlflow.tracker
    if stage.continues:
        return tracker.again(inputs[stage.continues][key].metadata["mlflow_run"])
    repeated = repeats(context)
    learns = stage.group == "learning"
    return tracker.run(
        tracking.CLASSIFIERS if learns else tracking.STUDIES,
        tracking.Identity(repeated or context.run.run_id, stage.name, key),
        name=f"{key} categories" if learns else f"{stage.name} {key}",
        tags=run_tags(stage, context, provenance),
        may_exist=repeated is not None,
    )


def _published(
    work: MaterializationContext,
    config: StageConfig,
    result: Result,
) -> Partition:
    made_from = work.fingerprint
    if work.stage.external:
        made_from["inputs"][f"{work.stage.external}/{work.key}"] = result.external
    return work.staged.publish(
        fingerprint=made_from,
        metadata={
            **result.metadata,
            **work.provenance.metadata(),
            "run_config": config.model_dump(mode="json"),
            "chosen": work.pipeline.chosen(work.stage, config),
            "failed_checks": {each.name: each.found for each in result.checks if not each.passed},
            "mlflow_run": work.run.id,
        },
        version=result.version,
    )


def _check_results(stage: Stage, results: Sequence[CheckResult]) -> Iterator[dg.AssetCheckResult]:
    for result in results:
        yield dg.AssetCheckResult(
            check_name=result.name,
            passed=bool(result.passed),
            severity=severity(stage, result),
            description=result.found,
            metadata=result.metadata,
        )

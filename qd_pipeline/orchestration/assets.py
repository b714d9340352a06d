"""Dagster assets, made from the stages' declarations."""

from collections.abc import Iterator, Sequence

import dagster as dg

from qd_pipeline.orchestration.batches import MOST_PARTITIONS
from qd_pipeline.orchestration.data_stages import Event, materialize_all
from qd_pipeline.orchestration.materialization import materialize
from qd_pipeline.orchestration.observations import CLASS_SETS
from qd_pipeline.orchestration.partitions import By
from qd_pipeline.orchestration.pipeline import Pipeline
from qd_pipeline.orchestration.stage import DATA_STAGES, Stage
from qd_pipeline.orchestration.stages.training_config import (
    SharedTrainingConfig,
    TrainingStageConfig,
)

_RESOURCES = {"partition_store", "source", "mlflow"}


def assets_of(pipeline: Pipeline) -> Sequence[dg.AssetsDefinition]:
    """Return the assets of all stages."""
    stages = pipeline.stages.values()
    single = [_single(stage, pipeline) for stage in stages if stage.op != DATA_STAGES]
    return [_data_stages([each for each in stages if each.op == DATA_STAGES], pipeline), *single]


def _data_stages(stages: Sequence[Stage], pipeline: Pipeline) -> dg.AssetsDefinition:
    """Return the assets that one step materializes, many partitions a run."""

    @dg.multi_asset(
        name=DATA_STAGES,
        specs=[_spec(stage, pipeline, skippable=True) for stage in stages],
        check_specs=[spec for stage in stages for spec in _check_specs(stage)],
        can_subset=True,
        backfill_policy=dg.BackfillPolicy.multi_run(MOST_PARTITIONS),
        required_resource_keys=_RESOURCES,
        config_schema={stage.name: _config(stage, pipeline) for stage in stages},
    )
    def compute(context: dg.AssetExecutionContext) -> Iterator[Event]:
        yield from materialize_all(pipeline, context)

    return compute


def _single(stage: Stage, pipeline: Pipeline) -> dg.AssetsDefinition:
    """Return the asset of a stage that a step of its own materializes."""

    @dg.multi_asset(
        name=stage.name,
        specs=[
            # Of several workers one publishes.
            _spec(stage, pipeline, skippable=issubclass(stage.config, SharedTrainingConfig))
        ],
        check_specs=_check_specs(stage),
        pool=stage.pool,
        required_resource_keys=_RESOURCES,
        config_schema=_config(stage, pipeline),
    )
    def compute(
        context: dg.AssetExecutionContext,
    ) -> Iterator[dg.AssetCheckResult | dg.MaterializeResult[None]]:
        yield from materialize(stage, pipeline, context)

    return compute


def _spec(stage: Stage, pipeline: Pipeline, *, skippable: bool) -> dg.AssetSpec:
    return dg.AssetSpec(
        stage.name,
        description=stage.description,
        partitions_def=pipeline.partitions.definition(stage.by),
        deps=_deps(stage, pipeline),
        group_name=stage.group,
        kinds=set(stage.kinds),
        owners=[stage.owner],
        code_version=stage.code_version,
        metadata=stage.metadata,
        skippable=skippable,
    )


def _check_specs(stage: Stage) -> list[dg.AssetCheckSpec]:
    return [
        dg.AssetCheckSpec(
            check.name, asset=stage.name, description=check.description, blocking=check.blocking
        )
        for check in stage.checks
    ]


def _config(stage: Stage, pipeline: Pipeline) -> dict[str, dg.Field]:
    # Read by us, so that a value out of its range is told in one sentence.
    return pipeline.config_types[stage.name].to_fields_dict()


def _deps(stage: Stage, pipeline: Pipeline) -> list[dg.AssetDep]:
    inputs = [each.stage for each in stage.inputs if each.in_lineage]
    upstream = [(name, pipeline.stages[name].by) for name in inputs]
    if stage.external:
        upstream.append((stage.external, stage.by))
    if issubclass(stage.config, TrainingStageConfig):
        upstream.append((CLASS_SETS, By.CLASS_SET))
    return [
        dg.AssetDep(name, partition_mapping=pipeline.partitions.mapping(of=stage.by, upstream=by))
        for name, by in upstream
    ]

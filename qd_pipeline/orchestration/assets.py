"""Dagster assets, made from the stages' declarations."""

from collections.abc import Iterator

import dagster as dg

from qd_pipeline.orchestration.materialization import materialize
from qd_pipeline.orchestration.observations import CLASS_SETS
from qd_pipeline.orchestration.partitions import By
from qd_pipeline.orchestration.pipeline import Pipeline
from qd_pipeline.orchestration.stage import Stage
from qd_pipeline.orchestration.stages.training_config import TrainingStageConfig

_RESOURCES = {"partition_store", "source", "mlflow"}


def asset_of(stage: Stage, pipeline: Pipeline) -> dg.AssetsDefinition:
    """Return the asset of a stage."""

    @dg.asset(
        name=stage.name,
        description=stage.description,
        partitions_def=pipeline.partitions.definition(stage.by),
        deps=_deps(stage, pipeline),
        group_name=stage.group,
        kinds=set(stage.kinds),
        owners=[stage.owner],
        code_version=stage.code_version,
        check_specs=[
            dg.AssetCheckSpec(
                check.name,
                asset=stage.name,
                description=check.description,
                blocking=check.blocking,
            )
            for check in stage.checks
        ],
        pool=stage.pool,
        required_resource_keys=_RESOURCES,
        # Read by us, so that a value out of its range is told in one sentence.
        config_schema=pipeline.config_types[stage.name].to_fields_dict(),
    )
    def compute(
        context: dg.AssetExecutionContext,
    ) -> Iterator[dg.AssetCheckResult | dg.MaterializeResult]:
        yield from materialize(stage, pipeline, context)

    return compute


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

"""The five stages as Dagster loads them, with partitions, checks and pool, and nothing to do."""

from collections.abc import Iterator, Sequence

import dagster as dg

from qd_pipeline.orchestration.batches import MOST_PARTITIONS
from qd_pipeline.orchestration.jobs import jobs_of
from qd_pipeline.orchestration.observations import class_sets_asset
from qd_pipeline.orchestration.partitions import By
from qd_pipeline.orchestration.pipeline import Pipeline
from qd_pipeline.orchestration.registry import STAGES
from qd_pipeline.orchestration.stage import Stage
from qd_pipeline.orchestration.stages.raw_drawings import FILES
from qd_pipeline.settings import Settings


def _empty(op: str, stages: Sequence[Stage], pipeline: Pipeline) -> dg.AssetsDefinition:
    """Return the assets of one step."""
    checks = [
        dg.AssetCheckSpec(check.name, asset=stage.name)
        for stage in stages
        for check in stage.checks
    ]

    @dg.multi_asset(
        name=op,
        specs=[_spec(stage, pipeline) for stage in stages],
        check_specs=checks,
        can_subset=len(stages) > 1,
        backfill_policy=dg.BackfillPolicy.multi_run(MOST_PARTITIONS if len(stages) > 1 else 1),
        pool=stages[0].pool,
    )
    def empty(
        context: dg.AssetExecutionContext,
    ) -> Iterator[dg.AssetCheckResult | dg.MaterializeResult]:
        for stage in stages:
            version = dg.DataVersion(context.run.run_id)
            yield dg.MaterializeResult(asset_key=stage.name, data_version=version)
        for check in checks:
            yield dg.AssetCheckResult(asset_key=check.asset_key, check_name=check.name, passed=True)

    return empty


def _spec(stage: Stage, pipeline: Pipeline) -> dg.AssetSpec:
    inputs = [
        (each.stage, pipeline.stages[each.stage].by) for each in stage.inputs if not each.optional
    ]
    mapping = pipeline.partitions.mapping
    return dg.AssetSpec(
        stage.name,
        deps=[
            dg.AssetDep(name, partition_mapping=mapping(of=stage.by, upstream=by))
            for name, by in inputs
        ],
        partitions_def=pipeline.partitions.definition(stage.by),
    )


def definitions(settings: Settings) -> dg.Definitions:
    """Return the definitions of as many partitions as the settings have."""
    pipeline = Pipeline(settings, [stage for stage in STAGES if not stage.on_request])
    files = dg.AssetSpec(FILES, partitions_def=pipeline.partitions.definition(By.CATEGORY))
    steps: dict[str, list[Stage]] = {}
    for stage in pipeline.stages.values():
        steps.setdefault(stage.op, []).append(stage)
    return dg.Definitions(
        assets=[
            files,
            class_sets_asset(pipeline),
            *(_empty(op, stages, pipeline) for op, stages in steps.items()),
        ],
        jobs=[job for job in jobs_of(pipeline) if job.name != "observe_source"],
        executor=dg.in_process_executor,
    )


defs = definitions(Settings.load())

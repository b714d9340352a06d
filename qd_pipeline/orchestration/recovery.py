"""Recovery: clean up after processes that were killed."""

from typing import TYPE_CHECKING

import dagster as dg

from qd_pipeline.learning.training import checkpoint
from qd_pipeline.orchestration import instance as instances
from qd_pipeline.orchestration import ownership, pool
from qd_pipeline.orchestration.observations import DATA_VERSION
from qd_pipeline.orchestration.pipeline import Pipeline
from qd_pipeline.quickdraw import download
from qd_pipeline.storage import Partition, PartitionStore

if TYPE_CHECKING:
    from qd_pipeline.tracking import Tracker


def recover(
    pipeline: Pipeline, store: PartitionStore, tracker: "Tracker", instance: dg.DagsterInstance
) -> None:
    """Collect garbage, close abandoned runs, and send what waits for MLflow.

    This also shows before any work whether the store and MLflow can be reached.

    Raises:
        HomeFailed: The data directory cannot be written.
        StoreFailed: The partition store cannot be reached.
        TrackingFailed: MLflow cannot be reached, or refuses what waits.
    """
    home = pipeline.settings.home
    with instances.translate_errors(home):
        store.collect_garbage()
        download.sweep(home / "partial")
        checkpoint.sweep(pipeline.settings.checkpoints)
        close_abandoned(pipeline, store, instance)
    tracker.reconcile()


def close_abandoned(
    pipeline: Pipeline, store: PartitionStore, instance: dg.DagsterInstance
) -> None:
    """Close runs of killed processes, report what they published, free their pool slots."""
    for run in ownership.close_abandoned(instance, store, pipeline.settings):
        _report_published(pipeline, store, instance, run)
    pool.free_slots_of_ended_runs(instance)


def materialization(
    instance: dg.DagsterInstance, made: Partition
) -> tuple[dg.AssetMaterialization, bool]:
    """Return the event of a published partition, and whether Dagster has it already."""
    asset = dg.AssetKey(made.stage)
    records = dg.AssetRecordsFilter(asset_key=asset, asset_partitions=[made.key])
    reported = instance.fetch_materializations(records, limit=1).records
    known = reported[0].asset_materialization if reported else None
    if known is not None and (known.tags or {}).get(DATA_VERSION) == made.version:
        return known, True
    event = dg.AssetMaterialization(
        asset,
        description="Published by a run that was stopped before it could report it.",
        partition=made.key,
        tags={DATA_VERSION: made.version},
    )
    return event, False


def report(instance: dg.DagsterInstance, made: Partition) -> None:
    """Report to Dagster what was published but not reported."""
    event, known = materialization(instance, made)
    if not known:
        instance.report_runless_asset_event(event)


def _report_published(
    pipeline: Pipeline, store: PartitionStore, instance: dg.DagsterInstance, run: dg.DagsterRun
) -> None:
    for asset in run.asset_selection or ():
        if stage := pipeline.stages.get(asset.path[-1]):
            for key in pipeline.partitions.of_run(stage.by, run.tags):
                if made := store.find(stage.name, key):
                    report(instance, made)

"""Taking up the home where processes that were killed have left it."""

from pathlib import Path
from typing import Final

import dagster as dg

from qd_pipeline.orchestration import instance as instances
from qd_pipeline.orchestration import slots
from qd_pipeline.orchestration.workshop import Workshop
from qd_pipeline.quickdraw import partial

_VERSION_TAG: Final = "dagster/data_version"


def recover(workshop: Workshop, instance: dg.DagsterInstance) -> None:
    """Sweep what was left, close runs that nobody makes any more, send what waits for MLflow.

    This also shows before any work whether the disk and MLflow are there.

    Raises:
        HomeFailed: The home cannot be written.
        TrackingFailed: MLflow cannot be reached, or refuses what waits.
    """
    with instances.explained(Path(workshop.home)):
        workshop.store.sweep()
        partial.sweep(workshop.partials)
        close_abandoned(workshop, instance)
    workshop.tracker.reconcile()


def close_abandoned(workshop: Workshop, instance: dg.DagsterInstance) -> None:
    """Close the runs that killed processes left open, tell what they made, take their slots."""
    for run in instances.close_abandoned(instance):
        _report_published(workshop, instance, run)
    slots.free_those_of_ended_runs(instance)


def _report_published(workshop: Workshop, instance: dg.DagsterInstance, run: dg.DagsterRun) -> None:
    """Tell Dagster of what a run had published and not told before it was killed."""
    key = run.tags.get("dagster/partition")
    for asset in run.asset_selection or ():
        made = workshop.store.find(asset.path[-1], key) if key else None
        if made is None:
            continue
        records = dg.AssetRecordsFilter(asset_key=asset, asset_partitions=[made.key])
        told = instance.fetch_materializations(records, limit=1).records
        known = told[0].asset_materialization if told else None
        if known is None or (known.tags or {}).get(_VERSION_TAG) != made.version:
            instance.report_runless_asset_event(
                dg.AssetMaterialization(
                    asset,
                    description="Published by a run that was killed before it could say so.",
                    partition=made.key,
                    tags={_VERSION_TAG: made.version},
                    metadata={"folder": dg.MetadataValue.path(made.folder)},
                )
            )

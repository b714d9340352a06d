"""The stores that settings name: the partitions, and MLflow's."""

from __future__ import annotations

from typing import TYPE_CHECKING

from qd_pipeline.storage import PartitionStore

if TYPE_CHECKING:
    from qd_pipeline.settings import Settings
    from qd_pipeline.tracking import Tracker


def partition_store(settings: Settings) -> PartitionStore:
    """Return the partition store.

    Raises:
        BadSetting: Its URL is of no kind that is known.
    """
    return PartitionStore(
        settings.store_url, cache=settings.cache_folder, cache_bytes=settings.cache_bytes
    )


def tracker(settings: Settings) -> Tracker:
    """Open MLflow's store.

    Raises:
        TrackingFailed: It cannot be opened.
    """
    # MLflow takes seconds to import.
    from qd_pipeline.tracking import Tracker  # noqa: PLC0415

    return Tracker(settings.mlflow_uri, settings.mlartifacts, settings.mlflow_ui)

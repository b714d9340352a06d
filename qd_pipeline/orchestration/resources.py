"""Dagster resources: the partition store, the source of drawings, the MLflow tracker.

Each holds plain settings and hands out a plain object, built once per process.
"""

from __future__ import annotations

from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING

import dagster as dg

from qd_pipeline.quickdraw.address import masked
from qd_pipeline.quickdraw.limits import Limits
from qd_pipeline.quickdraw.source import SAMPLE_DRAWINGS, Source
from qd_pipeline.storage import PartitionStore

if TYPE_CHECKING:
    from qd_pipeline.settings import Settings
    from qd_pipeline.tracking import Tracker


class PartitionStoreResource(dg.ConfigurableResource[None]):
    """The store of published partitions.

    Attributes:
        url: `file:///…`, `memory://…`, `s3://bucket/prefix` or `gs://bucket/prefix`.
        cache: Folder of verified local copies of remote content.
    """

    url: str
    cache: str

    @property
    def store(self) -> PartitionStore:
        """The store."""
        return _store(self.url, self.cache)


class SourceResource(dg.ConfigurableResource[None]):
    """The source that drawings are downloaded from.

    Attributes:
        address: `sample`, `quickdraw` or the URL of a mirror.
        limits: Timeouts, attempts and sizes of downloads, by the fields of `Limits`.
        partial_downloads: Folder of downloads that were interrupted and can go on.
    """

    address: str
    limits: dict[str, float]
    partial_downloads: str

    def source(self, drawings: int | None = None) -> Source:
        """Return the source; the sample has as many drawings as are asked for."""
        return Source.parse(self.address, sample_drawings=drawings or SAMPLE_DRAWINGS)

    @property
    def download_limits(self) -> Limits:
        """The limits of downloads."""
        return Limits(**self.limits)  # type: ignore[arg-type] # whole numbers stay whole


class MLflowResource(dg.ConfigurableResource[None]):
    """The MLflow store that runs are logged to.

    Attributes:
        tracking_uri: MLflow's tracking URI.
        artifacts: Folder of the artifacts of a local store.
        ui: Address of MLflow's UI, for links.
    """

    tracking_uri: str
    artifacts: str
    ui: str

    @property
    def tracker(self) -> Tracker:
        """The tracker."""
        return _tracker(self.tracking_uri, self.artifacts, self.ui)


def resources_of(settings: Settings) -> dict[str, dg.ConfigurableResource[None]]:
    """Return the three resources, by their keys.

    What the settings keep secret stands as the name of its variable, for Dagster's UI shows
    resources.
    """
    return {
        "partition_store": PartitionStoreResource(
            url=settings.store_url, cache=str(settings.home / "cache")
        ),
        "source": SourceResource(
            address=_shown(settings.source, "QD_SOURCE"),
            limits=settings.http.model_dump(),
            partial_downloads=str(settings.home / "partial"),
        ),
        "mlflow": MLflowResource(
            tracking_uri=_shown(settings.mlflow_uri, "MLFLOW_TRACKING_URI"),
            artifacts=str(settings.home / "mlartifacts"),
            ui=settings.mlflow_ui,
        ),
    }


def _shown(value: str, variable: str) -> str:
    return value if masked(value) == value else dg.EnvVar(variable)


@cache
def _store(url: str, cache_folder: str) -> PartitionStore:
    return PartitionStore(url, cache=Path(cache_folder))


@cache
def _tracker(uri: str, artifacts: str, ui: str) -> Tracker:
    # MLflow takes seconds to import, and loading the definitions should not.
    from qd_pipeline.tracking import Tracker  # noqa: PLC0415

    return Tracker(uri, Path(artifacts), ui)

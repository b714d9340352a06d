"""Dagster resources: the partition store, the source of drawings, the MLflow tracker.

Each holds plain settings and hands out a plain object, built once per process.
"""

from __future__ import annotations

from dataclasses import asdict, fields
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING

import dagster as dg

from qd_pipeline.quickdraw.download import SAMPLE_DRAWINGS, Limits, Source, masked, parse_source
from qd_pipeline.storage import PartitionStore

if TYPE_CHECKING:
    from qd_pipeline.settings import Settings
    from qd_pipeline.tracking import Tracker


class PartitionStoreResource(dg.ConfigurableResource[None]):
    """The store of published partitions.

    Attributes:
        url: `file:///…`, `memory://…`, `s3://bucket/prefix` or `gs://bucket/prefix`.
        cache: Folder of verified local copies of remote content.
        cache_bytes: Size above which the least recently used copies are removed, in bytes.
    """

    url: str
    cache: str
    cache_bytes: int

    @property
    def store(self) -> PartitionStore:
        """The store."""
        return _store(self.url, self.cache, self.cache_bytes)


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
        return parse_source(self.address, sample_drawings=drawings or SAMPLE_DRAWINGS)

    def partial_download(self, key: str) -> Path:
        """Return the folder of a category's interrupted download."""
        return Path(self.partial_downloads) / key

    @property
    def download_limits(self) -> Limits:
        """The limits of downloads."""
        # Dagster's configuration has made a float of every number.
        whole = {limit.name for limit in fields(Limits) if isinstance(limit.default, int)}
        return Limits(**{k: int(v) if k in whole else v for k, v in self.limits.items()})  # type: ignore[arg-type]


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


def partition_store_of(settings: Settings) -> PartitionStoreResource:
    """Return the partition store of some settings."""
    return PartitionStoreResource(
        url=settings.store_url, cache=str(settings.cache_folder), cache_bytes=settings.cache_bytes
    )


def source_of(settings: Settings) -> SourceResource:
    """Return the source of some settings."""
    return SourceResource(
        address=settings.source,
        limits=asdict(settings.limits),
        partial_downloads=str(settings.home / "partial"),
    )


def mlflow_of(settings: Settings) -> MLflowResource:
    """Return the MLflow tracker of some settings."""
    return MLflowResource(
        tracking_uri=settings.mlflow_uri,
        artifacts=str(settings.mlartifacts),
        ui=settings.mlflow_ui,
    )


def resources_of(settings: Settings) -> dict[str, dg.ConfigurableResource[None]]:
    """Return the three resources by their keys, as Dagster's UI may show them.

    A secret stands as the name of its variable.
    """
    source, mlflow = source_of(settings), mlflow_of(settings)
    if masked(source.address) != source.address:
        source = SourceResource(**{**source.model_dump(), "address": dg.EnvVar("QD_SOURCE")})
    if masked(mlflow.tracking_uri) != mlflow.tracking_uri:
        secret = dg.EnvVar("MLFLOW_TRACKING_URI")
        mlflow = MLflowResource(**{**mlflow.model_dump(), "tracking_uri": secret})
    return {"partition_store": partition_store_of(settings), "source": source, "mlflow": mlflow}


@cache
def _store(url: str, cache_folder: str, cache_bytes: int) -> PartitionStore:
    return PartitionStore(url, cache=Path(cache_folder), cache_bytes=cache_bytes)


@cache
def _tracker(uri: str, artifacts: str, ui: str) -> Tracker:
    # MLflow takes seconds to import, and loading the definitions should not.
    from qd_pipeline.tracking import Tracker  # noqa: PLC0415

    return Tracker(uri, Path(artifacts), ui)

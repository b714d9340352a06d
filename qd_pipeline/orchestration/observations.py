"""What lies outside of the store, as observable assets: the source's files, the class sets.

Their data versions say to Dagster's UI what fingerprints say to staleness: that a file changed at
the source, or that a class set or its training settings did.
"""

import warnings
from collections.abc import Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress
from typing import Final

import dagster as dg

from qd_pipeline.errors import QdError, SourceFailed
from qd_pipeline.orchestration.failures import Failed, notify
from qd_pipeline.orchestration.partitions import By
from qd_pipeline.orchestration.pipeline import Pipeline
from qd_pipeline.orchestration.resources import PartitionStoreResource, SourceResource
from qd_pipeline.orchestration.stage import Stage, StageConfig
from qd_pipeline.orchestration.stages.classifiers import CLASSIFIERS
from qd_pipeline.orchestration.stages.raw_drawings import (
    FILES,
    RAW_DRAWINGS,
    require_same_source,
    version_at_source,
)
from qd_pipeline.storage import PartitionStore
from qd_pipeline.storage.partition import digest

CLASS_SETS: Final = "class_sets"
DATA_VERSION: Final = "dagster/data_version"
"""Tag that Dagster gives the data version of an observation."""

_ASKED_AT_ONCE: Final = 8


def files_asset(pipeline: Pipeline) -> dg.SourceAsset:
    """Return the asset of the source's files, one partition per category."""

    def observe(
        context: dg.AssetExecutionContext,
        partition_store: PartitionStoreResource,
        source: SourceResource,
    ) -> dg.DataVersionsByPartition:
        versions, failures = ask(pipeline, partition_store.store, source)
        if failures:
            first = next(iter(failures.values()))
            context.log.warning("%d categories could not be asked: %s", len(failures), first)
            if not versions:
                raise dg.Failure(str(first), allow_retries=isinstance(first, SourceFailed))
            failed = f"{len(failures)} of {len(failures) + len(versions)} categories"
            notify(Failed(FILES, failed, str(first), context.run.run_id), pipeline.settings)
        with _beta():
            return dg.DataVersionsByPartition(versions)

    with _beta():
        return dg.observable_source_asset(
            name=FILES,
            partitions_def=pipeline.partitions.definition(By.CATEGORY),
            group_name="drawings",
            description="The source's NDJSON files, by category; a version changes with the file.",
        )(observe)


def class_sets_asset(pipeline: Pipeline) -> dg.AssetSpec:
    """Return the asset of the class sets: their categories and training settings."""
    return dg.AssetSpec(
        CLASS_SETS,
        group_name="learning",
        partitions_def=pipeline.partitions.definition(By.CLASS_SET),
        description="Categories and training settings of each class set, as the settings say.",
    )


def ask(
    pipeline: Pipeline, store: PartitionStore, source: SourceResource
) -> tuple[dict[str, str], dict[str, QdError]]:
    """Ask the source for the versions of the files that were downloaded.

    Returns:
        By category key, the data versions, and the errors of those that could not be asked.
    """
    downloaded = set(store.keys(RAW_DRAWINGS.name))
    keys = [key for key in pipeline.partitions.keys(By.CATEGORY) if key in downloaded]

    def version(key: str) -> str | QdError:
        try:
            made = store.read(RAW_DRAWINGS.name, key)
            config = pipeline.declared(RAW_DRAWINGS, made)
            require_same_source(made, source.source())
            external = version_at_source(source, key, config)
        except QdError as error:
            return error
        return data_version(pipeline, key, config, external)

    with ThreadPoolExecutor(_ASKED_AT_ONCE) as pool:
        answers = dict(zip(keys, pool.map(version, keys), strict=True))
    return (
        {key: answer for key, answer in answers.items() if isinstance(answer, str)},
        {key: answer for key, answer in answers.items() if isinstance(answer, QdError)},
    )


def data_version(
    pipeline: Pipeline, key: str, config: StageConfig, external: str | None = None
) -> str:
    """Return the data version of what a root stage reads from outside of the store.

    Args:
        pipeline: The stages as the settings want them.
        key: The partition key.
        config: What the partition is to be made with.
        external: Version of the source's file.
    """
    settings = config.effective(key, pipeline.class_sets)
    return f"{external or ''}#{digest(settings)[:12]}"


@contextmanager
def _beta() -> Iterator[None]:
    """Use observable assets, a feature in beta; the lock file pins the version that has it."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", dg.BetaWarning)
        yield


def observed_versions(instance: dg.DagsterInstance, run_id: str) -> dict[str, str]:
    """Return the versions of the source's files that a run observed, by category key."""
    entries = instance.all_logs(run_id, of_type=dg.DagsterEventType.ASSET_OBSERVATION)
    found = [entry.asset_observation for entry in entries]
    return {
        str(each.partition): (each.tags or {})[DATA_VERSION].rpartition("#")[0]
        for each in found
        if each is not None and each.asset_key == dg.AssetKey(FILES)
    }


def report(
    pipeline: Pipeline,
    instance: dg.DagsterInstance,
    stage: Stage,
    wanted: Mapping[str, tuple[StageConfig, str | None]],
) -> None:
    """Report to Dagster what partitions of a root stage are to be made from, where that is new.

    Args:
        pipeline: The stages as the settings want them.
        instance: The Dagster instance.
        stage: `raw_drawings` or `classifiers`; others read nothing from outside.
        wanted: By partition key, what it is to be made with, and the version of the source's file.
    """
    asset = {RAW_DRAWINGS.name: FILES, CLASSIFIERS.name: CLASS_SETS}.get(stage.name)
    if asset is None or not wanted:
        return
    known = instance.event_log_storage.get_latest_tags_by_partition(
        dg.AssetKey(asset),
        dg.DagsterEventType.ASSET_OBSERVATION,
        [DATA_VERSION],
        asset_partitions=list(wanted),
    )
    for key, (config, external) in wanted.items():
        version = data_version(pipeline, key, config, external)
        if known.get(key, {}).get(DATA_VERSION) != version:
            instance.report_runless_asset_event(
                dg.AssetObservation(asset, partition=key, tags={DATA_VERSION: version})
            )


def report_settings(
    pipeline: Pipeline, instance: dg.DagsterInstance, store: PartitionStore
) -> None:
    """Report what published partitions of the root stages are to be made from now.

    The source is not asked: what was downloaded counts as current.
    """
    found = store.snapshot()
    for stage in (RAW_DRAWINGS, CLASSIFIERS):
        wanted = {}
        for key in pipeline.partitions.keys(stage.by):
            with suppress(QdError):  # what cannot be read is stale, and told by staleness
                if made := found.find(stage.name, key):
                    config = pipeline.declared(stage, made)
                    config.effective(key, pipeline.class_sets)
                    external = made.fingerprint.get("inputs", {}).get(f"{stage.external}/{key}")
                    wanted[key] = config, external
        report(pipeline, instance, stage, wanted)

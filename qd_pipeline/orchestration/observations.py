"""What lies outside of the store, as observable assets: the source's files, the class sets.

Their data versions say to Dagster's UI what fingerprints say to staleness: that a file changed at
the source, or that a class set or its training settings did.
"""

import hashlib
import json
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from typing import Any, Final

import dagster as dg

from qd_pipeline.errors import QdError
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

CLASS_SETS: Final = "class_sets"
DATA_VERSION: Final = "dagster/data_version"
"""Tag that Dagster gives the data version of an observation."""

_ASKED_AT_ONCE: Final = 8


def files_asset(pipeline: Pipeline) -> dg.AssetsDefinition:
    """Return the asset of the source's files, observed for the downloaded categories."""

    @dg.observable_source_asset(
        name=FILES,
        partitions_def=pipeline.partitions.definition(By.CATEGORY),
        group_name="drawings",
        description="The source's NDJSON files, by category; a version changes with the file.",
    )
    def observe(
        context: dg.OpExecutionContext,
        partition_store: PartitionStoreResource,
        source: SourceResource,
    ) -> dg.DataVersionsByPartition:
        versions, failures = ask(pipeline, partition_store.store, source)
        for key, error in failures.items():
            context.log.warning("%s: %s", key, error)
        if failures and not versions:
            raise dg.Failure(str(next(iter(failures.values()))), allow_retries=False)
        return dg.DataVersionsByPartition(versions)

    return observe


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
    """Ask the source for the versions of what was downloaded.

    Returns:
        By category key, the data versions, and the errors of those that could not be asked.
    """
    keys = [key for key in store.keys(RAW_DRAWINGS.name) if key in pipeline.partitions.keys(By.CATEGORY)]

    def version(key: str) -> str | QdError:
        try:
            made = store.read(RAW_DRAWINGS.name, key)
            config = pipeline.declared(RAW_DRAWINGS, made)
            require_same_source(made, source.source())
            return data_version(pipeline, RAW_DRAWINGS, key, config, version_at_source(source, key, config))
        except QdError as error:
            return error

    with ThreadPoolExecutor(_ASKED_AT_ONCE) as pool:
        answers = dict(zip(keys, pool.map(version, keys), strict=True))
    return (
        {key: answer for key, answer in answers.items() if isinstance(answer, str)},
        {key: answer for key, answer in answers.items() if isinstance(answer, QdError)},
    )


def data_version(
    pipeline: Pipeline, stage: Stage, key: str, config: StageConfig, external: str | None = None
) -> str:
    """Return the data version of what a stage reads from outside of the store."""
    settings: Mapping[str, Any] = config.effective(key, pipeline.class_sets)
    text = json.dumps([external, settings], sort_keys=True)
    return hashlib.sha256(text.encode()).hexdigest()[:16]


def report(
    pipeline: Pipeline,
    instance: dg.DagsterInstance,
    stage: Stage,
    configs: Mapping[str, StageConfig],
    external: Mapping[str, str | None],
) -> None:
    """Report to Dagster what partitions of a root stage are to be made from.

    Args:
        pipeline: The stages as the settings want them.
        instance: The Dagster instance.
        stage: `raw_drawings` or `classifiers`.
        configs: By partition key.
        external: Version of what lies outside, by partition key.
    """
    asset = {RAW_DRAWINGS.name: FILES, CLASSIFIERS.name: CLASS_SETS}[stage.name]
    for key, config in configs.items():
        version = data_version(pipeline, stage, key, config, external.get(key))
        instance.report_runless_asset_event(
            dg.AssetObservation(asset, partition=key, tags={DATA_VERSION: version})
        )

"""What a partition was made with, where its manifest does not say it any more."""

import ast
from collections.abc import Callable, Iterator, Mapping
from contextlib import suppress
from typing import TYPE_CHECKING, Any

import dagster as dg

from qd_pipeline.errors import DamagedPartition, QdError
from qd_pipeline.learning.training.config import TrainingConfig, setting_types
from qd_pipeline.orchestration.pipeline import Pipeline
from qd_pipeline.orchestration.stage import DATA_STAGES, Stage, StageConfig
from qd_pipeline.storage import Partition, PartitionStore

if TYPE_CHECKING:
    from qd_pipeline.tracking import Tracker


def recorded_config(
    pipeline: Pipeline,
    stage: Stage,
    key: str,
    *,
    store: PartitionStore,
    instance: dg.DagsterInstance,
    tracker: "Callable[[], Tracker] | None" = None,
    chosen: bool = False,
) -> StageConfig | None:
    """Return the configuration of a partition with a damaged manifest, from the next best record.

    That is the Dagster run that materialized it, else its MLflow run, else the newest of its
    earlier manifests that can be read.

    Args:
        pipeline: The stages as the settings want them.
        stage: Its stage.
        key: Its partition key.
        store: The partition store.
        instance: Dagster's instance.
        tracker: Returns the MLflow tracker; None: MLflow is not asked.
        chosen: Whether to leave out what followed the settings and presets, as far as an earlier
            manifest tells, so that it follows them as it does in partitions that are not damaged.

    Returns:
        None where none of them can be read.
    """
    if not pipeline.config_types[stage.name].model_fields:
        return pipeline.config(stage)

    def found() -> Iterator[Mapping[str, Any]]:
        yield _of_dagster(stage, key, instance)
        if tracker is not None and stage.name == "classifiers":
            with suppress(QdError):
                yield _of_mlflow(key, tracker())
        with suppress(DamagedPartition):
            if made := store.find_earlier(stage.name, key):
                yield made.metadata.get("run_config", {})

    for config in found():
        with suppress(QdError):
            if config:
                known = pipeline.known(stage, config)
                if chosen:
                    known = _chosen(known, store.find_earlier(stage.name, key))
                return pipeline.config(stage, **known)
    return None


def _chosen(config: Mapping[str, Any], earlier: Partition | None) -> Mapping[str, Any]:
    """Return the fields that were chosen for an earlier partition, or have changed since."""
    metadata = earlier.metadata if earlier else {}
    before, chosen = metadata.get("run_config", {}), metadata.get("chosen", ())
    return {
        name: value
        for name, value in config.items()
        if name in chosen or name not in before or before[name] != value
    }


def _of_dagster(stage: Stage, key: str, instance: dg.DagsterInstance) -> Mapping[str, Any]:
    made = instance.fetch_materializations(
        dg.AssetRecordsFilter(asset_key=dg.AssetKey(stage.name), asset_partitions=[key]), limit=1
    ).records
    run = instance.get_run_by_id(made[0].run_id) if made else None
    ops: Any = run.run_config.get("ops", {}) if run else {}
    config: Mapping[str, Any] = ops.get(stage.op, {}).get("config", {})
    return config.get(stage.name, {}) if stage.op == DATA_STAGES else config


def _of_mlflow(key: str, tracker: "Tracker") -> Mapping[str, Any]:
    from qd_pipeline.tracking.logged import last_runs  # noqa: PLC0415 (seconds to import)

    settings: dict[str, Any] = {}
    for run in last_runs(tracker, key, 1):
        for name in setting_types().keys() & run.params.keys():
            text = run.params[name]
            try:
                settings[name] = ast.literal_eval(text)
            except (SyntaxError, ValueError):  # a word
                settings[name] = text
    # A setting that is younger than the run did nothing then, whatever the presets make of it now.
    return {"settings": TrainingConfig().to_json() | settings} if settings else {}

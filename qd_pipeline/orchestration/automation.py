"""Automation: after a schedule has asked the source, materialize again what is stale.

What is stale is what `qd run` says is stale. Only a scheduled observation sets automation off: what
people start by hand goes exactly as far as they said. Nothing is materialized for the first time,
and each partition at most once after an observation, so that a failure is not repeated.
"""

from collections.abc import Collection, Iterator, Sequence
from itertools import takewhile
from typing import Any, Final

import dagster as dg

from qd_pipeline.class_sets import listed
from qd_pipeline.errors import DamagedPartition, QdError
from qd_pipeline.orchestration.batches import Batch, batches
from qd_pipeline.orchestration.jobs import JOB_OF, OBSERVE_SOURCE
from qd_pipeline.orchestration.observations import observed_versions
from qd_pipeline.orchestration.partitions import By
from qd_pipeline.orchestration.pipeline import Pipeline
from qd_pipeline.orchestration.records import recorded_config
from qd_pipeline.orchestration.resources import PartitionStoreResource
from qd_pipeline.orchestration.run_statuses import ENDED
from qd_pipeline.orchestration.stage import Stage, StageConfig
from qd_pipeline.orchestration.staleness import MISSING, Staleness

AUTOMATED: Final = "qd/automated"
"""Tag of runs that a schedule or this automation launched."""

AUTOMATED_TAGS: Final = {AUTOMATED: "yes"}

_OBSERVATION: Final = "qd/observation"
_SECONDS: Final = 30
_MOST_NAMED: Final = 8


def sensor_of(pipeline: Pipeline, jobs: Sequence[Any]) -> dg.SensorDefinition:
    """Return the sensor that materializes what is stale after a scheduled observation."""

    @dg.sensor(
        name="keep_up_to_date",
        jobs=[job for job in jobs if job.name in JOB_OF.values()],
        minimum_interval_seconds=_SECONDS,
        default_status=dg.DefaultSensorStatus.RUNNING,
        description="After a schedule has asked the source: materialize again what is stale.",
    )
    def keep_up_to_date(
        context: dg.SensorEvaluationContext, partition_store: PartitionStoreResource
    ) -> Iterator[dg.RunRequest | dg.SkipReason]:
        instance = context.instance
        finished = dg.RunsFilter(
            job_name=OBSERVE_SOURCE,
            tags=AUTOMATED_TAGS,
            statuses=[dg.DagsterRunStatus.SUCCESS],
        )
        last = instance.get_run_records(finished, limit=1)
        if not last:
            yield dg.SkipReason("No schedule has asked the source yet.")
            return
        observation = last[0].dagster_run.run_id
        if context.cursor == observation:
            yield dg.SkipReason("What follows the last observation is done.")
            return
        launched = instance.get_runs(dg.RunsFilter(tags={_OBSERVATION: observation}))
        if any(run.status not in ENDED or _is_retried(run, launched) for run in launched):
            yield dg.SkipReason("What follows the last observation is being materialized.")
            return
        lost: list[str] = []

        def recorded(stage: Stage, key: str) -> StageConfig | None:
            store = partition_store.store
            config = recorded_config(
                pipeline, stage, key, store=store, instance=instance, chosen=True
            )
            if config is None:
                lost.append(f"{stage.name} {key}")
            return config

        versions = observed_versions(instance, observation)
        staleness = Staleness(
            pipeline,
            partition_store.store.snapshot(),
            source_version=lambda key, _config: versions.get(key),
            recorded=recorded,
        )
        done = {
            (by, key)
            for by, job in JOB_OF.items()
            for run in launched
            if run.job_name == job
            for key in pipeline.partitions.of_run(by, run.tags)
        }
        found = requests(staleness, observation, done)
        yield from found
        if not found:
            # What people make by hand from now on is followed by nothing.
            context.update_cursor(observation)
            yield dg.SkipReason(
                f"Dagster does not know with which settings {listed(lost, _MOST_NAMED)} was "
                "materialized: see what `qd run` says."
                if lost
                else "Everything that was materialized is up to date, or was tried."
            )

    return keep_up_to_date


def _is_retried(run: dg.DagsterRun, launched: Sequence[dg.DagsterRun]) -> bool:
    """Return whether Dagster is about to launch a killed run again."""
    retries = {each.tags.get("dagster/parent_run_id") for each in launched}
    return run.tags.get("dagster/will_retry") == "true" and run.run_id not in retries


def requests(
    staleness: Staleness, observation: str, done: Collection[tuple[By, str]]
) -> list[dg.RunRequest]:
    """Return the runs that bring stale partitions up to date, upstream ones first.

    A damaged partition without a record of its configuration waits for a person.

    Args:
        staleness: Says what is stale.
        observation: Run id of the observation that they follow.
        done: Partitions that were tried after it.
    """
    for by in (By.CATEGORY, By.CLASS_SET):
        wanted = {
            key: configs
            for key in staleness.pipeline.partitions.keys(by)
            # What is lost is told at each tick, also of partitions that were tried.
            if (stages := _stale(staleness, by, key))
            and (configs := _configs(staleness, key, stages))
            and (by, key) not in done
        }
        if wanted:
            found = batches(staleness.pipeline, by, wanted)
            return [_request(batch, by, observation) for batch in found]
    return []


def _stale(staleness: Staleness, by: By, key: str) -> list[str]:
    """Return the stale stages of a chain whose inputs are up to date, up to a missing one."""
    try:
        stale = staleness.stale(by, key)
        outside = [
            staleness.reason(upstream, upstream_key)
            for stage in staleness.pipeline.chain(by)
            for name, upstream_key, optional in staleness.pipeline.input_keys(stage, key)
            if (upstream := staleness.pipeline.stages[name]).by is not by and not optional
        ]
    except QdError:
        return []  # the run of `qd run` or of the UI says why
    if any(outside):
        return []
    return [name for name, _ in takewhile(lambda each: each[1] != MISSING, stale.items())]


def _configs(staleness: Staleness, key: str, stages: list[str]) -> dict[str, StageConfig]:
    """Return configurations of stages, up to one whose settings are lost."""
    found: dict[str, StageConfig] = {}
    for name in stages:
        try:
            found[name] = staleness.config(staleness.pipeline.stages[name], key)
        except DamagedPartition:
            break
    return found


def _request(batch: Batch, by: By, observation: str) -> dg.RunRequest:
    return dg.RunRequest(
        run_key=f"{observation} {by.value} {batch.keys[0]}",
        job_name=JOB_OF[by],
        # What the run says of itself if it is killed before its first step.
        asset_selection=[dg.AssetKey(stage.name) for stage in batch.stages],
        run_config=batch.run_config,
        tags={**AUTOMATED_TAGS, _OBSERVATION: observation, **batch.tags},
    )

"""Runs whose worker has failed: closed, so that Dagster makes them again.

Dagster's monitoring asks an engine only for the workers of runs that have begun: on Ray, a run
whose node died a moment earlier would wait for its start timeout, an hour. To Celery the task of a
killed worker has started, for ever.
"""

import json
import time
from typing import Final

import dagster as dg

from qd_pipeline.orchestration import ownership, recovery
from qd_pipeline.orchestration.jobs import JOB_OF
from qd_pipeline.orchestration.pipeline import Pipeline
from qd_pipeline.orchestration.resources import PartitionStoreResource

_SECONDS: Final = 30


def abandoned_sensor(pipeline: Pipeline) -> dg.SensorDefinition:
    """Return the sensor that closes runs whose worker no longer renews its lease, or never did."""
    after = pipeline.settings.abandoned_after

    @dg.sensor(
        name="close_abandoned_runs",
        minimum_interval_seconds=_SECONDS,
        default_status=dg.DefaultSensorStatus.RUNNING,
        description="Close runs whose worker was killed.",
    )
    def close_abandoned_runs(
        context: dg.SensorEvaluationContext, partition_store: PartitionStoreResource
    ) -> dg.SkipReason:
        recovery.close_abandoned(pipeline, partition_store.store, context.instance)
        started = context.instance.get_runs(dg.RunsFilter(statuses=[dg.DagsterRunStatus.STARTED]))
        before, now = json.loads(context.cursor or "{}"), time.time()
        # A worker takes a run over seconds after it has started it.
        since = {
            run.run_id: before.get(run.run_id, now)
            for run in started
            if _takes_ownership(run, pipeline) and not ownership.is_owned(run)
        }
        for run_id, first_seen in since.items():
            if now - first_seen <= after:
                continue
            # It may have ended, or been taken over, since the runs were listed.
            run = context.instance.get_run_by_id(run_id)
            if run and run.status == dg.DagsterRunStatus.STARTED and not ownership.is_owned(run):
                context.instance.report_run_failed(run, "Its worker was killed.")
        context.update_cursor(json.dumps(since))
        return dg.SkipReason("Runs of killed workers are closed.")

    return close_abandoned_runs


def _takes_ownership(run: dg.DagsterRun, pipeline: Pipeline) -> bool:
    """Return whether a run's first step names its process; one that asks the source does not."""
    selected = {asset.path[-1] for asset in run.asset_selection or ()}
    return run.job_name in JOB_OF.values() or not selected.isdisjoint(pipeline.stages)


def launches_sensor() -> dg.SensorDefinition:
    """Return the sensor that closes starting runs whose worker has failed."""

    @dg.sensor(
        name="close_failed_launches",
        minimum_interval_seconds=_SECONDS,
        default_status=dg.DefaultSensorStatus.RUNNING,
        description="Close runs whose job on the engine failed before they began.",
    )
    def close_failed_launches(context: dg.SensorEvaluationContext) -> dg.SkipReason:
        instance = context.instance
        closed = 0
        for run in instance.get_runs(dg.RunsFilter(statuses=[dg.DagsterRunStatus.STARTING])):
            health = instance.run_launcher.check_run_worker_health(run)
            now = instance.get_run_by_id(run.run_id)
            if health.status.value == "FAILED" and now and now.status == run.status:
                told = (health.msg or "its job failed").strip().splitlines()[-1][:200]
                instance.report_run_failed(run, f"It could not begin ({told}).")
                closed += 1
        return dg.SkipReason(f"{closed} runs were closed.")

    return close_failed_launches

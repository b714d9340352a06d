"""Runs whose worker failed before they began: closed, so that Dagster makes them again.

Dagster's monitoring asks an engine only for the workers of runs that have begun. A run whose node
died a moment earlier would wait for its start timeout, an hour.
"""

from typing import Final

import dagster as dg

_SECONDS: Final = 30


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

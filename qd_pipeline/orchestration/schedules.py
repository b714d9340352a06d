"""Schedules: ask the source, weekly or daily, whether anything has changed.

They only launch the run that asks; a tick never waits for the network. What changed is then
materialized again by the automation sensor.
"""

import dagster as dg

from qd_pipeline.orchestration.automation import AUTOMATED_TAGS
from qd_pipeline.orchestration.jobs import OBSERVE_SOURCE
from qd_pipeline.settings import ScheduleSettings


def schedules_of(settings: ScheduleSettings) -> list[dg.ScheduleDefinition]:
    """Return the weekly schedule, which runs, and the daily one, which has to be turned on."""
    running, stopped = dg.DefaultScheduleStatus.RUNNING, dg.DefaultScheduleStatus.STOPPED
    return [
        dg.ScheduleDefinition(
            name=name,
            job_name=OBSERVE_SOURCE,
            cron_schedule=cron,
            execution_timezone=settings.zone,
            default_status=status,
            tags=AUTOMATED_TAGS,
            description="Ask the source which files have changed; what depends on them follows.",
        )
        for name, cron, status in (
            ("weekly", settings.weekly, running),
            ("daily", settings.daily, stopped),
        )
    ]

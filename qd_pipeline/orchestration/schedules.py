"""Asking the source, weekly or daily, whether what was downloaded has changed.

What did is downloaded again, each category in a run of its own; what depends on it follows by
`automation`. What did not costs a conditional request, and nothing runs.
"""

from concurrent.futures import ThreadPoolExecutor
from functools import partial
from typing import Final

import dagster as dg

from qd_pipeline.errors import QdError
from qd_pipeline.orchestration import freshness
from qd_pipeline.orchestration.assets.raw_drawings import (
    RawDrawingsConfig,
    raw_drawings,
    see_same_source,
)
from qd_pipeline.orchestration.automation import KEEPS_UP_TAGS
from qd_pipeline.orchestration.failures import Failed, announce
from qd_pipeline.orchestration.partitions import category_partitions
from qd_pipeline.orchestration.workshop import Workshop
from qd_pipeline.settings import Settings
from qd_pipeline.timetable import Timetable

_ASKED_AT_ONCE: Final = 8

downloads_job = dg.define_asset_job(
    "downloads",
    selection=dg.AssetSelection.assets(raw_drawings),
    description="Download one category.",
)


def schedules_of(timetable: Timetable) -> list[dg.ScheduleDefinition]:
    """Give the weekly schedule, which runs, and the daily one, which has to be turned on."""
    return [
        _schedule("weekly", timetable.weekly, timetable.zone, dg.DefaultScheduleStatus.RUNNING),
        _schedule("daily", timetable.daily, timetable.zone, dg.DefaultScheduleStatus.STOPPED),
    ]


def _schedule(
    name: str, cron: str, zone: str, status: dg.DefaultScheduleStatus
) -> dg.ScheduleDefinition:
    @dg.schedule(
        name=name,
        job=downloads_job,
        cron_schedule=cron,
        execution_timezone=zone,
        default_status=status,
        description="Download the categories that changed at the source; what depends on them "
        "follows.",
    )
    def ask(
        context: dg.ScheduleEvaluationContext, workshop: Workshop
    ) -> dg.SkipReason | list[dg.RunRequest]:
        downloaded = context.instance.get_materialized_partitions(raw_drawings.key)
        # Class sets come and go with the settings, and with them partitions.
        keys = sorted(downloaded & set(category_partitions.get_partition_keys()))
        with ThreadPoolExecutor(_ASKED_AT_ONCE) as pool:
            changed = dict(zip(keys, pool.map(partial(_changed, workshop), keys), strict=True))
        silent = [answer for answer in changed.values() if isinstance(answer, QdError)]
        if silent:
            announce(
                Failed("raw_drawings", f"{len(silent)} of {len(keys)} categories", str(silent[0])),
                Settings.from_environment(),
            )
        requests = [
            dg.RunRequest(
                run_key=f"{name} {context.scheduled_execution_time.isoformat()} {key}",
                partition_key=key,
                # What the run says of itself if it is killed before its first step.
                asset_selection=[raw_drawings.key],
                run_config=dg.RunConfig(ops={"raw_drawings": config}),
                tags=KEEPS_UP_TAGS,
            )
            for key, config in changed.items()
            if isinstance(config, RawDrawingsConfig)
        ]
        if requests:
            return requests
        if silent:
            return dg.SkipReason(str(silent[0]))
        return dg.SkipReason(f"Nothing changed at the source in {len(keys)} downloaded categories.")

    return ask


def _changed(workshop: Workshop, key: str) -> RawDrawingsConfig | QdError | None:
    """Give how to download a category again, as it was before, or None if it is fresh."""
    try:
        made = workshop.store.read("raw_drawings", key)
        config = RawDrawingsConfig.as_made(made)
        see_same_source(made, workshop.source_for(config.drawings))
        stale = freshness.stale_of_category(workshop, key, config)
    except QdError as error:
        return error
    return config if "raw_drawings" in stale else None

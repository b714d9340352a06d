"""Dagster's definitions, built from settings."""

from collections.abc import Mapping
from typing import Any

import dagster as dg

from qd_pipeline.orchestration.assets import assets_of
from qd_pipeline.orchestration.automation import sensor_of
from qd_pipeline.orchestration.failures import failure_sensor_of
from qd_pipeline.orchestration.jobs import jobs_of
from qd_pipeline.orchestration.launches import abandoned_sensor, launches_sensor
from qd_pipeline.orchestration.observations import class_sets_asset, files_asset
from qd_pipeline.orchestration.pipeline import Pipeline
from qd_pipeline.orchestration.resources import resources_of
from qd_pipeline.orchestration.schedules import schedules_of
from qd_pipeline.settings import Settings


def build_definitions(
    settings: Settings, resource_overrides: Mapping[str, Any] | None = None
) -> dg.Definitions:
    """Build the definitions that some settings want.

    Args:
        settings: The settings.
        resource_overrides: Resources to use in place of those of the settings, by key.
    """
    return definitions_of(Pipeline(settings), resource_overrides)


def definitions_of(
    pipeline: Pipeline, resource_overrides: Mapping[str, Any] | None = None
) -> dg.Definitions:
    """Build the definitions of a pipeline, which may have stages of its own.

    Args:
        pipeline: The stages bound to settings.
        resource_overrides: Resources to use in place of those of the settings, by key.
    """
    jobs = jobs_of(pipeline)
    sensors = [sensor_of(pipeline, jobs), failure_sensor_of(pipeline.settings)]
    if pipeline.settings.engine == "ray":
        sensors.append(launches_sensor())
    if pipeline.settings.engine == "celery":
        sensors.append(abandoned_sensor(pipeline))
    return dg.Definitions(
        assets=[
            files_asset(pipeline),
            class_sets_asset(pipeline),
            *assets_of(pipeline),
        ],
        jobs=jobs,
        schedules=schedules_of(pipeline.settings.schedule),
        sensors=sensors,
        resources={**resources_of(pipeline.settings), **(resource_overrides or {})},
        # One process a run: the light stages are over before another would have started.
        executor=dg.in_process_executor,
    )

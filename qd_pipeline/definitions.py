"""What Dagster loads."""

from collections.abc import Mapping
from typing import Any

import dagster as dg

from qd_pipeline.orchestration.assets.bitmaps import bitmaps
from qd_pipeline.orchestration.assets.classifiers import classifiers
from qd_pipeline.orchestration.assets.comparisons import comparisons
from qd_pipeline.orchestration.assets.cross_validations import cross_validations
from qd_pipeline.orchestration.assets.data_studies import data_studies
from qd_pipeline.orchestration.assets.evaluations import evaluations
from qd_pipeline.orchestration.assets.raw_drawings import raw_drawings
from qd_pipeline.orchestration.assets.searches import searches
from qd_pipeline.orchestration.assets.strokes import strokes
from qd_pipeline.orchestration.automation import sensor
from qd_pipeline.orchestration.failures import report_failures
from qd_pipeline.orchestration.jobs import categories_job, classifiers_job
from qd_pipeline.orchestration.schedules import downloads_job, schedules_of
from qd_pipeline.orchestration.workshop import Workshop
from qd_pipeline.quickdraw.address import masked
from qd_pipeline.settings import Settings


def build_definitions(resource_overrides: Mapping[str, Any] | None = None) -> dg.Definitions:
    """Put the assets, jobs and resources together.

    Args:
        resource_overrides: Resources to use in place of those that the environment's
            settings give, by key.
    """
    settings = Settings.from_environment()
    return dg.Definitions(
        assets=[
            raw_drawings,
            strokes,
            bitmaps,
            classifiers,
            evaluations,
            cross_validations,
            searches,
            data_studies,
            comparisons,
        ],
        jobs=[categories_job, classifiers_job, downloads_job],
        schedules=schedules_of(settings.timetable),
        sensors=[sensor(), report_failures],
        resources={"workshop": _shown(settings), **(resource_overrides or {})},
        # One process a run: the light stages are over before another would have started.
        executor=dg.in_process_executor,
    )


def _shown(settings: Settings) -> Workshop:
    """Give the resource as Dagster's page may show it: by variables where a value is secret."""
    values = workshop_of(settings).model_dump()
    for name, variable in (("drawings_from", "QD_SOURCE"), ("tracking_uri", "MLFLOW_TRACKING_URI")):
        if masked(values[name]) != values[name]:
            values[name] = dg.EnvVar(variable)
    return Workshop(**values)


def workshop_of(settings: Settings) -> Workshop:
    """Give the resource that the assets use, as the settings want it."""
    return Workshop(
        home=str(settings.home),
        drawings_from=settings.source,
        tracking_uri=settings.tracking_uri,
        mlflow_ui=settings.mlflow_ui,
        promotion_margin=settings.promotion_margin,
    )


defs = build_definitions()

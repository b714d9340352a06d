"""The Celery app of workers: `celery -A qd_pipeline.orchestration.celery_app worker`.

Broker, results and Dagster's instance are those that the settings name, as for the daemon.
"""

from typing import Any

import dagster as dg

from qd_pipeline.orchestration import engine, instance
from qd_pipeline.settings import Settings


def __getattr__(name: str) -> Any:
    """Return the app when Celery asks for it; an import alone reads no settings."""
    if name != "app":
        raise AttributeError(name)
    from dagster_celery.tasks import create_execute_job_task  # noqa: PLC0415 (of an extra)

    settings = Settings.load()
    settings.export_secrets()
    instance.prepare(settings.home, engine.rendered_config(settings))
    launcher: Any = dg.DagsterInstance.get().run_launcher
    create_execute_job_task(launcher.celery)
    return launcher.celery

"""The Celery app of workers: `celery -A qd_pipeline.orchestration.celery_app worker`.

Broker, results and Dagster's instance are those that the settings name, as for the daemon.
"""

from typing import Any

import dagster as dg

from qd_pipeline.errors import BadSetting, QdError
from qd_pipeline.orchestration import engine, instance
from qd_pipeline.settings import Settings


def __getattr__(name: str) -> Any:
    """Return the app when Celery asks for it; an import alone reads no settings."""
    if name != "app":
        raise AttributeError(name)
    try:
        _prepare()
    except QdError as error:
        raise SystemExit(str(error)) from None
    from dagster_celery.tasks import create_execute_job_task  # noqa: PLC0415 (of an extra)

    launcher: Any = dg.DagsterInstance.get().run_launcher
    create_execute_job_task(launcher.celery)
    return launcher.celery


def _prepare() -> None:
    """Write the configuration of the instance that the settings name.

    Raises:
        BadSetting: A setting or a package of the engine is missing.
    """
    settings = Settings.load()
    if settings.engine != "celery":
        raise BadSetting(
            f"QD_ENGINE {settings.engine}", "has no Celery workers", "set QD_ENGINE to celery"
        )
    settings.export_secrets()
    instance.prepare(settings.home, engine.rendered_config(settings))

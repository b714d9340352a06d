"""Configuration of the Dagster instance that the settings want: its storage and its engine.

The data directory's own instance (SQLite, a process for each run) has the file `dagster.yaml`
beside this module, written once: it may be edited. Any other is rendered at each start. It holds no
secret: PostgreSQL's client reads the password from `PGPASSWORD`, and the nodes of an engine have
their credentials in their own environment.
"""

import json
from importlib import resources
from importlib.util import find_spec
from typing import Final

import yaml

from qd_pipeline.errors import BadSetting
from qd_pipeline.orchestration.kept_connections import kept
from qd_pipeline.quickdraw.download import masked
from qd_pipeline.settings import Settings, bare_url
from qd_pipeline.tracking_uri import is_server

_PACKAGES: Final = {"ray": "dagster_ray", "celery": "dagster_celery"}
"""Packages with run launchers; on Kubernetes, Dagster's Helm chart configures its own."""

_DATABASES: Final = frozenset({"QD_STUDIES_STORAGE"})
"""Settings whose user is no secret: their password is in `PGPASSWORD`."""

_SECONDS_TO_START: Final = 3600
"""A run that waits for a CPU of the engine counts as starting."""

_SECONDS_BETWEEN_CHECKS: Final = 20
"""How soon the daemon finds that a node with a run has died; two minutes by default."""

_OF_THIS_MACHINE: Final = frozenset(
    {
        "QD_HOME",
        "QD_CACHE",
        "QD_DAGSTER_STORAGE",
        "QD_DAGSTER_PORT",
        "QD_ENGINE",
        "QD_ENGINE_ADDRESS",
        "QD_WEBHOOK_URL",
    }
)
"""Settings that a node has of its own, or does not need."""


def own_config() -> str:
    """Return the configuration of an embedded instance."""
    return resources.files(__package__).joinpath("dagster.yaml").read_text(encoding="utf-8")


def rendered_config(settings: Settings) -> str | None:
    """Return the configuration of the settings' instance (YAML); None for the embedded one.

    Raises:
        BadSetting: The engine lacks a setting or a package.
    """
    if settings.engine == "local" and settings.dagster_storage is None:
        return None
    _check(settings)
    config = yaml.safe_load(own_config())
    database = bare_url(settings.dagster_storage or "")
    config["storage"] = {"postgres": {"postgres_url": kept(database)}}
    config["concurrency"]["runs"]["max_concurrent_runs"] = settings.engine_runs
    config["concurrency"]["pools"]["default_limit"] = settings.engine_trainings
    if settings.engine != "local":
        config["run_monitoring"] |= {
            "start_timeout_seconds": _SECONDS_TO_START,
            "poll_interval_seconds": _SECONDS_BETWEEN_CHECKS,
        }
    if settings.engine == "ray":
        config["run_launcher"] = {
            "module": "dagster_ray",
            "class": "RayRunLauncher",
            "config": {
                "ray": {
                    "address": settings.engine_address,
                    # A run takes its steps in one process, so the run claims the CPU.
                    "num_cpus": 1,
                    # Names: dagster-ray puts this text into a shell's quotes.
                    "env_vars": node_variables(settings),
                }
            },
        }
        # A node's output is Ray's to keep; events are in the storage.
        config["compute_logs"] = {
            "module": "dagster._core.storage.noop_compute_log_manager",
            "class": "NoOpComputeLogManager",
        }
    if settings.engine == "celery":
        config["run_launcher"] = {
            "module": "dagster_celery.launcher",
            "class": "CeleryRunLauncher",
            "config": {
                "broker": {"env": "QD_ENGINE_ADDRESS"},
                # Not `rpc://`: a daemon that was started again would know of no earlier run.
                "backend": f"db+{database}",
                # Tasks that wait at a worker would be lost with it.
                "config_source": {"task_acks_late": True},
            },
        }
    text: str = yaml.safe_dump(config, sort_keys=False)
    return text


def node_variables(settings: Settings) -> list[str]:
    """Return the variables whose values the daemon hands to runs on other machines.

    They stand in the engine's description of each job, which anyone who reaches the engine reads:
    what holds a secret is left out, and nodes have it in their own environment.
    """
    usual = Settings.model_construct().to_environment()
    return [
        name
        for name, value in settings.to_environment().items()
        if name not in _OF_THIS_MACHINE and usual.get(name) != value and not _is_secret(name, value)
    ]


def _is_secret(name: str, value: str) -> bool:
    """Return whether a setting holds what no other may read."""
    if name in _DATABASES:
        # libpq takes passwords among the options too; `sslmode` and the like are none.
        return "password=" in value
    # In other URLs a user alone may be a token.
    return masked(value) != value


def training_tags(settings: Settings) -> dict[str, str]:
    """Return the tags of a run that trains: the GPUs that it claims of the engine."""
    if not settings.engine_gpus:
        return {}
    if settings.engine == "ray":
        return {"dagster-ray/config": json.dumps({"num_gpus": settings.engine_gpus})}
    limits = {"resources": {"limits": {"nvidia.com/gpu": str(settings.engine_gpus)}}}
    return {"dagster-k8s/config": json.dumps({"container_config": limits})}


def _check(settings: Settings) -> None:
    """Check that what the engine needs is set and installed.

    Raises:
        BadSetting: It is not.
    """
    if settings.dagster_storage is None:
        raise BadSetting(
            f"QD_ENGINE {settings.engine}",
            "needs a database that all machines reach",
            "set QD_DAGSTER_STORAGE to postgresql://user:password@host/database",
        )
    _require("dagster_postgres", "QD_DAGSTER_STORAGE", "postgres")
    if settings.engine == "local":
        return
    engine = f"QD_ENGINE {settings.engine}"
    if settings.store is None:
        remedy = "set QD_STORE to an address like s3://bucket/prefix"
        raise BadSetting(engine, "needs a partition store that all machines reach", remedy)
    if not is_server(settings.mlflow_uri):
        remedy = "set MLFLOW_TRACKING_URI to the address of an MLflow server"
        raise BadSetting(engine, "needs an MLflow server that all machines reach", remedy)
    if settings.engine != "k8s" and not settings.engine_address:
        example = {"ray": "http://head:8265", "celery": "pyamqp://broker"}[settings.engine]
        remedy = f"set QD_ENGINE_ADDRESS, like {example}"
        raise BadSetting(engine, "needs the engine's address", remedy)
    if package := _PACKAGES.get(settings.engine):
        _require(package, engine, settings.engine)


def _require(module: str, culprit: str, extra: str) -> None:
    if find_spec(module) is None:
        raise BadSetting(
            culprit,
            f"needs the package {module.replace('_', '-')}, which is not installed",
            f"install it: pip install 'qd_pipeline[{extra}]'",
        )

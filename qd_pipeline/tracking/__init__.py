"""What is logged to MLflow; the only package that imports it, but for the served model.

Runs are flat and comparable: the same metric names for every class set, and all that one may
want to group or filter by as tags. A step that is retried or re-executed finds the run that it
opened before and continues it, so that no run stays open for ever.
"""

import os
from typing import Final

from qd_pipeline import garbage_collection

_DEFAULTS: Final = {
    # MLflow waits minutes for a dead server by default; a user should hear of it in seconds.
    "MLFLOW_HTTP_REQUEST_MAX_RETRIES": "2",
    "MLFLOW_HTTP_REQUEST_BACKOFF_FACTOR": "1",
    "MLFLOW_HTTP_REQUEST_TIMEOUT": "20",
    # Every database statement would be logged when the store is first created.
    "MLFLOW_LOGGING_LEVEL": "WARNING",
    # Each file that is read back would draw a bar of its own.
    "MLFLOW_ENABLE_ARTIFACTS_PROGRESS_BAR": "false",
    # "View run … at:" would be printed for each run, with the server's password if the URI has one.
    "MLFLOW_SUPPRESS_PRINTING_URL_TO_STDOUT": "true",
    # A logged model would get the lock file of whatever project is the current folder.
    "MLFLOW_UV_AUTO_DETECT": "false",
    # A server that we start would run five processes more, for jobs that we have none of.
    "MLFLOW_SERVER_ENABLE_JOB_EXECUTION": "false",
    # Nor does Dagster tell its makers what is done here.
    "MLFLOW_DISABLE_TELEMETRY": "true",
}
"""MLflow's settings, where the environment has none. It reads some of them when imported."""

for _name, _value in _DEFAULTS.items():
    os.environ.setdefault(_name, _value)

with garbage_collection.paused():
    from qd_pipeline.tracking.experiments import CLASSIFIERS, DATA, EXPERIMENTS, STUDIES
    from qd_pipeline.tracking.logged import LoggedRun
    from qd_pipeline.tracking.runs import Identity, LoggedDataset, TrackedRun
    from qd_pipeline.tracking.schemas import DRAWINGS
    from qd_pipeline.tracking.tracker import Tracker

__all__ = [
    "CLASSIFIERS",
    "DATA",
    "DRAWINGS",
    "EXPERIMENTS",
    "STUDIES",
    "Identity",
    "LoggedDataset",
    "LoggedRun",
    "TrackedRun",
    "Tracker",
]

"""What is logged to MLflow; the only package that imports it.

Runs are flat and comparable: the same metric names for every class count, and all that one
may want to group or filter by as tags. A step that is retried or re-executed finds the run
that it opened before and continues it, so that no run stays open for ever.
"""

import os

from qd_pipeline import collector

# MLflow waits minutes for a dead server by default; a user should hear of it in seconds.
os.environ.setdefault("MLFLOW_HTTP_REQUEST_MAX_RETRIES", "2")
os.environ.setdefault("MLFLOW_HTTP_REQUEST_BACKOFF_FACTOR", "1")
os.environ.setdefault("MLFLOW_HTTP_REQUEST_TIMEOUT", "20")
# Every database statement would be announced when the store is first made.
os.environ.setdefault("MLFLOW_LOGGING_LEVEL", "WARNING")
# Each file that is read back would draw a bar of its own.
os.environ.setdefault("MLFLOW_ENABLE_ARTIFACTS_PROGRESS_BAR", "false")

# MLflow reads the variables above when it is imported.
with collector.paused():
    from qd_pipeline.tracking.experiments import CLASSIFIERS, DATA, EXPERIMENTS, STUDIES
    from qd_pipeline.tracking.logged import LoggedRun
    from qd_pipeline.tracking.runs import Identity, TrackedRun
    from qd_pipeline.tracking.tracker import Tracker

__all__ = [
    "CLASSIFIERS",
    "DATA",
    "EXPERIMENTS",
    "STUDIES",
    "Identity",
    "LoggedRun",
    "TrackedRun",
    "Tracker",
]

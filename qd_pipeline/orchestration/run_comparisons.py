"""The last runs of a class set out of MLflow."""

import tempfile
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

from qd_pipeline.errors import TrackingFailed
from qd_pipeline.learning.evaluation.intervals import Proportion
from qd_pipeline.learning.evaluation.run_comparison import (
    ComparedRun,
    RunComparison,
    check_count,
    stand,
)
from qd_pipeline.orchestration.partitions import CLASS_SETS
from qd_pipeline.orchestration.workshop import Workshop
from qd_pipeline.tracking import LoggedRun, Tracker

_PREDICTIONS = "predictions.parquet"
_NO_SETTINGS = {"class_set"}


def standings_of(workshop: Workshop, class_set: str, count: int) -> RunComparison:
    """Set the last runs of a class set side by side.

    Args:
        workshop: Where MLflow is.
        class_set: Its partition key.
        count: How many runs at most, from 1.

    Raises:
        BadSetting: The number makes no sense.
        TrackingFailed: MLflow cannot be reached.
    """
    check_count(count)
    tracker = workshop.tracker
    runs = [_contestant(tracker, run) for run in tracker.last_runs(class_set, count)]
    return stand(class_set, CLASS_SETS[class_set], runs)


def _contestant(tracker: Tracker, run: LoggedRun) -> ComparedRun:
    drawings = round(run.metrics.get("test_drawings", 0))
    return ComparedRun(
        id=run.id,
        link=run.link,
        started=run.started,
        settings={name: text for name, text in run.params.items() if name not in _NO_SETTINGS},
        accuracy=Proportion(round(run.metrics["test_accuracy"] * drawings), drawings),
        log_loss=run.metrics.get("test_log_loss"),
        seconds=run.metrics.get("training_seconds"),
        source=run.tags.get("source", ""),
        synthetic=run.tags.get("synthetic") == "true",
        predictions=_predictions(tracker, run.id),
    )


def _predictions(tracker: Tracker, run_id: str) -> pa.Table | None:
    with tempfile.TemporaryDirectory() as folder:
        try:
            return pq.read_table(tracker.fetch(run_id, _PREDICTIONS, Path(folder)))
        except (TrackingFailed, pa.ArrowException, OSError):
            # The run outlives its files where somebody has cleaned up; the page says so.
            return None

"""The last runs of a class set, read from MLflow and compared."""

import ast
import math
import tempfile
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

from qd_pipeline.errors import BadSetting, TrackingFailed
from qd_pipeline.learning.evaluation.intervals import Proportion
from qd_pipeline.learning.evaluation.run_comparison import ComparedRun, RunComparison, compare_runs
from qd_pipeline.learning.reports.evaluation_report import PREDICTIONS
from qd_pipeline.tracking import LoggedRun, Tracker, logged
from qd_pipeline.tracking.versions import model_of

_CLASS_SET = "class_set"


def last_runs(tracker: Tracker, key: str, class_set: tuple[str, ...], count: int) -> RunComparison:
    """Compare the last runs of a class set.

    Args:
        tracker: MLflow tracking client.
        key: Partition key of the class set.
        class_set: Its categories now.
        count: How many runs at most, from 1.

    Raises:
        BadSetting: The number is below 1.
        TrackingFailed: MLflow cannot be reached.
    """
    if count < 1:
        raise BadSetting("runs", f"is {count}", "give a whole number from 1")
    champion = tracker.registry.champion(model_of(key))
    trained = champion.run if champion else None
    runs = [_compared_run(tracker, run, trained) for run in logged.last_runs(tracker, key, count)]
    return compare_runs(key, class_set, runs)


def _compared_run(tracker: Tracker, run: LoggedRun, champion: str | None) -> ComparedRun:
    # A figure that was not a number is as good as none.
    metrics = {name: value for name, value in run.metrics.items() if math.isfinite(value)}
    drawings = round(metrics.get("test_drawings", 0))
    return ComparedRun(
        id=run.id,
        link=run.link,
        started=run.started,
        class_set=_class_set(run),
        settings={name: text for name, text in run.params.items() if name != _CLASS_SET},
        accuracy=Proportion(round(metrics.get("test_accuracy", 0) * drawings), drawings),
        chance=metrics.get("test_chance"),
        balanced_accuracy=metrics.get("test_balanced_accuracy"),
        macro_f1=metrics.get("test_macro_f1"),
        log_loss=metrics.get("test_log_loss"),
        seconds=metrics.get("training_seconds"),
        source=run.tags.get("source", ""),
        synthetic=run.tags.get("synthetic") == "true",
        is_champion=run.id == champion,
        predictions=_predictions(tracker, run.id),
    )


def _class_set(run: LoggedRun) -> tuple[str, ...]:
    try:
        return tuple(ast.literal_eval(run.params[_CLASS_SET]))
    except (KeyError, ValueError, SyntaxError):
        # The run was logged by hand.
        return ()


def _predictions(tracker: Tracker, run_id: str) -> pa.Table | None:
    with tempfile.TemporaryDirectory() as folder:
        try:
            return pq.read_table(tracker.fetch(run_id, PREDICTIONS, Path(folder)))
        except (TrackingFailed, pa.ArrowException, OSError):
            # The run outlives its files where those were deleted; the page says so.
            return None

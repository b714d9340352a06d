"""One run, open for logging."""

import json
import tempfile
import time
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from mlflow import MlflowClient
from mlflow.entities import Run, RunTag
from mlflow.utils.mlflow_tags import MLFLOW_RUN_NOTE

from qd_pipeline.tracking.drawing_models import DrawingModel
from qd_pipeline.tracking.entries import Batch, End, Entry, File, Inputs
from qd_pipeline.tracking.failures import TrackingUnreachable, translate_errors
from qd_pipeline.tracking.spool import PendingLog, Spool


@dataclass(frozen=True)
class Identity:
    """What makes a run the same run when its step is tried again.

    Attributes:
        root_run: The Dagster run that all retries and re-executions go back to.
        asset: The asset that logs.
        partition: Its partition key.
        part: Which part of it, where one logs several runs, each of its own.
    """

    root_run: str
    asset: str
    partition: str
    part: str = ""

    @property
    def tags(self) -> dict[str, str]:
        """The tags that it is found by."""
        return {
            "dagster_root_run": self.root_run,
            "asset": self.asset,
            "partition": self.partition,
            **({"part": self.part} if self.part else {}),
        }


@dataclass(frozen=True)
class LoggedDataset:
    """A dataset that is logged as an input of a run.

    Attributes:
        name: `bitmaps/cow`, for one.
        version: Its data version.
        source: Where the drawings came from.
        metadata: Figures to show beside it.
        schema: Its columns, as MLflow takes them; empty where they are not told.
    """

    name: str
    version: str
    source: str
    metadata: Mapping[str, Any]
    schema: str = ""

    @property
    def digest(self) -> str:
        """The data version as MLflow shows it: at most 36 characters."""
        return self.version[:36]


class TrackedRun:
    """One MLflow run, open for logging.

    Where MLflow ceases to answer, what is logged from then on is written to a pending log and
    sent later: a training of hours does not fail for its log.

    Args:
        client: The store's client.
        run: The run.
        link: Its page in MLflow's UI.
        spool: For what MLflow does not take.
        has_model: Whether it has a logged classifier already, which its metrics are of.
    """

    def __init__(
        self, client: MlflowClient, run: Run, link: str, spool: Spool, *, has_model: bool = False
    ) -> None:
        self._client = client
        self._spool = spool
        self._pending: PendingLog | None = None
        self._has_model = has_model
        self.id: str = run.info.run_id
        self.link = link

    @property
    def waits(self) -> bool:
        """Whether some of what it logged waits to be sent."""
        return self._pending is not None

    def log(
        self,
        *,
        params: Mapping[str, Any] | None = None,
        metrics: Mapping[str, float] | None = None,
        tags: Mapping[str, str] | None = None,
        step: int = 0,
        dataset: LoggedDataset | None = None,
    ) -> None:
        """Log parameters, metrics and tags in one request.

        Once the run has a logged classifier, metrics are logged as that model's too.

        Args:
            params: Settings.
            metrics: Figures.
            tags: What runs are grouped by.
            step: Epoch of the metrics, for curves.
            dataset: What the metrics were measured on.
        """
        self._log(
            Batch(
                params={name: str(value) for name, value in (params or {}).items()},
                metrics={name: float(value) for name, value in (metrics or {}).items()},
                tags={name: str(value) for name, value in (tags or {}).items()},
                step=step,
                time=_now(),
                dataset=(dataset.name, dataset.digest) if dataset else None,
                of_model=self._has_model and bool(metrics),
            )
        )

    def rename(self, name: str) -> None:
        """Rename the run in the run list.

        Raises:
            TrackingFailed: MLflow cannot be reached.
        """
        with translate_errors():
            self._client.update_run(self.id, name=name)

    def describe(self, markdown: str) -> None:
        """Set the description on the run's page."""
        self.log(tags={MLFLOW_RUN_NOTE: markdown})

    def log_file(self, path: Path) -> None:
        """Store a file among the run's artifacts."""
        self._log(File(str(path)))

    def log_content(self, content: bytes, name: str) -> None:
        """Store what a file of this name would hold among the run's artifacts."""
        with tempfile.TemporaryDirectory() as folder:
            path = Path(folder, name)
            path.write_bytes(content)
            self.log_file(path)

    def link_to(self, name: str) -> str:
        """Return the page of one of the run's artifacts."""
        return f"{self.link}/artifacts/{name}"

    def log_classifier(self, folder: Path) -> None:
        """Log a classifier as the run's model: the one that is registered, and takes drawings.

        The plain Keras network lies among the model's artifacts.

        Args:
            folder: What `Classifier.save` wrote.
        """
        self._log(DrawingModel(str(folder)))
        self._has_model = True

    def log_datasets(self, datasets: Iterable[LoggedDataset], context: str = "training") -> None:
        """Log datasets as inputs of the run, in one request.

        Args:
            datasets: The datasets.
            context: What they were used for: `training`, `validation` or `test`.
        """
        fields = [
            {
                "name": dataset.name,
                "digest": dataset.digest,
                "source_type": "quickdraw",
                "source": json.dumps({"source": dataset.source}),
                "profile": json.dumps(dataset.metadata, default=str),
                **({"schema": dataset.schema} if dataset.schema else {}),
            }
            for dataset in datasets
        ]
        self._log(Inputs(fields, context))

    def renew(self, lease: Mapping[str, str]) -> None:
        """Set the tags of the lease, and touch the pending log if there is one.

        Raises:
            TrackingFailed: MLflow cannot be reached.
            OSError: The disk refuses.
        """
        if self._pending is not None:
            self._pending.renew()
        with translate_errors():
            self._client.log_batch(self.id, tags=[RunTag(*tag) for tag in lease.items()])

    def end(self, status: str) -> None:
        """Close it as FINISHED, FAILED or KILLED."""
        self._log(End(status, _now()))
        if self._pending is not None:
            self._pending.close()

    def _log(self, entry: Entry) -> None:
        if self._pending is None:
            try:
                with translate_errors():
                    entry.send(self._client, self.id)
            except TrackingUnreachable:
                # What comes after waits too: in its order, and without another time-out each.
                self._pending = self._spool.open(self.id)
            else:
                return
        self._pending.add(entry)


def _now() -> int:
    return int(time.time() * 1000)

"""One run, open for logging."""

import json
import time
from base64 import b64encode
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from mlflow import MlflowClient
from mlflow.entities import Run

from qd_pipeline.tracking.drawing_models import DrawingModel
from qd_pipeline.tracking.entries import Batch, End, Entry, File, Input, Network, Picture
from qd_pipeline.tracking.failures import TrackingUnreachable, explained
from qd_pipeline.tracking.spool import Kept, Spool


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


class TrackedRun:
    """One MLflow run, open for logging.

    Where MLflow ceases to answer, what is logged from then on is kept in the home and sent
    later: a training of hours does not fail for its log.

    Args:
        client: The store's client.
        run: The run.
        link: Its page in MLflow's UI.
        spool: Where it keeps what MLflow does not take.
    """

    def __init__(self, client: MlflowClient, run: Run, link: str, spool: Spool) -> None:
        self._client = client
        self._spool = spool
        self._kept: Kept | None = None
        self.id: str = run.info.run_id
        self.name: str = run.info.run_name
        self.link = link

    @property
    def waits(self) -> bool:
        """Whether some of what it logged waits to be sent."""
        return self._kept is not None

    def log(
        self,
        *,
        params: Mapping[str, Any] | None = None,
        metrics: Mapping[str, float] | None = None,
        tags: Mapping[str, str] | None = None,
        step: int = 0,
    ) -> None:
        """Log parameters, metrics (at an epoch, for curves) and tags in one request."""
        self._log(
            Batch(
                params={name: str(value) for name, value in (params or {}).items()},
                metrics={name: float(value) for name, value in (metrics or {}).items()},
                tags={name: str(value) for name, value in (tags or {}).items()},
                step=step,
                time=_now(),
            )
        )

    def rename(self, name: str) -> None:
        """Give it another name in the run list.

        Raises:
            TrackingFailed: MLflow cannot be reached.
        """
        with explained():
            self._client.update_run(self.id, name=name)
        self.name = name

    def log_file(self, path: Path, folder: str | None = None) -> None:
        """Keep a file with the run."""
        self._log(File(str(path), folder))

    def log_picture(self, png: bytes, name: str) -> None:
        """Keep a PNG with the run, for its page."""
        self._log(Picture(b64encode(png).decode(), name))

    def link_to(self, name: str) -> str:
        """Give the page of one of the files kept with the run."""
        return f"{self.link}/artifacts/{name}"

    def log_network(self, network: Any, side: int, class_count: int) -> None:
        """Keep a Keras model with the run, with its signature and explicit requirements.

        Args:
            network: A `keras.Model`, from `float32 (n, side, side, 1)` in 0–1 to
                `float32 (n, class_count)`.
            side: Height and width of its pictures.
            class_count: Number of its outputs.
        """
        self._log(Network(network, side, class_count))

    def log_classifier(self, folder: Path) -> None:
        """Keep a classifier with the run as what is registered: a model that takes drawings.

        Args:
            folder: What `Classifier.save` wrote.
        """
        self._log(DrawingModel(str(folder)))

    def log_dataset(self, name: str, version: str, source: str, facts: Mapping[str, Any]) -> None:
        """Name a data partition as an input of the run.

        Args:
            name: `bitmaps/cow`, for one.
            version: Its data version; the first 36 characters are shown.
            source: Where the drawings came from.
            facts: Figures to show beside it.
        """
        self._log(Input(name, version[:36], source, json.dumps(facts, default=str)))

    def end(self, status: str) -> None:
        """Close it as FINISHED, FAILED or KILLED."""
        self._log(End(status, _now()))
        if self._kept is not None:
            self._kept.close()

    def _log(self, entry: Entry) -> None:
        if self._kept is None:
            try:
                with explained():
                    entry.send(self._client, self.id)
            except TrackingUnreachable:
                # What comes after waits too: in its order, and without another time-out each.
                self._kept = self._spool.open(self.id)
            else:
                return
        self._kept.add(entry)


def _now() -> int:
    return int(time.time() * 1000)

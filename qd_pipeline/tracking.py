"""What is logged to MLflow; the only module that imports it.

Runs are flat and comparable: the same metric names for every class count, and all that one
may want to group or filter by as tags. A step that is retried or re-executed finds the run
that it opened before and continues it, so that no run stays open for ever.
"""

import io
import json
import os
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path
from typing import Any, Final

# MLflow waits minutes for a dead server by default; a user should hear of it in seconds.
os.environ.setdefault("MLFLOW_HTTP_REQUEST_MAX_RETRIES", "2")
os.environ.setdefault("MLFLOW_HTTP_REQUEST_TIMEOUT", "20")
# Every database statement would be announced when the store is first made.
os.environ.setdefault("MLFLOW_LOGGING_LEVEL", "WARNING")

import mlflow  # it reads the variables above
import numpy as np
from mlflow import MlflowClient
from mlflow.entities import Dataset, DatasetInput, InputTag, Metric, Param, Run, RunTag
from mlflow.exceptions import MlflowException
from mlflow.models import ModelSignature
from mlflow.types import Schema, TensorSpec
from PIL import Image

from qd_pipeline.errors import TrackingFailed

DATA: Final = "quickdraw-data"
"""Experiment of the data stages."""

CLASSIFIERS: Final = "quickdraw-classifiers"
"""Experiment of training and evaluation."""

_NOTE: Final = "mlflow.note.content"


@dataclass(frozen=True)
class Identity:
    """What makes a run the same run when its step is tried again.

    Attributes:
        root_run: The Dagster run that all retries and re-executions go back to.
        asset: The asset that logs.
        partition: Its partition key.
    """

    root_run: str
    asset: str
    partition: str

    @property
    def tags(self) -> dict[str, str]:
        """The tags that it is found by."""
        return {
            "dagster_root_run": self.root_run,
            "asset": self.asset,
            "partition": self.partition,
        }


class TrackedRun:
    """One MLflow run, open for logging.

    Args:
        client: The store's client.
        run: The run.
        link: Its page in MLflow's UI.
    """

    def __init__(self, client: MlflowClient, run: Run, link: str) -> None:
        self._client = client
        self._experiment = run.info.experiment_id
        self.id: str = run.info.run_id
        self.name: str = run.info.run_name
        self.link = link

    def log(
        self,
        *,
        params: Mapping[str, Any] | None = None,
        metrics: Mapping[str, float] | None = None,
        tags: Mapping[str, str] | None = None,
        step: int = 0,
    ) -> None:
        """Log parameters, metrics (at an epoch, for curves) and tags in one request."""
        now = int(time.time() * 1000)
        with _explained():
            self._client.log_batch(
                self.id,
                metrics=[Metric(k, float(v), now, step) for k, v in (metrics or {}).items()],
                params=[Param(k, str(v)) for k, v in (params or {}).items()],
                tags=[RunTag(k, str(v)) for k, v in (tags or {}).items()],
            )

    def log_file(self, path: Path, folder: str | None = None) -> None:
        """Keep a file with the run."""
        with _explained():
            self._client.log_artifact(self.id, str(path), folder)

    def log_picture(self, png: bytes, name: str) -> None:
        """Keep a PNG with the run, for its page."""
        with _explained(), Image.open(io.BytesIO(png)) as picture:
            self._client.log_image(self.id, picture, artifact_file=name)

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
        signature = ModelSignature(
            inputs=Schema([TensorSpec(np.dtype(np.float32), (-1, side, side, 1))]),
            outputs=Schema([TensorSpec(np.dtype(np.float32), (-1, class_count))]),
        )
        # Only who logs a network pays for importing its flavour, and TensorFlow with it.
        from mlflow import keras as flavour  # noqa: PLC0415

        needs = [f"{name}=={version(name)}" for name in ("keras", "tensorflow", "numpy")]
        with _explained(), mlflow.start_run(run_id=self.id, log_system_metrics=False):
            flavour.log_model(
                network, name="classifier", signature=signature, pip_requirements=needs
            )

    def log_dataset(self, name: str, version: str, source: str, facts: Mapping[str, Any]) -> None:
        """Name a data partition as an input of the run.

        Args:
            name: `bitmaps/cow`, for one.
            version: Its data version; the first 36 characters are shown.
            source: Where the drawings came from.
            facts: Figures to show beside it.
        """
        dataset = Dataset(
            name=name,
            digest=version[:36],
            source_type="quickdraw",
            source=json.dumps({"source": source}),
            profile=json.dumps(facts, default=str),
        )
        with _explained():
            self._client.log_inputs(
                self.id, [DatasetInput(dataset, [InputTag("mlflow.data.context", "training")])]
            )


class Tracker:
    """An MLflow store.

    Args:
        uri: Its tracking URI; SQLite in the home by default.
        artifacts: Folder of the artifacts of a local store; a server has its own.
        ui: Address of MLflow's UI, for links.
    """

    def __init__(self, uri: str, artifacts: Path, ui: str) -> None:
        self._uri = uri
        self._artifacts = artifacts
        self._ui = ui.rstrip("/")
        # The model flavours know no client, only the address in force.
        mlflow.set_tracking_uri(uri)
        self._client = MlflowClient(tracking_uri=uri)

    @contextmanager
    def run(
        self,
        experiment: str,
        identity: Identity,
        *,
        name: str,
        tags: Mapping[str, str],
        note: str = "",
    ) -> Iterator[TrackedRun]:
        """Open the run of an identity, new or again, and close it as it went.

        Args:
            experiment: `DATA` or `CLASSIFIERS`.
            identity: What it is found by when the step is tried again.
            name: What the run list shows.
            tags: What runs are grouped and filtered by.
            note: Markdown that heads the run's page.

        Raises:
            TrackingFailed: MLflow cannot be reached.
        """
        all_tags = {**tags, **identity.tags, **({_NOTE: note} if note else {})}
        with _explained():
            home = self._experiment_id(experiment)
            run = self._find(home, identity) or self._client.create_run(
                home, run_name=name, tags=all_tags
            )
        with self._closing(run) as tracked:
            tracked.log(tags=all_tags)
            yield tracked

    @contextmanager
    def again(self, run_id: str) -> Iterator[TrackedRun]:
        """Continue a run that is known by its id, and close it as it went.

        Raises:
            TrackingFailed: MLflow cannot be reached, or has no such run.
        """
        with _explained():
            run = self._client.get_run(run_id)
        with self._closing(run) as tracked:
            yield tracked

    @contextmanager
    def _closing(self, run: Run) -> Iterator[TrackedRun]:
        with _explained():
            self._client.update_run(run.info.run_id, status="RUNNING")
        status = "FAILED"
        try:
            yield TrackedRun(self._client, run, self._link(run))
            status = "FINISHED"
        except KeyboardInterrupt:
            status = "KILLED"
            raise
        finally:
            with _explained():
                self._client.set_terminated(run.info.run_id, status)

    def _link(self, run: Run) -> str:
        return f"{self._ui}/#/experiments/{run.info.experiment_id}/runs/{run.info.run_id}"

    def _experiment_id(self, name: str) -> str:
        found = self._client.get_experiment_by_name(name)
        if found is None:
            local = self._uri.startswith("sqlite:")
            location = (self._artifacts / name).absolute().as_uri() if local else None
            try:
                return str(self._client.create_experiment(name, artifact_location=location))
            except MlflowException:
                # Another process may have been faster.
                found = self._client.get_experiment_by_name(name)
                if found is None:
                    raise
        return str(found.experiment_id)

    def _find(self, experiment_id: str, identity: Identity) -> Run | None:
        terms = [f"tags.`{key}` = '{value}'" for key, value in identity.tags.items()]
        runs = self._client.search_runs([experiment_id], " and ".join(terms), max_results=1)
        return runs[0] if runs else None


@contextmanager
def _explained() -> Iterator[None]:
    try:
        yield
    except (MlflowException, OSError) as error:
        reason = str(error).splitlines()[0][:200]
        raise TrackingFailed(
            "MLflow",
            f"did not take what was to be logged ({reason})",
            "see that MLFLOW_TRACKING_URI names a store that answers, then run again",
        ) from error

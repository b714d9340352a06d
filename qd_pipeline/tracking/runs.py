"""One run, open for logging."""

import io
import json
import time
from collections.abc import Mapping
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path
from typing import Any

import mlflow
import numpy as np
from mlflow import MlflowClient
from mlflow.entities import Dataset, DatasetInput, InputTag, Metric, Param, Run, RunTag
from mlflow.models import ModelSignature
from mlflow.types import Schema, TensorSpec
from PIL import Image

from qd_pipeline.tracking.failures import explained


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
        with explained():
            self._client.log_batch(
                self.id,
                metrics=[Metric(k, float(v), now, step) for k, v in (metrics or {}).items()],
                params=[Param(k, str(v)) for k, v in (params or {}).items()],
                tags=[RunTag(k, str(v)) for k, v in (tags or {}).items()],
            )

    def log_file(self, path: Path, folder: str | None = None) -> None:
        """Keep a file with the run."""
        with explained():
            self._client.log_artifact(self.id, str(path), folder)

    def log_picture(self, png: bytes, name: str) -> None:
        """Keep a PNG with the run, for its page."""
        with explained(), Image.open(io.BytesIO(png)) as picture:
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
        with explained(), mlflow.start_run(run_id=self.id, log_system_metrics=False):
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
        with explained():
            self._client.log_inputs(
                self.id, [DatasetInput(dataset, [InputTag("mlflow.data.context", "training")])]
            )

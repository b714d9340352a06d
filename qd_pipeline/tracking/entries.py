"""What a run logs, as values: to be sent at once, or kept and sent later.

Each kind of entry has two methods: `send` gives it to MLflow, and `kept` gives an entry that
says the same and whose files lie in a given folder.
"""

import io
import json
import shutil
from base64 import b64decode
from collections.abc import Mapping
from dataclasses import dataclass, replace
from importlib.metadata import version
from pathlib import Path
from typing import Any, Final, Self

import mlflow
import numpy as np
from mlflow import MlflowClient
from mlflow.entities import Dataset, DatasetInput, InputTag, Metric, Param, RunTag
from mlflow.models import ModelSignature
from mlflow.types import Schema, TensorSpec
from PIL import Image

from qd_pipeline.tracking.drawing_models import DrawingModel

# ruff: noqa: D102 - what `send` and `kept` do is said once, above


@dataclass(frozen=True)
class Batch:
    """Parameters, metrics of one step and tags, at a time in milliseconds since 1970."""

    params: Mapping[str, str]
    metrics: Mapping[str, float]
    tags: Mapping[str, str]
    step: int
    time: int

    def send(self, client: MlflowClient, run: str) -> None:
        client.log_batch(
            run,
            metrics=[Metric(k, v, self.time, self.step) for k, v in self.metrics.items()],
            params=[Param(k, v) for k, v in self.params.items()],
            tags=[RunTag(k, v) for k, v in self.tags.items()],
        )

    def kept(self, _folder: Path) -> Self:
        return self


@dataclass(frozen=True)
class File:
    """A file, to be kept under a folder of the run's."""

    path: str
    folder: str | None

    def send(self, client: MlflowClient, run: str) -> None:
        client.log_artifact(run, self.path, self.folder)

    def kept(self, folder: Path) -> Self:
        # In a folder of its own, for it keeps its name.
        place = _fresh(folder) / Path(self.path).name
        shutil.copyfile(self.path, place)
        return replace(self, path=str(place.relative_to(folder)))


@dataclass(frozen=True)
class Picture:
    """A PNG for the run's page, as base64 of its bytes, under a name there."""

    png: str
    name: str

    def send(self, client: MlflowClient, run: str) -> None:
        with Image.open(io.BytesIO(b64decode(self.png))) as picture:
            client.log_image(run, picture, artifact_file=self.name)

    def kept(self, _folder: Path) -> Self:
        return self


@dataclass(frozen=True)
class Network:
    """A Keras model, or the path of one; its requirements are explicit.

    From `float32 (n, side, side, 1)` in 0-1 to `float32 (n, class_count)`.
    """

    path: Any
    side: int
    class_count: int

    def send(self, client: MlflowClient, run: str) -> None:
        del client  # flavours know no client, only the address in force
        # Only who logs a network pays for importing its flavour, and TensorFlow with it.
        from mlflow import keras as flavour  # noqa: PLC0415

        signature = ModelSignature(
            inputs=Schema([TensorSpec(np.dtype(np.float32), (-1, self.side, self.side, 1))]),
            outputs=Schema([TensorSpec(np.dtype(np.float32), (-1, self.class_count))]),
        )
        needs = [f"{name}=={version(name)}" for name in ("keras", "tensorflow", "numpy")]
        with mlflow.start_run(run_id=run, log_system_metrics=False):
            flavour.log_model(
                self._network(), name="network", signature=signature, pip_requirements=needs
            )

    def kept(self, folder: Path) -> Self:
        place = _fresh(folder) / "network.keras"
        self._network().save(place)
        return replace(self, path=str(place.relative_to(folder)))

    def _network(self) -> Any:
        if not isinstance(self.path, str):
            return self.path
        from keras import saving  # noqa: PLC0415 (as above)

        return saving.load_model(self.path, compile=False, safe_mode=True)


@dataclass(frozen=True)
class Input:
    """A data partition that the run worked on."""

    name: str
    digest: str
    source: str
    profile: str

    def send(self, client: MlflowClient, run: str) -> None:
        dataset = Dataset(
            name=self.name,
            digest=self.digest,
            source_type="quickdraw",
            source=json.dumps({"source": self.source}),
            profile=self.profile,
        )
        client.log_inputs(
            run, [DatasetInput(dataset, [InputTag("mlflow.data.context", "training")])]
        )

    def kept(self, _folder: Path) -> Self:
        return self


@dataclass(frozen=True)
class End:
    """The end of the run, as FINISHED, FAILED or KILLED, in milliseconds since 1970."""

    status: str
    time: int

    def send(self, client: MlflowClient, run: str) -> None:
        client.set_terminated(run, self.status, self.time)

    def kept(self, _folder: Path) -> Self:
        return self


Entry = Batch | File | Picture | Network | DrawingModel | Input | End

KINDS: Final[Mapping[str, type[Entry]]] = {
    kind.__name__: kind for kind in (Batch, File, Picture, Network, DrawingModel, Input, End)
}


def _fresh(folder: Path) -> Path:
    """Make a folder that is not there yet, under its own number."""
    place = folder / str(sum(entry.is_dir() for entry in folder.iterdir()))
    place.mkdir()
    return place

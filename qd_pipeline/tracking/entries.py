"""What a run logs, as values: to be sent at once, or written to a pending log and sent later.

Each kind of entry has two methods: `send` logs it to MLflow, and `copied_to` returns the same
entry with its files copied into a given folder.
"""

import shutil
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Final, Self, get_args

from mlflow import MlflowClient
from mlflow.entities import Dataset, DatasetInput, InputTag, Metric, Param, RunTag
from mlflow.utils.mlflow_tags import MLFLOW_DATASET_CONTEXT
from mlflow.utils.validation import MAX_DATASETS_PER_BATCH

from qd_pipeline.tracking.drawing_models import DrawingModel, model_id_of

# ruff: noqa: D102 - what `send` and `copied_to` do is said once, above


class _WithoutFiles:
    def copied_to(self, _folder: Path) -> Self:
        return self


@dataclass(frozen=True)
class Batch(_WithoutFiles):
    """Parameters, metrics of one step and tags, at a time in milliseconds since 1970.

    Attributes:
        params: Settings, as text.
        metrics: Figures.
        tags: What runs are grouped by.
        step: Of the metrics.
        time: When they were measured.
        dataset: Name and digest of the data that the metrics were measured on, if it is one.
        of_model: Whether the metrics are the logged classifier's too.
    """

    params: Mapping[str, str]
    metrics: Mapping[str, float]
    tags: Mapping[str, str]
    step: int
    time: int
    dataset: Sequence[str] | None = None
    of_model: bool = False

    def send(self, client: MlflowClient, run: str) -> None:
        model = model_id_of(client, client.get_run(run)) if self.of_model else None
        name, digest = self.dataset or (None, None)
        client.log_batch(
            run,
            metrics=[
                Metric(key, value, self.time, self.step, model, name, digest, run)
                for key, value in self.metrics.items()
            ],
            params=[Param(key, value) for key, value in self.params.items()],
            tags=[RunTag(key, value) for key, value in self.tags.items()],
        )


@dataclass(frozen=True)
class File:
    """A file, to be stored among the run's artifacts."""

    path: str

    def send(self, client: MlflowClient, run: str) -> None:
        client.log_artifact(run, self.path)

    def copied_to(self, folder: Path) -> Self:
        # In a folder of its own, for it keeps its name.
        place = folder / str(sum(entry.is_dir() for entry in folder.iterdir()))
        place.mkdir()
        shutil.copyfile(self.path, place / Path(self.path).name)
        return replace(self, path=str((place / Path(self.path).name).relative_to(folder)))


@dataclass(frozen=True)
class Inputs(_WithoutFiles):
    """Datasets that the run worked on.

    Attributes:
        datasets: The fields of MLflow's `Dataset`, for each.
        context: What they were used for: `training`, `validation` or `test`.
    """

    datasets: Sequence[Mapping[str, str]]
    context: str

    def send(self, client: MlflowClient, run: str) -> None:
        tags = [InputTag(MLFLOW_DATASET_CONTEXT, self.context)]
        inputs = [DatasetInput(Dataset(**fields), tags) for fields in self.datasets]
        for first in range(0, len(inputs), MAX_DATASETS_PER_BATCH):
            client.log_inputs(run, inputs[first : first + MAX_DATASETS_PER_BATCH])


@dataclass(frozen=True)
class End(_WithoutFiles):
    """The end of the run, as FINISHED, FAILED or KILLED, in milliseconds since 1970."""

    status: str
    time: int

    def send(self, client: MlflowClient, run: str) -> None:
        client.set_terminated(run, self.status, self.time)


Entry = Batch | File | DrawingModel | Inputs | End

KINDS: Final[Mapping[str, type[Entry]]] = {kind.__name__: kind for kind in get_args(Entry)}

"""What is logged of a classifier, so that MLflow can load and serve it by itself."""

import shutil
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass, replace
from importlib.metadata import version
from pathlib import Path
from typing import Any, Final, Self

from mlflow import MlflowClient
from mlflow.entities import LoggedModel, LoggedModelOutput, Run
from mlflow.models import Model, ModelSignature
from mlflow.types import ColSpec, DataType, ParamSchema, ParamSpec, Schema
from mlflow.types.schema import AnyType, Map

from qd_pipeline.learning.classifier import METADATA_FILE, NETWORK_FILE

NAME: Final = "classifier"
"""What the logged model is called; the registry's versions are these."""

FILES: Final = "artifacts"
"""Folder of the classifier's own files in the model."""

_PACKAGE: Final = Path(__file__).parents[1]
_SERVED: Final = Path("serving", "mlflow_model.py")
_NOT_SERVED: Final = (
    "__pycache__",
    "cli",
    "download",
    "evaluation",
    "orchestration",
    "reports",
    "storage",
    "studies",
    "tracking",
)
"""Parts of the package that a served model does not import."""

_ANY: Final = AnyType()  # type: ignore[no-untyped-call]  # MLflow's
_SIGNATURE: Final = ModelSignature(
    # Strokes are lists, structs or JSON text, pictures are bytes, text or arrays: no one type fits.
    # Nothing is required here, so that the model itself says what to give where it is missing.
    inputs=Schema([ColSpec(_ANY, name, required=False) for name in ("drawing", "simplified")]),
    outputs=Schema(
        [
            ColSpec(DataType.string, "category"),
            ColSpec(DataType.double, "probability"),
            ColSpec(Map(DataType.double), "probabilities"),
        ]
    ),
    params=ParamSchema([ParamSpec("layout", DataType.string, default="")]),
)
_EXAMPLE: Final[dict[str, Any]] = {
    "columns": ["drawing"],
    "data": [
        ["[[[0, 255, 128, 0], [255, 255, 0, 255]]]"],
        ['{"word": "cow", "drawing": [[[0, 255, 128, 0], [255, 255, 0, 255]]]}'],
        [[[[0, 255, 128, 0], [255, 255, 0, 255]]]],
        [[{"x": [0, 255, 128, 0], "y": [255, 255, 0, 255]}]],
    ],
}
_REQUESTS: Final = (
    "Send dataframe_split, dataframe_records, inputs or Parquet. MLflow itself refuses text/csv, "
    "and instances whose rows are nested lists of different lengths: give these as JSON text."
)
_REQUIREMENTS: Final = (
    "keras",
    "llvmlite",
    "mlflow",
    "numba",
    "numpy",
    "pandas",
    "pillow",
    "pyarrow",
    "pydantic",
    "resvg-py",
    "scikit-image",
    "scipy",
    "svgelements",
    "tensorflow",
)
"""What serving imports; each is pinned to the version that is installed."""


@dataclass(frozen=True)
class DrawingModel:
    """A classifier that takes drawings in any form: strokes or pictures.

    Attributes:
        path: Folder that `Classifier.save` wrote.
    """

    path: str

    def send(self, client: MlflowClient, run: str) -> None:
        """Log it to a run, as code and files: nothing in it is a pickle."""
        logged = client.get_run(run)
        model = _logged_model(client, logged)
        outputs = logged.outputs.model_outputs if logged.outputs else []
        if model.model_id not in {output.model_id for output in outputs}:
            client.log_outputs(run, [LoggedModelOutput(model.model_id, step=0)])
        with tempfile.TemporaryDirectory() as folder:
            place = Path(folder) / "model"
            self._save(place, model, logged, _code(Path(folder)))
            client.log_model_artifacts(model.model_id, str(place))
        client.finalize_logged_model(model.model_id, "READY")

    def copied_to(self, folder: Path) -> Self:
        """Copy its files into a folder, and return the same of these."""
        place = folder / NAME
        place.mkdir(exist_ok=True)
        for name in (NETWORK_FILE, METADATA_FILE):
            shutil.copyfile(Path(self.path) / name, place / name)
        return replace(self, path=str(place.relative_to(folder)))

    def _save(self, place: Path, model: LoggedModel, logged: Run, code: Path) -> None:
        # MLflow's flavour takes time to import, and most runs log no model.
        from mlflow import pyfunc  # noqa: PLC0415

        files = Path(self.path)
        pyfunc.save_model(
            path=str(place),
            mlflow_model=Model(
                artifact_path=model.artifact_location,
                run_id=logged.info.run_id,
                model_uuid=model.model_id,
                model_id=model.model_id,
            ),
            python_model=str(code / _SERVED),
            code_paths=[str(code)],
            artifacts={
                "network": str(files / NETWORK_FILE),
                "metadata": str(files / METADATA_FILE),
            },
            signature=_SIGNATURE,
            input_example=_example(),
            metadata=_metadata(logged.data.tags),
            pip_requirements=[f"{name}=={version(name)}" for name in _REQUIREMENTS],
        )


def model_id_of(client: MlflowClient, run: Run) -> str | None:
    """Return the id of the classifier that a run logged last, or None."""
    models = [model for model in _models_of(client, run) if str(model.status) == "READY"]
    return str(models[-1].model_id) if models else None


def model_ids_of(client: MlflowClient, run: Run) -> list[str]:
    """Return the ids of all models that a run has logged or begun to log."""
    return [str(model.model_id) for model in _models_of(client, run)]


def _logged_model(client: MlflowClient, run: Run) -> LoggedModel:
    """Return the run's logged model to fill, a new one unless an attempt before left one."""
    registered = {
        found.source for found in client.search_model_versions(f"run_id = '{run.info.run_id}'")
    }
    for model in reversed(_models_of(client, run)):
        # What is registered may predict already, and stays as it is.
        if f"models:/{model.model_id}" not in registered:
            return model
    return client.create_logged_model(
        run.info.experiment_id,
        name=NAME,
        source_run_id=run.info.run_id,
        params=dict(run.data.params),
        model_type="classifier",
    )


def _models_of(client: MlflowClient, run: Run) -> list[LoggedModel]:
    found = client.search_logged_models(
        [run.info.experiment_id], f"source_run_id = '{run.info.run_id}' AND name = '{NAME}'"
    )
    return sorted(found, key=lambda model: model.creation_timestamp)


def _metadata(tags: Mapping[str, str]) -> dict[str, Any]:
    """Return what the model's file says of the drawings that it was trained on."""
    synthetic = tags.get("synthetic") == "true"
    return {
        "source": tags.get("source", ""),
        "synthetic": synthetic,
        "requests": _REQUESTS,
        **({"notice": "Trained on synthetic drawings."} if synthetic else {}),
    }


def _code(folder: Path) -> Path:
    """Copy what a served model imports of this package into a folder."""
    place = folder / "code" / _PACKAGE.name
    return Path(shutil.copytree(_PACKAGE, place, ignore=shutil.ignore_patterns(*_NOT_SERVED)))


def _example() -> Any:
    import pandas as pd  # noqa: PLC0415 (slow to import)

    return pd.DataFrame(_EXAMPLE["data"], columns=_EXAMPLE["columns"])

"""What is logged of a classifier, so that MLflow can load and serve it by itself."""

import shutil
import warnings
from dataclasses import dataclass, replace
from importlib.metadata import version
from pathlib import Path
from typing import Final, Self

import mlflow
from mlflow import MlflowClient
from mlflow.models import ModelSignature
from mlflow.types import ColSpec, DataType, Schema
from mlflow.types.schema import AnyType, Map

from qd_pipeline.learning.classifier import METADATA_FILE, NETWORK_FILE

NAME: Final = "classifier"
"""What the logged model is called; the registry's versions are these."""

FILES: Final = "artifacts"
"""Folder of the classifier's own files in the model."""

_CODE: Final = Path(__file__).parents[1] / "serving" / "mlflow_model.py"
_ANY: Final = AnyType()  # type: ignore[no-untyped-call]  # as MLflow has it
_SIGNATURE: Final = ModelSignature(
    inputs=Schema([ColSpec(_ANY, "drawing"), ColSpec(_ANY, "simplified", required=False)]),
    outputs=Schema(
        [
            ColSpec(DataType.string, "category"),
            ColSpec(DataType.double, "probability"),
            ColSpec(Map(DataType.double), "probabilities"),
        ]
    ),
)
_NEEDS: Final = (
    "qd_pipeline",
    "keras",
    "mlflow",
    "numba",
    "numpy",
    "pandas",
    "pillow",
    "pyarrow",
    "scikit-image",
    "scipy",
    "svgelements",
    "tensorflow",
)


@dataclass(frozen=True)
class DrawingModel:
    """A classifier that takes drawings in any form: strokes or pictures.

    Attributes:
        path: Folder that `Classifier.save` wrote.
    """

    path: str

    def send(self, client: MlflowClient, run: str) -> None:
        """Log it to a run, as code and files: nothing in it is a pickle."""
        del client  # flavours know no client, only the address in force
        # MLflow's flavour takes time to import, and most runs log no model.
        from mlflow import pyfunc  # noqa: PLC0415

        folder = Path(self.path)
        with warnings.catch_warnings(), mlflow.start_run(run_id=run, log_system_metrics=False):
            # An example of the input, for which MLflow asks, would cost loading the classifier.
            warnings.filterwarnings("ignore", "An input example was not provided|.*input_example")
            pyfunc.log_model(
                name=NAME,
                python_model=str(_CODE),
                artifacts={
                    "network": str(folder / NETWORK_FILE),
                    "facts": str(folder / METADATA_FILE),
                },
                signature=_SIGNATURE,
                pip_requirements=[f"{name}=={version(name)}" for name in _NEEDS],
            )

    def kept(self, folder: Path) -> Self:
        """Copy its files into a folder, and give the same of these."""
        place = folder / NAME
        place.mkdir(exist_ok=True)
        for name in (NETWORK_FILE, METADATA_FILE):
            shutil.copyfile(Path(self.path) / name, place / name)
        return replace(self, path=str(place.relative_to(folder)))

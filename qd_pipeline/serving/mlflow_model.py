"""The code of the classifier in MLflow: drawings in any form in, categories out.

MLflow copies this file into each logged model and runs the copy when that is loaded. The
classifier's files lie beside it; the preparation is this package's, which must be installed.
"""

from pathlib import Path
from typing import Any

import pandas as pd
from mlflow.exceptions import MlflowException
from mlflow.models import set_model
from mlflow.pyfunc.model import PythonModel, PythonModelContext

from qd_pipeline.errors import BadDrawing
from qd_pipeline.learning.classifier import Classifier
from qd_pipeline.serving.prediction import Predictor, drawings_of


class DrawingModel(PythonModel):
    """A classifier with the preparation that its training's bitmaps had."""

    def load_context(self, context: PythonModelContext) -> None:
        """Load the classifier; nothing in its files is run as code."""
        self._predictor = Predictor(Classifier.load(Path(context.artifacts["network"]).parent))

    def predict(
        self,
        context: PythonModelContext,
        model_input: pd.DataFrame,
        params: dict[str, Any] | None = None,
    ) -> pd.DataFrame:
        """Name the category of each drawing.

        Args:
            context: Where the files are; they are loaded already.
            model_input: A row a drawing. In the column `drawing`, strokes
                `[[[x, …], [y, …]], …]`, as lists or as JSON text, or a picture (PNG, JPEG,
                WebP, SVG), as bytes or as Base64 text. In the column `simplified`, if there
                is one, whether strokes are simplified already; otherwise their geometry tells.
            params: None are known.

        Returns:
            A row a drawing: its `category`, the `probability` of that, and `probabilities`,
            a dictionary of all of them, the most probable first.

        Raises:
            mlflow.exceptions.MlflowException: One of them is no drawing.
        """
        del context, params
        known = model_input.get("simplified", [None] * len(model_input))
        try:
            drawings = drawings_of(
                model_input["drawing"],
                [None if pd.isna(simplified) else bool(simplified) for simplified in known],
            )
        except BadDrawing as error:
            raise MlflowException.invalid_parameter_value(str(error)) from error
        rankings = self._predictor.predict(drawings)
        return pd.DataFrame(
            {
                "category": [ranking.categories[0] for ranking in rankings],
                "probability": [ranking.probabilities[0] for ranking in rankings],
                "probabilities": [
                    dict(zip(ranking.categories, ranking.probabilities, strict=True))
                    for ranking in rankings
                ],
            }
        )


set_model(DrawingModel())

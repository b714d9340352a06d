"""The code of the classifier in MLflow: drawings in any form in, categories out.

MLflow copies this file into each logged model and runs the copy when that is loaded. The
classifier's files lie beside it, and in `code` what it imports of this package.
"""

import sys
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from mlflow.exceptions import MlflowException
from mlflow.models import set_model
from mlflow.pyfunc.model import PythonModel, PythonModelContext

# MLflow puts `code` first on the path. It is for where this package is not installed; where it
# is, nothing that the process imports later may come from a model.
_CODE = str(Path(__file__).with_name("code"))
if _CODE in sys.path:
    sys.path[:] = [place for place in sys.path if place != _CODE]
    if find_spec("qd_pipeline") is None:
        sys.path.append(_CODE)

from qd_pipeline.errors import BadDrawing  # noqa: E402
from qd_pipeline.learning.classifier import Classifier  # noqa: E402
from qd_pipeline.serving.drawing_forms import sketches_of  # noqa: E402
from qd_pipeline.serving.prediction import Predictor  # noqa: E402


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
        """Predict the category of each drawing.

        Over HTTP, `dataframe_split`, `dataframe_records`, and `inputs` and `instances` (as rows
        or as columns) can be sent. MLflow makes one array of the rows of `instances`, before the
        model has them: strokes of different lengths must be JSON text there.

        Args:
            context: Where the files are; they are loaded already.
            model_input: A row a drawing: a stroke table, or any table whose column `drawing`
                holds strokes `[[[x, …], [y, …]], …]` or `[{"x": […], "y": […]}, …]`, as lists,
                arrays or JSON text, or lines of NDJSON, or pictures (PNG, JPEG, WebP, SVG) as
                bytes, Base64 text, data URL or arrays of pixels. In the column `simplified`, if
                there is one, whether strokes are simplified already; otherwise their geometry
                tells.
            params: `layout` of strokes, `columns` as above or `points` for `[[x, y], …]`; by
                default it is told by their shape. Where both fit, since every stroke of all the
                drawings has two or three points, it must be given.

        Returns:
            A row a drawing: its `category`, the `probability` of that, and `probabilities`,
            a dictionary of all of them, the most probable first.

        Raises:
            mlflow.exceptions.MlflowException: One of them is no drawing.
        """
        del context
        layout = (params or {}).get("layout") or None
        if "drawing" not in model_input:
            raise MlflowException.invalid_parameter_value(
                "The input has no column drawing: give a table with one, a drawing a row, as "
                'pandas.DataFrame({"drawing": lines}); over HTTP, {"inputs": [{"drawing": line}]}.'
            )
        drawings = _rows(model_input["drawing"])
        simplified = _rows(model_input.get("simplified", pd.Series([None] * len(drawings))))
        if layout not in {None, "columns", "points"}:
            raise MlflowException.invalid_parameter_value(
                f"layout {layout[:40]!r} is not known: give columns or points."
            )
        told = [
            None if pd.isna(each) else str(each).lower() in {"true", "1", "1.0"}
            for each in simplified
        ]
        try:
            sketches = sketches_of(drawings, told, layout)
        except BadDrawing as error:
            raise MlflowException.invalid_parameter_value(str(error)) from error
        rankings = self._predictor.predict(sketches)
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


def _rows(column: "pd.Series[Any]") -> list[Any]:
    """Return a column's cells; MLflow makes one cell of a list of texts or flags."""
    cells: list[Any] = column.tolist()
    if len(cells) != 1 or not isinstance(cells[0], list | tuple | np.ndarray):
        return cells
    values = list(cells[0])
    # A drawing is a list of strokes, never of texts.
    return values if any(isinstance(each, str | bytes | bool | None) for each in values) else cells


set_model(DrawingModel())

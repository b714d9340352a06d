"""The code of the classifier in MLflow: drawings in any form in, categories out.

MLflow copies this file into each logged model and runs the copy when that is loaded. The
classifier's files lie beside it; the preparation is this package's, which must be installed.
"""

from pathlib import Path
from typing import Any

import mlflow
import pandas as pd
from mlflow.exceptions import MlflowException
from mlflow.pyfunc import PythonModel
from mlflow.pyfunc.context import PythonModelContext

from qd_pipeline.errors import BadDrawing
from qd_pipeline.learning.classifier import NETWORK_FILE, Classifier
from qd_pipeline.learning.prediction import Predictor, strokes_of
from qd_pipeline.quickdraw.pictures import to_column

"""What `qd` imports sooner or later, imported and compiled once for many processes.

Imported in the process that the commands of `commands.py` fork from: no thread and no file
stays open.
"""

import tempfile
from pathlib import Path

from qd_pipeline.learning import backend

libraries = (backend.tf, backend.keras)  # before MLflow imports them with their noise

import qd_pipeline.tracking  # noqa: E402, I001 (MLflow reads settings when it is imported)
import mlflow.pyfunc  # noqa: E402, F401
import sklearn.metrics  # noqa: E402, F401

import qd_pipeline.cli  # noqa: E402
import qd_pipeline.definitions  # noqa: E402, F401
from qd_pipeline.learning.reports.charts import confusion_matrix, png  # noqa: E402
from qd_pipeline.quickdraw import sample  # noqa: E402
from qd_pipeline.quickdraw.raster import rasterize  # noqa: E402
from qd_pipeline.quickdraw.strokes import read_ndjson  # noqa: E402

with tempfile.TemporaryDirectory() as folder:
    lines = Path(folder) / "cow.ndjson"
    lines.write_bytes(b"".join(sample.ndjson_lines("cow", 3, seed=0)))
    rasterize(read_ndjson(lines)["drawing"])
png(confusion_matrix(("cow", "panda"), ((1, 0), (0, 1))))

"""The kernels, compiled before the workers ask for them: each would compile them for itself."""

import subprocess
import sys

# Independent of each other; together they call every kernel that many tests need.
SCRIPTS = (
    """
from qd_pipeline.quickdraw.raster import DRAWING, rasterize
from qd_pipeline.quickdraw.sequences import sequences
import pyarrow as pa
drawings = pa.array([[{"x": [0, 9], "y": [0, 9]}]], DRAWING)
rasterize(drawings)
sequences(drawings)
""",
    """
from pathlib import Path
from tempfile import TemporaryDirectory
from qd_pipeline.quickdraw.sample import ndjson_lines
from qd_pipeline.quickdraw.strokes import read_ndjson
with TemporaryDirectory() as folder:
    lines = Path(folder, "cow.ndjson")
    lines.write_bytes(b"".join(ndjson_lines("cow", 1, 0)))
    read_ndjson(lines)
""",
)


def compile_all() -> None:
    """Compile what is not in the cache, on two cores; a second if everything is."""
    running = [subprocess.Popen([sys.executable, "-c", script]) for script in SCRIPTS]
    assert [process.wait() for process in running] == [0, 0]

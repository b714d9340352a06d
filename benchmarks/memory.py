"""What a fresh process costs: its first kernels, and its memory while a large file passes."""

import json
import subprocess
import sys
from pathlib import Path
from typing import Any, Final

from benchmarks.corpus import Corpus
from benchmarks.rows import Row

_CATEGORY: Final = "cow"
_SIZES: Final = (500_000_000, 1_000_000_000)

_FIRST_CALL: Final = """
import json, sys, time
from pathlib import Path
from qd_pipeline.quickdraw.raster import rasterize
from qd_pipeline.quickdraw.strokes import read_ndjson
began = time.perf_counter()
rasterize(read_ndjson(Path(sys.argv[1])).column("drawing").slice(0, 1))
print(json.dumps({"seconds": time.perf_counter() - began}))
"""

# Resident memory by its peak, as Linux counts it for this program alone, over that of the imports.
_PASSAGE: Final = """
import json, re, sys
from pathlib import Path
from qd_pipeline.errors import BadDrawing
from qd_pipeline.quickdraw.bitmaps import draw
from qd_pipeline.quickdraw.strokes import convert

def peak():
    return int(re.search(r"VmHWM:\\s*(\\d+) kB", Path("/proc/self/status").read_text())[1]) / 1024

ndjson = Path(sys.argv[1])
table, drawn = ndjson.with_suffix(".parquet"), ndjson.with_suffix(".npy")
imported = peak()
rejects = ndjson.with_suffix(".rejects")
drawings = 0
try:
    drawings = convert(ndjson, "cow", table, rejects).drawings
    draw(table, drawn)
except BadDrawing as error:
    print(error, file=sys.stderr)
for path in (table, drawn, rejects):
    path.unlink(missing_ok=True)
print(json.dumps({"over": peak() - imported, "drawings": drawings, "imported": imported}))
"""


def start_up(ndjson: Path) -> list[Row]:
    """Time the first drawing of a fresh process, with the kernels' cache there."""
    few = ndjson.with_name("few.ndjson")
    with ndjson.open("rb") as lines:
        few.write_bytes(lines.readline())
    values = [_child(_FIRST_CALL, few)["seconds"] for _ in range(4)]
    note = f"the first, which may have compiled: {values[0]:.2f} s"
    what = "first drawing of a fresh process, s"
    return [Row(what, tuple(values[1:]), 1.0, 0.5, at_most=True, note=note)]


def peaks(corpus: Corpus, folder: Path) -> list[Row]:
    """Measure the resident memory while large files go through strokes and bitmaps."""
    ndjson = folder / "passing.ndjson"
    measured = []
    for size in _SIZES:
        corpus.write(ndjson, _CATEGORY, size=size)
        measured.append(_passage(ndjson, f"{size / 1e6:,.0f} MB of NDJSON"))
    # Of another category: every line is read, and every line is a reject.
    corpus.write(ndjson, "panda", size=_SIZES[0])
    measured.append(_passage(ndjson, f"{_SIZES[0] / 1e6:,.0f} MB with every line bad"))
    ndjson.unlink()
    return measured


def _passage(ndjson: Path, what: str) -> Row:
    found = _child(_PASSAGE, ndjson)
    note = f"{found['drawings']:,} drawings; {found['imported']:.0f} MB at import"
    over = (found["over"],)
    return Row(f"memory over the imports, {what}, MB", over, 600, 300, at_most=True, note=note)


def _child(script: str, ndjson: Path) -> dict[str, Any]:
    ended = subprocess.run(
        [sys.executable, "-c", script, str(ndjson)], check=True, capture_output=True, text=True
    )
    return dict(json.loads(ended.stdout))

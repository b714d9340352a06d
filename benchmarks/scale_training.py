"""Memory and speed of a training of 8, 80 and 345 categories × 10,000 drawings, a part of it.

Real drawings repeated, the same for every category: what is learned is not the point here. The part
goes beyond one window of the order, and all validation drawings are prepared.
"""

import json
import re
import subprocess
import sys
import time
from itertools import islice
from pathlib import Path
from typing import Any, Final

from benchmarks.corpus import Corpus
from benchmarks.rows import Row
from qd_pipeline import catalog
from qd_pipeline.learning import networks
from qd_pipeline.learning.data import ClassSetData, load_category
from qd_pipeline.learning.training.batches import validation_batches
from qd_pipeline.learning.training.presets import PRESETS
from qd_pipeline.learning.training.train import train

_CATEGORIES: Final = (8, 80, 345)
_DRAWINGS: Final = 10_000
_TRAINED: Final = 160_000
_WARM: Final = 10_000


class _EnoughError(Exception):
    pass


def measure(folder: Path) -> list[Row]:
    """Train on the same number of drawings of more and more categories, in a process each."""
    _prepare(folder)
    found = {count: _child(folder, count) for count in _CATEGORIES}
    first, *_, last = found.values()
    what = f"training, {_CATEGORIES[0]} to {_CATEGORIES[-1]} categories × {_DRAWINGS:,}"
    rows = []
    for count, each in found.items():
        size = f"training, {count} × {_DRAWINGS:,}"
        imported = f"{each['imported']:.0f} MB at import"
        rows.append(Row(f"{size}: peak memory, MB", (each["peak"],), note=imported))
        rows.append(Row(f"{size}: drawings a processor second", (each["speed"],)))
    ratio = last["peak"] / first["peak"]
    return [
        *rows,
        Row(f"{what}: peak memory, last / first", (ratio,), 1.5, 1.2, at_most=True),
        Row(
            f"{what}: drawings a processor second, last / first", (last["speed"] / first["speed"],)
        ),
    ]


def _prepare(folder: Path) -> None:
    from qd_pipeline.quickdraw.bitmaps import draw  # noqa: PLC0415 (numba)
    from qd_pipeline.quickdraw.strokes import convert  # noqa: PLC0415

    folder.mkdir(parents=True, exist_ok=True)
    ndjson, table = folder / "drawings.ndjson", folder / "table.parquet"
    with ndjson.open("wb") as file:
        file.writelines(islice(Corpus.find().one_category("cow"), _DRAWINGS))
    convert(ndjson, "cow", table, folder / "rejects.ndjson")
    draw(table, folder / "bitmaps.npy")


def _child(folder: Path, count: int) -> dict[str, Any]:
    command = [sys.executable, "-m", "benchmarks.scale_training", str(folder), str(count)]
    ended = subprocess.run(command, check=True, capture_output=True, text=True)
    return dict(json.loads(ended.stdout.splitlines()[-1]))


def _peak() -> float:
    """Return the highest resident memory of this process so far, in MB."""
    status = Path("/proc/self/status").read_text()
    return int(re.search(r"VmHWM:\s*(\d+) kB", status)[1]) / 1024  # type: ignore[index]


def _train(folder: Path, count: int) -> dict[str, float]:
    """Train on some drawings, look at all validation drawings; return memory and speed."""
    data = ClassSetData.split(
        [
            load_category(name, folder / "table.parquet", folder / "bitmaps.npy")
            for name in islice(catalog.CATEGORIES, count)
        ]
    )
    config = PRESETS["default"](count)
    networks.build(config.network, count)  # imports Keras
    imported, began = _peak(), 0.0

    def on_progress(done: int, _total: int) -> None:
        nonlocal began
        began = began if done > _WARM else time.process_time()
        if done >= _TRAINED:
            raise _EnoughError

    try:
        train(data, config, on_progress=on_progress)
    except _EnoughError:
        speed = (_TRAINED - _WARM) / (time.process_time() - began)
    for _ in validation_batches(data.validation, networks.input_spec(config.network)):
        pass
    return {"peak": _peak(), "imported": imported, "speed": speed}


if __name__ == "__main__":
    sys.stdout.write(json.dumps(_train(Path(sys.argv[1]), int(sys.argv[2]))))

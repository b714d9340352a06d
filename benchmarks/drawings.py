"""The data stages against the usual ways: `make bench`.

Reference and ours in turn, in one process, on the same input; five rounds, medians, ratios.

    python -m benchmarks.drawings
"""

import json
import time
from collections.abc import Callable
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, Final

import numpy as np
import pandas as pd
import pyarrow as pa

from benchmarks import memory, rows, through_dagster
from benchmarks.corpus import Corpus
from benchmarks.references import cairo_bitmaps, notebook_bitmaps, opencv_bitmaps
from benchmarks.rows import Row
from qd_pipeline.cli.terminal import terminal
from qd_pipeline.errors import BadSetting
from qd_pipeline.quickdraw import bitmaps
from qd_pipeline.quickdraw.raster import rasterize
from qd_pipeline.quickdraw.strokes import convert, read_ndjson
from qd_pipeline.quickdraw.threads import core_count

ROUNDS: Final = 5
CATEGORY: Final = "cow"

Work = Callable[[], object]


def rounds(reference: Work, ours: Work) -> tuple[float, ...]:
    """Return how many times as fast ours is, round by round, after one that does not count."""
    ours()
    return tuple(seconds(reference) / seconds(ours) for _ in range(ROUNDS))


def seconds(work: Work) -> float:
    """Return the wall time of a piece of work."""
    began = time.perf_counter()
    work()
    return time.perf_counter() - began


def rasterising(ndjson: Path) -> list[Row]:
    """Hold the kernel against cairo called from Python, and two cores against one."""
    column = read_ndjson(ndjson).column("drawing").combine_chunks()
    lines = ndjson.read_bytes().splitlines()
    drawings = [json.loads(line)["drawing"] for line in lines]
    many = pa.concat_arrays([column] * 8)
    maps = np.tile([[0.9, 0.3, 8.0], [-0.3, 0.9, 40.0]], (len(column), 1, 1))
    cores = core_count()

    def plain() -> None:
        rasterize(column, threads=1)

    return [
        Row(
            "rasterise, 1 core, / cairo called from Python",
            rounds(lambda: cairo_bitmaps(drawings), plain),
            4,
            10,
            note=f"{len(drawings):,} drawings, 1 thread",
        ),
        Row(
            "rasterise, 2 cores / 1",
            rounds(lambda: rasterize(many, threads=1), lambda: rasterize(many, threads=2)),
            1.8,
            2.0,
            note=f"{len(many):,} drawings, {cores} cores here",
        ),
        Row(
            "rasterise with a map for each drawing / without, time",
            rounds(lambda: rasterize(column, affine=maps, threads=1), plain),
            at_most=True,
            note="turned and moved, 1 thread",
        ),
        Row(
            "rasterise to 3 channels / to one, time",
            rounds(lambda: rasterize(column, channels=3, threads=1), plain),
            at_most=True,
            note="1 thread",
        ),
    ]


def parsing(ndjson: Path, folder: Path) -> list[Row]:
    """Hold the stroke table against pandas, in time, size, and with bad lines among good ones."""
    table, rejects = folder / "table.parquet", folder / "rejects.ndjson"
    bad = folder / "bad.ndjson"
    lines = ndjson.read_bytes().splitlines(keepends=True)
    bad.write_bytes(b"".join(x if i % 100 else b"{oops\n" for i, x in enumerate(lines)))

    def with_pandas() -> None:
        frame = pd.DataFrame([json.loads(line) for line in lines])
        frame.to_parquet(folder / "pandas.parquet")

    def of(path: Path) -> Work:
        return lambda: convert(path, CATEGORY, table, rejects)

    facts = convert(ndjson, CATEGORY, table, rejects)
    share = facts.table_bytes_per_drawing / facts.ndjson_bytes_per_drawing
    return [
        Row(
            "NDJSON → stroke table / json.loads and pandas",
            rounds(with_pandas, of(ndjson)),
            6,
            12,
            note=f"{ndjson.stat().st_size / 1e6:.0f} MB",
        ),
        Row("1 % of bad lines / none, time", rounds(of(bad), of(ndjson)), 1.3, 1.1, at_most=True),
        Row("stroke table / NDJSON, bytes", (share,), 0.25, 0.20, at_most=True),
    ]


def whole_way(ndjson: Path, folder: Path) -> list[Row]:
    """Hold NDJSON to bitmaps on disk against the notebook's way.

    On a file of tens of thousands of drawings, as the dataset's are.
    """
    lines = ndjson.read_bytes().splitlines()
    table, drawn = folder / "table.parquet", folder / "bitmaps.npy"

    def ours() -> None:
        # Stages write new files; to empty the last round's takes longer than to open one.
        drawn.unlink(missing_ok=True)
        table.unlink(missing_ok=True)
        convert(ndjson, CATEGORY, table, folder / "rejects.ndjson")
        bitmaps.draw(table, drawn)

    note = f"{len(lines):,} drawings, {core_count()} cores"
    what = "NDJSON → bitmaps on disk"
    return [
        Row(
            f"{what} / the notebook's way",
            rounds(lambda: notebook_bitmaps(lines), ours),
            25,
            60,
            note=f"{note}; cairo at 256×256, cubic resize",
        ),
        Row(
            f"{what} / the same with OpenCV's lines",
            rounds(lambda: opencv_bitmaps(lines), ours),
            note=note,
        ),
    ]


def main() -> None:
    """Measure everything, print the table, and write `bench/drawings.json`."""
    console = terminal()
    corpus = Corpus.find()
    console.print("synthetic sample" if corpus.synthetic else "real drawings", highlight=False)
    measured: list[Row] = []
    with TemporaryDirectory() as name:
        folder = Path(name)
        small, large = folder / "small.ndjson", folder / "large.ndjson"
        corpus.write(small, CATEGORY, size=4_000_000)
        corpus.write(large, CATEGORY, size=30_000_000)
        parts: list[tuple[str, Callable[[], list[Row]]]] = [
            ("start-up of the kernels", lambda: memory.start_up(small)),
            ("rasterising", lambda: rasterising(small)),
            ("parsing", lambda: parsing(large, folder)),
            ("NDJSON to bitmaps", lambda: whole_way(large, folder)),
            ("memory", lambda: memory.peaks(corpus, folder)),
            ("eight animals × 10,000 through Dagster", lambda: through_dagster.measure(folder)),
        ]
        for what, part in parts:
            with console.status(f"Measuring {what} …"):
                try:
                    measured += part()
                except BadSetting as missing:
                    console.print(str(missing), highlight=False)
    console.print(rows.table(measured, "The data stages, medians of the rounds"))
    facts: dict[str, Any] = {"synthetic": corpus.synthetic, "cores": core_count()}
    console.print(f"Written to {rows.write('drawings', measured, facts)}", highlight=False)


if __name__ == "__main__":
    main()

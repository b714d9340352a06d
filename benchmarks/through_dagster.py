"""Eight animals × 10,000 drawings from a local web server, through the assets and without."""

import shutil
import subprocess
import sys
import time
from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor, ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from socket import create_connection, socket
from typing import Final, NamedTuple, Self

from benchmarks.rows import Row
from qd_pipeline.quickdraw import sample
from qd_pipeline.quickdraw.bitmaps import draw
from qd_pipeline.quickdraw.download import Source, fetch, parse_source
from qd_pipeline.quickdraw.strokes import convert
from qd_pipeline.quickdraw.threads import core_count

_DRAWINGS: Final = 10_000
_ROUNDS: Final = 3
_STAGES: Final = ("raw_drawings", "strokes", "bitmaps")


def measure(folder: Path) -> list[Row]:
    """Time the three stages called by themselves, and as Dagster assets with MLflow."""
    files = folder / "mirror" / "full" / "simplified"
    files.mkdir(parents=True)
    with ProcessPoolExecutor() as pool:
        list(pool.map(_write, [files] * len(sample.ANIMALS), sample.ANIMALS))
    shares, processor = [], []
    with _served(folder / "mirror") as url:
        _bare(parse_source(url), folder / "bare")  # loads the kernels
        for again in range(_ROUNDS):
            began = _Clock.now()
            bare = _bare(parse_source(url), folder / f"bare-{again}")
            alone = began.elapsed()
            total = _through_dagster(url, folder / f"home-{again}")
            shares.append(1 - alone.wall / total.wall)
            processor.append(1 - alone.processor / total.processor)
    empty = _empty(folder / "empty")
    shutil.rmtree(folder / "mirror")
    what = "eight animals × 10,000 (synthetic)"
    return [
        *(Row(f"{what}: {stage}, s, summed over the cores", (t,)) for stage, t in bare.items()),
        Row(f"{what}: the stages alone, on all cores, s", (alone.wall,)),
        Row(f"{what}: through Dagster and MLflow, s", (total.wall,)),
        Row(f"{what}: Dagster with as many empty assets, s", (empty,)),
        Row(f"{what}: share of orchestration", tuple(shares), 0.5, 0.25, at_most=True),
        Row(f"{what}: its share, processor s", tuple(processor), 0.5, 0.25, at_most=True),
    ]


class _Clock(NamedTuple):
    """Seconds on the wall, and of the processor, which other load does not change."""

    wall: float
    processor: float

    @classmethod
    def now(cls) -> Self:
        return cls(time.perf_counter(), time.process_time())

    def elapsed(self) -> Self:
        now = self.now()
        return type(self)(now.wall - self.wall, now.processor - self.processor)


def _write(folder: Path, animal: str) -> None:
    lines = sample.ndjson_lines(animal, _DRAWINGS, 0)
    (folder / f"{animal}.ndjson").write_bytes(b"".join(lines))


@contextmanager
def _served(folder: Path) -> Iterator[str]:
    with socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    command = [sys.executable, "-m", "http.server", str(port), "--bind", "127.0.0.1"]
    server = subprocess.Popen(
        [*command, "--directory", str(folder)], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    )
    try:
        _wait_for(port)
        yield f"http://127.0.0.1:{port}"
    finally:
        server.terminate()
        server.wait()


def _wait_for(port: int) -> None:
    for _ in range(100):
        try:
            create_connection(("127.0.0.1", port), timeout=1).close()
        except OSError:
            time.sleep(0.1)
        else:
            return


def _bare(source: Source, folder: Path) -> dict[str, float]:
    def work(animal: str) -> tuple[float, ...]:
        place = folder / animal
        place.mkdir(parents=True, exist_ok=True)
        ndjson, table = place / "drawings.ndjson", place / "table.parquet"
        began = time.perf_counter()
        fetch(source, animal, ndjson, place / "partial", drawings=_DRAWINGS)
        fetched = time.perf_counter()
        convert(ndjson, animal, table, place / "rejects.ndjson")
        converted = time.perf_counter()
        draw(table, place / "bitmaps.npy")
        drawn = time.perf_counter()
        return fetched - began, converted - fetched, drawn - converted

    with ThreadPoolExecutor(core_count()) as pool:
        spent = zip(*pool.map(work, sample.ANIMALS), strict=True)
    return {stage: sum(seconds) for stage, seconds in zip(_STAGES, spent, strict=True)}


def _through_dagster(url: str, home: Path) -> _Clock:
    # Loading Dagster and MLflow, and making their databases, happens once and not a category.
    from qd_pipeline.cli.chain import pipeline_of, runner_of  # noqa: PLC0415
    from qd_pipeline.settings import Settings  # noqa: PLC0415

    settings = Settings.load(home=home, source=url, drawings=_DRAWINGS)
    runner = runner_of(pipeline_of(settings))
    runner.recover()
    began = _Clock.now()
    runner.run_categories(sample.ANIMALS, lambda _name, _done: None)
    spent = began.elapsed()
    if runner.failures:
        raise RuntimeError("; ".join(runner.failures.values()))
    return spent


def _empty(home: Path) -> float:
    import dagster as dg  # noqa: PLC0415

    from benchmarks.empty_assets import defs  # noqa: PLC0415
    from qd_pipeline.orchestration import instance  # noqa: PLC0415
    from qd_pipeline.orchestration.batch_runner import QUIET  # noqa: PLC0415
    from qd_pipeline.orchestration.jobs import CATEGORIES  # noqa: PLC0415
    from qd_pipeline.orchestration.partitions import FIRST, LAST  # noqa: PLC0415

    job, of_home = defs.resolve_job_def(CATEGORIES), instance.of(home)
    config, tags = dg.RunConfig(loggers=QUIET), {FIRST: sample.ANIMALS[0], LAST: sample.ANIMALS[-1]}
    began = time.perf_counter()
    job.execute_in_process(tags=tags, instance=of_home, run_config=config)
    return time.perf_counter() - began

"""Two one-core Ray nodes over one, and a run's start-up: `make bench-cluster`.

PostgreSQL, an S3 server and MLflow's server run on the same cores as the nodes, so the ratio of two
nodes over one is lower than where each has a machine. Data stages are timed from a run's first
category on, without its start-up, which ends when the kernels are loaded; cross-validations whole.
A start-up is timed on nodes that may use all cores, as the local daemon may.

    python -m benchmarks.cluster
"""

import json
import os
import sys
from collections.abc import Iterable
from contextlib import ExitStack
from dataclasses import replace
from itertools import islice
from pathlib import Path
from statistics import median
from tempfile import TemporaryDirectory
from typing import Any, Final

import dagster as dg

from benchmarks import rows
from benchmarks.corpus import Corpus
from benchmarks.rows import Row
from qd_pipeline import catalog
from qd_pipeline.cli.chain import pipeline_of
from qd_pipeline.cli.terminal import terminal
from qd_pipeline.orchestration.batches import Batch
from qd_pipeline.orchestration.engine_runner import EngineRunner
from qd_pipeline.orchestration.partitions import By
from qd_pipeline.orchestration.stages.training_config import SharedTrainingConfig
from qd_pipeline.settings import Settings
from qd_pipeline_tests.cluster.deployment import Deployment, deployment
from qd_pipeline_tests.cluster.engine import engine_over
from qd_pipeline_tests.cluster.services import program, running, wait_until
from qd_pipeline_tests.tracking.server import free_port

_CATEGORIES: Final = 16
_FOLDS: Final = 4
_TRAINING: Final = {"preset": "notebook", "epochs": 6, "folds": _FOLDS}
_VALIDATED: Final = "four"
_STAGES: Final = ("strokes", "bitmaps")

_DRAWINGS: Final = 10_000
_ROUNDS: Final = 15
_WHOLE: Final = len(catalog.CATEGORIES) * 146_000
_WORKERS: Final = 16


class _Runs:
    """Runs of a deployment, with the times that Dagster has recorded of them."""

    def __init__(self, environment: dict[str, str]) -> None:
        os.environ |= environment
        self.settings = Settings.load()
        self.pipeline = pipeline_of(self.settings)
        self.keys = tuple(self.pipeline.partitions.keys(By.CATEGORY))

    def run(self, stages: tuple[str, ...], keys: tuple[str, ...], at_once: int) -> list[Any]:
        """Materialize stages of some categories in so many runs; return Dagster's records."""
        chosen = tuple(self.pipeline.stages[name] for name in stages)
        configs = {stage.name: self.pipeline.config(stage) for stage in chosen}
        batch = Batch(keys, chosen, configs)
        size = len(keys) // at_once
        return self._follow(
            replace(batch, keys=keys[i : i + size]) for i in range(0, len(keys), size)
        )

    def cross_validate(self, workers: int) -> list[Any]:
        """Cross-validate with so many workers."""
        stage = self.pipeline.stages["cross_validations"]
        config = self.pipeline.config(stage, **_TRAINING, workers=workers)
        assert isinstance(config, SharedTrainingConfig)  # noqa: S101 (for mypy)
        return self._follow(
            Batch((_VALIDATED,), (stage,), {stage.name: share})
            for share in config.shares(self.settings)
        )

    def _follow(self, batches: Iterable[Batch]) -> list[Any]:
        """Submit runs, and wait until they have ended."""
        runner = EngineRunner(self.pipeline, {})
        submitted = [runner.submission.submit(batch) for batch in batches]
        runner.submission.follow(submitted, lambda _: None)
        if runner.submission.failures:
            raise RuntimeError("; ".join(runner.submission.failures.values()))
        return list(runner.instance.get_run_records(dg.RunsFilter(run_ids=submitted)))

    def worked(self, records: list[Any]) -> float:
        """Return the seconds that the longest run took for its categories, without its start-up.

        The first category counts as long as the others took.
        """
        instance, kind = EngineRunner(self.pipeline, {}).instance, dg.DagsterEventType
        seconds = []
        for record in records:
            logs = instance.all_logs(record.dagster_run.run_id, kind.ASSET_MATERIALIZATION)
            events = [(entry.dagster_event, entry.timestamp) for entry in logs]
            last = dg.AssetKey(_STAGES[-1])
            made = [at for event, at in events if event and event.asset_key == last]
            seconds.append((max(made) - min(made)) * len(made) / (len(made) - 1))
        return max(seconds)


def _lasted(records: list[Any]) -> float:
    """Return the seconds from the start of the first run to the end of the last."""
    return float(max(each.end_time for each in records) - min(each.start_time for each in records))


def _waited(records: list[Any]) -> float:
    """Return the seconds from the submission of a run to its start."""
    (record,) = records
    return float(record.start_time - record.create_timestamp.timestamp())


def _starts(runs: _Runs) -> tuple[float, ...]:
    """Return the seconds until each of some runs has started; one before them is not counted."""
    waited = [_waited(runs.run(("raw_drawings",), runs.keys[:1], 1)) for _ in range(_ROUNDS + 1)]
    return tuple(waited[1:])


def _local_starts(servers: Deployment, folder: Path) -> tuple[float, ...]:
    """Return the seconds until a local daemon has started a run, over the same servers."""
    environment = {
        **servers.settings("dagster"),
        "QD_ENGINE": "local",
        "QD_DAGSTER_PORT": str(free_port()),
        "QD_HOME": str(folder),
    }
    log = folder.with_suffix(".log")
    runs = _Runs(environment)
    with running([*program("qd"), "ui"], log, environment, folder.parent) as process:
        wait_until(lambda: "Ctrl-C stops both" in log.read_text(), process, log, 300)
        return _starts(runs)


def _mirror(folder: Path, drawings: int) -> dict[str, str]:
    """Write a mirror of some categories; return the settings that name them."""
    files = folder / "full" / "simplified"
    files.mkdir(parents=True)
    names, corpus = list(catalog.CATEGORIES)[:_CATEGORIES], Corpus.find()
    for name in names:
        lines = islice(corpus.one_category(name), drawings)
        (files / f"{name}.ndjson").write_bytes(b"".join(lines))
    return {
        "QD_SOURCE": folder.as_uri(),
        "QD_CLASS_SETS": json.dumps({_VALIDATED: names[:4], "all": names}),
        "QD_DRAWINGS": str(drawings),
    }


def measure(folder: Path, drawings: int) -> list[Row]:
    """Measure everything on so many drawings of each category."""
    with ExitStack() as parts:
        servers = parts.enter_context(deployment(folder))
        os.environ |= _mirror(folder / "mirror", drawings)
        local = _local_starts(servers, folder / "local")
        with engine_over(servers, "ray", folder) as engine:
            on_ray = _starts(_Runs(engine.settings))
        engine = parts.enter_context(engine_over(servers, "ray", folder, cores=(0, 1)))
        runs = _Runs(engine.settings)
        runs.run(("raw_drawings",), runs.keys, 2)
        alone, together = [], []
        for _ in range(_ROUNDS):
            alone.append(runs.worked(runs.run(_STAGES, runs.keys, 1)))
            together.append(runs.worked(runs.run(_STAGES, runs.keys, 2)))
        one, two = (_lasted(runs.cross_validate(workers)) for workers in (1, 2))
    ratios = tuple(one / two for one, two in zip(alone, together, strict=True))
    starts = tuple(ray / median(local) for ray in on_ray)
    what = f"raw drawings to bitmaps, {_CATEGORIES} × {drawings:,}"
    rate = _CATEGORIES * drawings / median(alone)
    hours = _WHOLE / rate / _WORKERS / 3600
    return [
        Row(
            f"{what}: two one-core nodes / one", ratios, 1.6, 1.9, note="servers on the same cores"
        ),
        Row(f"{what}: drawings a second of one node", (rate,)),
        Row(
            f"cross-validation of {_FOLDS} folds: two one-core nodes / one",
            (one / two,),
            1.6,
            1.9,
            note="servers on the same cores",
        ),
        Row("start-up of a run: Ray / local daemon", starts, 1.5, 1.0, at_most=True),
        Row("start-up of a run on Ray, seconds", on_ray),
        Row(
            f"345 × 146,000 drawings on {_WORKERS} workers, hours",
            (hours,),
            note="a projection: as many times the rate of one node, without download",
        ),
    ]


def main() -> None:
    """Measure, print the table, and write `bench/cluster.json`; a number: drawings a category."""
    console = terminal()
    drawings = int(sys.argv[1]) if len(sys.argv) > 1 else _DRAWINGS
    target = Settings.load().home.resolve()
    with TemporaryDirectory() as name, console.status("Measuring; an hour …"):
        measured = measure(Path(name), drawings)
    os.environ["QD_HOME"] = str(target)
    console.print(rows.table(measured, "Several machines"))
    console.print(f"Written to {rows.write('cluster', measured, {})}", highlight=False)


if __name__ == "__main__":
    main()

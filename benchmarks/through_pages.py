"""Time from pressing "Materialize all" in Dagster's UI to the end.

Once with the sample, and once with as many partitions that have nothing to do: what is left is
orchestration. Then the same with the data stages of all 345 categories, 25 real drawings each from
`../shared/quickdraw`, while a browser shows the page of the bitmaps.

    python -m benchmarks.through_pages
"""

import json
import os
import shutil
import subprocess
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from socket import socket
from tempfile import TemporaryDirectory
from typing import Any, Final, NamedTuple

import urllib3
from playwright.sync_api import sync_playwright

from benchmarks import rows
from benchmarks.rows import Row
from qd_pipeline.cli.servers import Server, Servers, program
from qd_pipeline.cli.terminal import terminal

_REAL: Final = Path(__file__).parents[2] / "shared" / "quickdraw"
_DATA_STAGES: Final = ("raw_drawings", "strokes", "bitmaps")
_STAGES: Final = (*_DATA_STAGES, "classifiers", "evaluations")
_EPOCHS: Final = 2
_PATIENCE: Final = 600.0
_SECONDS_TO_LOOK: Final = 10.0
"""Between the start of the UI and the press of a button: no person is faster."""

_LAUNCH: Final = """mutation ($all: LaunchBackfillParams!) {
  launchPartitionBackfill(backfillParams: $all) { __typename ... on PythonError { message } } }"""
_STATUS: Final = """{
  partitionBackfillsOrError { ... on PartitionBackfills { results { status } } }
  runsOrError { ... on Runs { results { creationTime endTime } } } }"""


class _Waited(NamedTuple):
    """Seconds from the press of the button.

    Attributes:
        look: Until Dagster's daemon looked, and made the first run.
        made: Until the last run had ended, and with it every partition was made.
        told: Until Dagster said that all is done, which takes its daemon one more look.
    """

    look: float
    made: float
    told: float


def main() -> None:
    """Measure, print the table, and write `bench/pages.json` into the data directory."""
    os.environ.pop("QD_CLASS_SETS", None)
    console = terminal()
    with console.status("Materialising everything in Dagster's pages, four times; ten minutes …"):
        measured = [*_of_the_sample(), *_of_empty_assets(), *_of_all_categories()]
    title = "In Dagster's pages, from nothing"
    console.print(rows.table(measured, title))
    console.print(f"Written to {rows.write('pages', measured, {})}", highlight=False)


def _of_the_sample() -> list[Row]:
    began = time.monotonic()
    with _qd_ui({"QD_SOURCE": "sample"}) as dagster:
        up = time.monotonic() - began
        waited = _materialize_all(dagster, _STAGES)
    return [
        Row("`make ui` is up, s", (up,), 15, at_most=True),
        Row(
            f'"Materialize all", {_EPOCHS} epochs, s',
            (waited.told,),
            180,
            at_most=True,
            note="the synthetic sample, 2, 4 and 8 categories",
        ),
    ]


def _of_all_categories() -> list[Row]:
    """Time the data stages of real drawings, beside those of as many empty partitions."""
    files = (_REAL / "full" / "simplified").glob("*.ndjson")
    class_sets = {"QD_CLASS_SETS": json.dumps({"all": sorted(file.stem for file in files)})}
    source = {"QD_SOURCE": _REAL.as_uri(), "QD_DRAWINGS": "25"}
    with _qd_ui({**class_sets, **source}) as dagster, _browser(dagster):
        real = _materialize_all(dagster, _DATA_STAGES)
    with _empty_assets(class_sets) as dagster, _browser(dagster):
        empty = _materialize_all(dagster, _DATA_STAGES)
    what = '"Materialize all", 345 categories × 25, data stages'
    looks = f"its daemon's first look after {real.look:.0f} s, by chance"
    of_empty = f"{empty.made:.0f} s, the first look after {empty.look:.0f} s"
    ratio = (real.made - real.look) / (empty.made - empty.look)
    return [
        Row(f"{what}, until all is made, s", (real.made,), note=looks),
        Row(f"{what}, until Dagster says so, s", (real.told,)),
        Row(f"{what}, from the first look until made / empty assets", (ratio,), note=of_empty),
    ]


@contextmanager
def _browser(port: int) -> Iterator[None]:
    """Show the page of an asset with all its partitions, as who waits for them does."""
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(
            executable_path=shutil.which("chromium"), args=["--no-sandbox", "--disable-gpu"]
        )
        browser.new_page().goto(f"http://127.0.0.1:{port}/assets/bitmaps?view=partitions")
        yield
        browser.close()


@contextmanager
def _qd_ui(settings: dict[str, str]) -> Iterator[int]:
    """Start the pages over a new data directory, and yield Dagster's port once they are up."""
    dagster = _free_port()
    ports = {"QD_DAGSTER_PORT": str(dagster), "QD_MLFLOW_PORT": str(_free_port())}
    with TemporaryDirectory() as home:
        process = subprocess.Popen(
            [*program("qd"), "ui", "--epochs", str(_EPOCHS)],
            env={**os.environ, **ports, **settings, "QD_HOME": home},
            stdout=subprocess.PIPE,
            text=True,
        )
        try:
            said = process.stdout or ()
            if not any("Ctrl-C" in line for line in said):
                raise RuntimeError("the pages have not started")
            yield dagster
        finally:
            process.terminate()
            process.wait()


def _of_empty_assets() -> list[Row]:
    """Time the orchestration of as many partitions with nothing to do."""
    with _empty_assets({}) as port:
        waited = _materialize_all(port, _STAGES)
    what, bar = '"Materialize all" with empty assets', 75
    looks = f"its daemon looks every 30 s: first after {waited.look:.0f}, by chance, then once more"
    made = Row(f"{what}, until all is made, s", (waited.made,), bar, at_most=True, note=looks)
    told = Row(f"{what}, until Dagster says so, s", (waited.told,), note="at one look more")
    from_look = Row(
        f"{what}, from the first look until Dagster says so, s",
        (waited.told - waited.look,),
        bar,
        at_most=True,
        note="of them 60 between three looks",
    )
    return [made, told, from_look]


@contextmanager
def _empty_assets(settings: dict[str, str]) -> Iterator[int]:
    """Start Dagster's pages and daemon over assets that do nothing, and yield the pages' port."""
    # Dagster asks for the settings when these are imported.
    from qd_pipeline.orchestration import instance  # noqa: PLC0415

    with TemporaryDirectory() as name:
        home, port = Path(name), _free_port()
        instance.prepare(home)
        module = ["-m", "benchmarks.empty_assets"]
        command = [*program("dagster-webserver"), *module, "--port", str(port)]
        pages = Server("dagster-webserver", command, port)
        with Servers(home / "logs", lambda: {**os.environ, **settings}) as servers:
            servers.start(pages)
            servers.wait_until_up(pages)
            servers.start(Server("dagster-daemon", [*program("dagster-daemon"), "run", *module]))
            yield port


def _materialize_all(port: int, stages: Sequence[str]) -> _Waited:
    """Do what the button does, and wait until Dagster says that all is done."""
    time.sleep(_SECONDS_TO_LOOK)
    everything = {"assetSelection": [{"path": [stage]} for stage in stages], "allPartitions": True}
    began = time.time()
    launched = _ask(port, _LAUNCH, all=everything)["launchPartitionBackfill"]
    if launched["__typename"] != "LaunchBackfillSuccess":
        raise RuntimeError(launched)
    while time.time() < began + _PATIENCE:
        found = _ask(port, _STATUS)
        (backfill,) = found["partitionBackfillsOrError"]["results"]
        if backfill["status"] == "COMPLETED_SUCCESS":
            runs = found["runsOrError"]["results"]
            look = min(run["creationTime"] for run in runs)
            made = max(run["endTime"] for run in runs)
            return _Waited(look - began, made - began, time.time() - began)
        if backfill["status"] != "REQUESTED":
            break
        time.sleep(0.5)
    raise RuntimeError(f"the backfill is {backfill['status']}")


def _ask(port: int, query: str, **variables: Any) -> dict[str, Any]:
    reply = urllib3.request(
        "POST", f"http://127.0.0.1:{port}/graphql", json={"query": query, "variables": variables}
    )
    return dict(json.loads(reply.data)["data"])


def _free_port() -> int:
    with socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


if __name__ == "__main__":
    main()

"""The button "Materialize all", in a browser."""

import json
import os
import time
from collections.abc import Callable, Iterator
from typing import Any
from urllib.parse import quote

import pytest
import urllib3
from playwright.sync_api import Page

from qd_pipeline_tests.browser import needs_browser, page
from qd_pipeline_tests.cli.comparison import compare_classifiers
from qd_pipeline_tests.cli.pages import Ui, running, wait_for

pytestmark = needs_browser

# Two small ones; in `make stress` the notebook's, as people have them.
EVERY = os.environ.get("QD_STRESS") == "1"
CLASS_SETS = """
[class_sets]
2 = ["cow", "panda"]
3 = ["cow", "panda", "frog"]
"""
CHAIN = "/asset-groups~" + quote('not group:"studies"', safe="") + "/"
PATIENCE = 540.0

STATUS = """{
  partitionBackfillsOrError { ... on PartitionBackfills { results { status } } }
}"""
ASKED = """{
  runsOrError { ... on Runs { results { status } } }
  assetNodes(group: {groupName: "%s", repositoryLocationName: "qd_pipeline",
                     repositoryName: "__repository__"}) {
    assetKey { path } isMaterializable
    partitionStats { numPartitions numMaterialized numFailed }
    assetChecksOrError { ... on AssetChecks { checks {
      name executionForLatestMaterialization { status } } } }
  }
}"""


def ask(ui: Ui, query: str) -> dict[str, Any]:
    """Ask Dagster for what its pages show."""
    reply = urllib3.request("POST", f"{ui.dagster}/graphql", json={"query": query})
    found = json.loads(reply.data)
    assert "errors" not in found, found["errors"]
    return dict(found["data"])


def statuses(ui: Ui) -> list[str]:
    """Ask for what became of each backfill."""
    found = ask(ui, STATUS)["partitionBackfillsOrError"]["results"]
    return [backfill["status"] for backfill in found]


@pytest.fixture(scope="module")
def ui(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Ui]:
    folder = tmp_path_factory.mktemp("ui")
    (folder / "sets.toml").write_text(CLASS_SETS)
    small = ["--class-sets", str(folder / "sets.toml"), "--drawings", "300"]
    with running(folder / "home", "--epochs", "2", *([] if EVERY else small)) as ui:
        yield ui


@pytest.fixture(scope="module")
def browser() -> Iterator[Page]:
    with page() as opened:
        yield opened


@pytest.fixture(scope="module")
def seconds(ui: Ui, browser: Page) -> float:
    """Press the buttons, and wait until Dagster says that it is done."""
    browser.goto(ui.dagster + CHAIN)
    browser.get_by_role("button", name="Materialize all").first.click()
    browser.get_by_role("button", name="All", exact=True).click()
    browser.get_by_role("button", name="Launch backfill").click()
    began = time.monotonic()
    wait_for(lambda: statuses(ui) != [])
    # The graph, drawn anew whenever something happens, would slow down what it shows.
    browser.goto("about:blank")
    wait_for(lambda: statuses(ui) != ["REQUESTED"], patience=PATIENCE, pause=1)
    return time.monotonic() - began


def test_materialize_all_makes_every_partition_and_passes_every_check(
    ui: Ui, seconds: float, record_property: Callable[[str, object], None]
) -> None:
    record_property("seconds", seconds)
    learning, drawings = ask(ui, ASKED % "learning"), ask(ui, ASKED % "drawings")
    log = ui.said.parent / "logs" / "failures.log"
    assert statuses(ui) == ["COMPLETED_SUCCESS"], log.read_text() if log.exists() else seconds
    assert {run["status"] for run in learning["runsOrError"]["results"]} == {"SUCCESS"}
    nodes = {
        node["assetKey"]["path"][-1]: node
        for node in (*drawings["assetNodes"], *learning["assetNodes"])
        if node["isMaterializable"]
    }
    assert set(nodes) == {"raw_drawings", "strokes", "bitmaps", "classifiers", "evaluations"}
    for node in nodes.values():
        statistics = node["partitionStats"]
        assert statistics["numMaterialized"] == statistics["numPartitions"] > 0
        assert statistics["numFailed"] == 0
        for check in node["assetChecksOrError"]["checks"]:
            assert check["executionForLatestMaterialization"]["status"] == "SUCCEEDED", check


def test_classifiers_of_every_class_set_compare_side_by_side(
    ui: Ui, seconds: float, browser: Page
) -> None:
    assert seconds
    counts = [name.partition(" ")[0] for name in compare_classifiers(ui, browser)]
    assert sorted(counts) == (["2", "4", "8"] if EVERY else ["2", "3"])

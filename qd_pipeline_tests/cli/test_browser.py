"""What people press and see in a browser: "Materialize all", and the pages of what it made."""

import json
import os
import signal
import time
from collections.abc import Callable, Iterator
from typing import Any
from urllib.parse import quote

import pytest
from mlflow import MlflowClient
from playwright.sync_api import Page

from qd_pipeline.tracking import CLASSIFIERS
from qd_pipeline_tests.browser import page
from qd_pipeline_tests.cli.comparison import compare_classifiers
from qd_pipeline_tests.cli.pages import (
    Ui,
    ask,
    ensure_ends,
    ensure_up,
    launch,
    running,
    staleness,
    wait_for,
)
from qd_pipeline_tests.homes import prepare
from qd_pipeline_tests.orchestration.chain import runner

# Two small class sets; in `make stress` the notebook's, as people have them.
EVERY = os.environ.get("QD_STRESS") == "1"
SMALL: dict[str, Any] = {
    "class_sets": {"2": ("cow", "panda"), "3": ("cow", "panda", "frog")},
    "drawings": 300,
}
COUNTS = ["2", "4", "8"] if EVERY else ["2", "3"]
SETTINGS: dict[str, Any] = {"epochs": 2} | ({} if EVERY else SMALL)
CHAIN = "/asset-groups~" + quote('not group:"studies"', safe="") + "/"
CATEGORY_ASSETS = ("raw_drawings", "strokes", "bitmaps")
PATIENCE = 540.0

BACKFILLS = """{
  partitionBackfillsOrError { ... on PartitionBackfills { results { status } } }
}"""
MADE = """{
  runsOrError { ... on Runs { results { status } } }
  assetNodes(group: {groupName: "%s", repositoryLocationName: "qd_pipeline",
                     repositoryName: "__repository__"}) {
    assetKey { path } isMaterializable
    partitionStats { numPartitions numMaterialized numFailed }
    assetChecksOrError { ... on AssetChecks { checks {
      name executionForLatestMaterialization { status } } } }
  }
}"""


@pytest.fixture(scope="module")
def ui(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Ui]:
    """Open the pages over a new data directory, to others too, as a shell's background job."""
    folder = tmp_path_factory.mktemp("ui")
    table = [f"{key} = {list(names)}" for key, names in SMALL["class_sets"].items()]
    (folder / "sets.toml").write_text("\n".join(["[class_sets]", *table]))
    small = ["--class-sets", str(folder / "sets.toml"), "--drawings", str(SMALL["drawings"])]
    told: dict[str, Any] = {"QD_UI_HOST": "0.0.0.0"}  # noqa: S104 (what it means)
    options = ("--epochs", "2", *([] if EVERY else small))
    home = prepare(folder / "home")
    with running(home, *options, ignoring_sigint=True, **told) as ui:
        yield ui


@pytest.fixture(scope="module")
def browser() -> Iterator[Page]:
    with page() as opened:
        yield opened


def backfills(ui: Ui) -> list[str]:
    """Ask for what became of each backfill."""
    found = ask(ui, BACKFILLS)["partitionBackfillsOrError"]["results"]
    return [backfill["status"] for backfill in found]


@pytest.fixture(scope="module")
def at_first(ui: Ui) -> list[str]:
    """Ask for how partitions are shown before anything is made."""
    return [*staleness(ui, "bitmaps", "cow", "panda"), *staleness(ui, "classifiers", "2")]


@pytest.fixture(scope="module")
def seconds(ui: Ui, at_first: list[str], browser: Page) -> float:
    """Press the buttons, and wait until Dagster says that it is done."""
    assert at_first
    browser.goto(ui.dagster + CHAIN)
    browser.get_by_role("button", name="Materialize all").first.click()
    browser.get_by_role("button", name="All", exact=True).click()
    browser.get_by_role("button", name="Launch backfill").click()
    began = time.monotonic()
    wait_for(lambda: backfills(ui) != [])
    # The graph, drawn anew whenever something happens, would slow down what it shows.
    browser.goto("about:blank")
    wait_for(lambda: backfills(ui) != ["REQUESTED"], patience=PATIENCE, pause=1)
    return time.monotonic() - began


@pytest.fixture(scope="module")
def made(ui: Ui, seconds: float) -> Ui:
    """Return the pages once everything is made."""
    assert seconds
    return ui


def test_materialize_all_makes_every_partition_and_passes_every_check(
    ui: Ui, seconds: float, record_property: Callable[[str, object], None]
) -> None:
    record_property("seconds", seconds)
    learning, drawings = ask(ui, MADE % "learning"), ask(ui, MADE % "drawings")
    log = ui.said.parent / "logs" / "failures.log"
    assert backfills(ui) == ["COMPLETED_SUCCESS"], log.read_text() if log.exists() else seconds
    assert {run["status"] for run in learning["runsOrError"]["results"]} == {"SUCCESS"}
    nodes = {
        node["assetKey"]["path"][-1]: node
        for node in (*drawings["assetNodes"], *learning["assetNodes"])
        if node["isMaterializable"]
    }
    assert set(nodes) == {*CATEGORY_ASSETS, "classifiers", "evaluations"}
    for node in nodes.values():
        statistics = node["partitionStats"]
        assert statistics["numMaterialized"] == statistics["numPartitions"] > 0
        assert statistics["numFailed"] == 0
        for check in node["assetChecksOrError"]["checks"]:
            assert check["executionForLatestMaterialization"]["status"] == "SUCCEEDED", check


def test_classifiers_of_every_class_set_compare_side_by_side_with_charts(
    made: Ui, browser: Page
) -> None:
    counts = [name.partition(" ")[0] for name in compare_classifiers(made, browser)]
    assert sorted(counts) == COUNTS


@pytest.fixture(scope="module")
def linked(made: Ui, browser: Page) -> dict[str, str]:
    """Return the addresses in MLflow's pages that the page of an evaluation links to, by name."""
    browser.goto(f"{made.dagster}/assets/evaluations?partition=2&view=partitions")
    found = {}
    for name, href in (("report", "report.html"), ("runs", "/runs")):
        link = browser.locator(f"a[href^='{made.mlflow}'][href$='{href}']").first
        link.wait_for()
        found[name] = link.get_attribute("href") or ""
    return found


def test_the_page_of_an_evaluation_leads_to_its_report_and_its_run(
    linked: dict[str, str], browser: Page
) -> None:
    browser.goto(linked["report"])
    inside = browser.frame_locator("iframe")
    inside.get_by_text("test drawings classified correctly").wait_for()


INTERVAL = ("test_accuracy_low", "test_accuracy_high")
COLUMNS = ("test_accuracy", *INTERVAL, "network", "epochs", "test_drawings", "source", "Duration")


def test_an_evaluation_leads_to_all_runs_with_the_columns_that_matter(
    made: Ui, linked: dict[str, str], browser: Page
) -> None:
    assert f"MLflow   {linked['runs']}\n" in made.said.read_text()
    assert linked["runs"].endswith("/runs")
    browser.goto(linked["runs"])
    browser.get_by_text("2 categories, ", exact=False).first.wait_for()
    for column in COLUMNS:
        browser.get_by_text(column, exact=True).first.wait_for()
    assert browser.get_by_text("shared view").count() == 0
    assert browser.get_by_text("Ask questions about").count() == 0


def test_columns_that_somebody_chose_stay(linked: dict[str, str], browser: Page) -> None:
    browser.goto(linked["runs"])
    network = browser.locator("[role=columnheader][col-id*=network]")
    network.wait_for()
    browser.get_by_role("button", name="Columns", exact=True).click()
    browser.get_by_title("network", exact=True).click()
    network.wait_for(state="detached")
    browser.reload()
    browser.get_by_role("columnheader", name="epochs", exact=True).first.wait_for()
    assert network.count() == 0


def test_the_columns_reach_a_browser_that_has_been_there_before(
    linked: dict[str, str], browser: Page
) -> None:
    browser.goto(linked["runs"].replace("/#/", "/version#/"))
    browser.evaluate("""for (const key of Object.keys(localStorage)) {
      if (key.startsWith("qd_pipeline-")) delete localStorage[key];
      if (key.includes("ExperimentPage")) localStorage[key] = '{"selectedColumns": []}';
    }""")
    browser.goto(linked["runs"])
    browser.get_by_role("columnheader", name="test_accuracy", exact=True).first.wait_for()


def test_a_name_that_is_not_known_is_refused_in_the_launchpad(ui: Ui) -> None:
    query = """query ($config: RunConfigData) {
      isPipelineConfigValid(pipeline: {pipelineName: "classifiers_and_evaluations",
        repositoryLocationName: "qd_pipeline", repositoryName: "__repository__"},
        mode: "default", runConfigData: $config) {
        __typename ... on RunConfigValidationInvalid { errors { message } } } }"""
    for setting, refused in (
        ({"network": "seed_cmn"}, True),
        ({"epochs": "many"}, True),
        ({"network": "seed_cnn", "epochs": 2}, False),
    ):
        config = {"ops": {"classifiers": {"config": setting}}}
        answer = ask(ui, query, config=json.dumps(config))["isPipelineConfigValid"]
        assert (answer["__typename"] == "RunConfigValidationInvalid") is refused, answer


def test_a_number_out_of_its_range_is_refused_before_any_work(made: Ui, browser: Page) -> None:
    client = MlflowClient(made.mlflow)
    experiment = client.get_experiment_by_name(CLASSIFIERS)
    assert experiment is not None
    runs = len(client.search_runs([experiment.experiment_id]))
    config = {"classifiers": {"config": {"epochs": 0}}}
    run = launch(made, "classifiers_and_evaluations", config, "2")
    browser.goto(f"{made.dagster}/runs/{run}")
    browser.get_by_text("epochs is 0: give a whole number from 1.").first.wait_for()
    assert len(client.search_runs([experiment.experiment_id])) == runs
    assert staleness(made, "classifiers", "2") == ["FRESH"]


def test_every_partition_is_shown_as_missing_up_to_date_or_stale(
    at_first: list[str], made: Ui
) -> None:
    assert at_first == ["MISSING"] * 3
    for asset in ("classifiers", "evaluations"):
        assert staleness(made, asset, *COUNTS) == ["FRESH"] * len(COUNTS)
    for asset in CATEGORY_ASSETS:
        assert staleness(made, asset, "cow", "panda") == ["FRESH", "FRESH"]
    # What is made of something is stale from the moment that this has changed.
    more = runner(made.said.parent, settings=SETTINGS, drawings=310)
    stages = more.pipeline.stages
    more.materialize("cow", [stages["raw_drawings"]])
    assert staleness(made, "raw_drawings", "cow", "panda") == ["FRESH", "FRESH"]
    assert staleness(made, "strokes", "cow", "panda") == ["STALE", "FRESH"]
    more.materialize("cow", [stages["strokes"], stages["bitmaps"]])
    assert not more.failures
    assert staleness(made, "bitmaps", "cow", "panda") == ["FRESH", "FRESH"]
    assert staleness(made, "classifiers", "2") == ["STALE"]


ORIGINS = """{ runsOrError { ... on Runs { results {
  repositoryOrigin { repositoryName repositoryLocationName } } } } }"""


def test_the_timeline_shows_the_runs_of_commands_like_any_other(made: Ui, browser: Page) -> None:
    other = runner(made.said.parent, settings=SETTINGS, drawings=300)
    other.materialize("panda", [other.pipeline.stages["raw_drawings"]])
    assert not other.failures
    # The timeline passes over runs without an origin.
    runs = ask(made, ORIGINS)["runsOrError"]["results"]
    location = {"repositoryName": "__repository__", "repositoryLocationName": "qd_pipeline"}
    assert all(run["repositoryOrigin"] == location for run in runs)
    browser.goto(f"{made.dagster}/overview/activity/timeline")
    browser.get_by_role("link", name="categories").first.wait_for()


RELOAD = """mutation { reloadRepositoryLocation(repositoryLocationName: "qd_pipeline") {
  ... on WorkspaceLocationEntry { locationOrLoadError { __typename } } } }"""


def test_one_process_has_the_definitions_from_the_start_until_they_are_loaded_again(
    made: Ui,
) -> None:
    (first,) = made.code_servers()
    assert first.create_time() < made.said.stat().st_mtime  # since it said that it is up
    reloaded = ask(made, RELOAD)["reloadRepositoryLocation"]["locationOrLoadError"]
    assert reloaded == {"__typename": "RepositoryLocation"}
    wait_for(lambda: not first.is_running())
    (second,) = made.code_servers()
    assert second != first


FAILURES = """query ($id: ID!) { runOrError(runId: $id) { ... on Run { status eventConnection {
  events { ... on ExecutionStepFailureEvent { error { message } } } } } } }"""


def test_a_run_without_a_partition_fails_at_once_and_says_what_it_lacks(ui: Ui) -> None:
    run = launch(ui, "categories", {})
    wait_for(lambda: ask(ui, FAILURES, id=run)["runOrError"]["status"] == "FAILURE", pause=1)
    # Dagster looks up the versions of observed inputs before the step, and says it itself.
    found = json.dumps(ask(ui, FAILURES, id=run))
    assert "no partition in this run" in found or "non-partitioned run" in found


def test_terminate_ends_a_training_and_its_run_in_mlflow(made: Ui, browser: Page) -> None:
    config = {"preset": "notebook", "epochs": 5000}
    run = launch(made, "classifiers_and_evaluations", {"classifiers": {"config": config}}, "2")
    client = MlflowClient(made.mlflow)
    experiment = client.get_experiment_by_name(CLASSIFIERS)
    assert experiment is not None

    def statuses() -> list[str]:
        found = client.search_runs([experiment.experiment_id], f"tags.dagster_run_id = '{run}'")
        return [each.info.status for each in found]

    wait_for(lambda: statuses() == ["RUNNING"], pause=1)
    browser.goto(f"{made.dagster}/runs/{run}")
    browser.get_by_role("button", name="Terminate").click()
    browser.get_by_role("dialog").get_by_role("button", name="Terminate").click()
    browser.get_by_text("Canceled", exact=True).first.wait_for()
    wait_for(lambda: statuses() == ["KILLED"])


def test_pages_that_let_others_in_say_so_and_sigterm_in_the_background_ends_every_process(
    ui: Ui,
) -> None:
    ensure_up(ui, lets_others_in=True)
    ensure_ends(ui, signal.SIGTERM)

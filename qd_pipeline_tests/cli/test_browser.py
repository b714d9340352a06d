"""What people see in a browser of what was made on the command line."""

import json
from collections.abc import Iterator
from typing import Any

import pytest
import urllib3
from mlflow import MlflowClient
from playwright.sync_api import Page

from qd_pipeline.tracking import CLASSIFIERS
from qd_pipeline_tests.browser import needs_browser, page
from qd_pipeline_tests.cli.comparison import compare_classifiers
from qd_pipeline_tests.cli.pages import Ui, running, wait_for
from qd_pipeline_tests.orchestration.chain import run, runner

pytestmark = needs_browser

TINY: dict[str, Any] = {"preset": "notebook", "network": "dense_baseline", "units": 8}


@pytest.fixture(scope="module")
def ui(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Ui]:
    """Train two classifiers of two categories, and open the pages over their home."""
    home = tmp_path_factory.mktemp("ui") / "home"
    first = run(runner(home, drawings=60, **TINY), ["2"])
    second = run(runner(home, drawings=60, **TINY, epochs=2), ["2"])
    assert not first.failures | second.failures
    with running(home) as ui:
        yield ui


@pytest.fixture(scope="module")
def browser() -> Iterator[Page]:
    with page() as opened:
        yield opened


def here(ui: Ui, address: str | None) -> str:
    """Return an address of MLflow's pages as it is here: they were made for the default port."""
    usual = "http://127.0.0.1:5000"
    assert address is not None
    assert address.startswith(usual)
    return ui.mlflow + address.removeprefix(usual)


def test_two_runs_compare_side_by_side_with_charts(ui: Ui, browser: Page) -> None:
    assert len(compare_classifiers(ui, browser)) == 2


def test_the_page_of_an_evaluation_leads_to_its_report_and_its_run(ui: Ui, browser: Page) -> None:
    browser.goto(f"{ui.dagster}/assets/evaluations?partition=2&view=partitions")
    report = browser.get_by_role("link", name="report.html").first
    report.wait_for()
    address = report.get_attribute("href")
    browser.goto(here(ui, address))
    inside = browser.frame_locator("iframe")
    inside.get_by_text("test drawings classified correctly").wait_for()


INTERVAL = ("test_accuracy_low", "test_accuracy_high")
COLUMNS = ("test_accuracy", *INTERVAL, "network", "epochs", "test_drawings", "source", "Duration")


def test_an_evaluation_leads_to_all_runs_in_a_view_of_those_columns(ui: Ui, browser: Page) -> None:
    browser.goto(f"{ui.dagster}/assets/evaluations?partition=2&view=partitions")
    link = browser.get_by_role("link", name="viewStateShareKey").first
    link.wait_for()
    listed = here(ui, link.get_attribute("href"))
    assert f"MLflow   {listed}\n" in ui.said.read_text()
    browser.goto(listed)
    browser.get_by_text("2 categories, ", exact=False).first.wait_for()
    for column in COLUMNS:
        browser.get_by_text(column, exact=True).first.wait_for()


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
        body = {"query": query, "variables": {"config": json.dumps(config)}}
        reply = urllib3.request("POST", f"{ui.dagster}/graphql", json=body)
        answer = json.loads(reply.data)["data"]["isPipelineConfigValid"]
        assert (answer["__typename"] == "RunConfigValidationInvalid") is refused, answer


def test_a_number_out_of_its_range_is_refused_before_any_work(ui: Ui, browser: Page) -> None:
    client = MlflowClient(ui.mlflow)
    experiment = client.get_experiment_by_name(CLASSIFIERS)
    assert experiment is not None
    runs = len(client.search_runs([experiment.experiment_id]))
    config = {"classifiers": {"config": {"epochs": 0}}}
    run = launch(ui, "classifiers_and_evaluations", config, "2")
    browser.goto(f"{ui.dagster}/runs/{run}")
    browser.get_by_text("epochs is 0: give a whole number from 1.").first.wait_for()
    assert len(client.search_runs([experiment.experiment_id])) == runs
    assert staleness(ui, "classifiers", "2") == ["FRESH"]


STALENESS = """query ($asset: AssetKeyInput!, $keys: [String!]!) {
  assetNodeOrError(assetKey: $asset) { ... on AssetNode {
    staleStatusByPartition(partitions: $keys) } } }"""

LAUNCH = """mutation ($params: ExecutionParams!) {
  launchRun(executionParams: $params) { ... on LaunchRunSuccess { run { runId } } } }"""


def ask(ui: Ui, query: str, **variables: Any) -> dict[str, Any]:
    """Ask Dagster as its pages do."""
    body = {"query": query, "variables": variables}
    reply = json.loads(urllib3.request("POST", f"{ui.dagster}/graphql", json=body).data)
    assert "errors" not in reply, reply
    return dict(reply["data"])


def staleness(ui: Ui, asset: str, *keys: str) -> list[str]:
    """Ask for what the graph shows of partitions."""
    found = ask(ui, STALENESS, asset={"path": [asset]}, keys=keys)
    return list(found["assetNodeOrError"]["staleStatusByPartition"])


def launch(ui: Ui, job: str, ops: dict[str, Any], partition: str | None = None) -> str:
    """Launch a run, and give its id."""
    tags = {"dagster/partition": partition} if partition else {}
    selector = {
        "repositoryLocationName": "qd_pipeline",
        "repositoryName": "__repository__",
        "pipelineName": job,
    }
    params = {
        "selector": selector,
        "runConfigData": {"ops": ops},
        "executionMetadata": {"tags": [{"key": key, "value": tags[key]} for key in tags]},
    }
    return str(ask(ui, LAUNCH, params=params)["launchRun"]["run"]["runId"])


def test_every_partition_is_shown_as_up_to_date_stale_or_missing(ui: Ui) -> None:
    for asset in ("classifiers", "evaluations"):
        assert staleness(ui, asset, "2", "4") == ["FRESH", "MISSING"]
    for asset in ("raw_drawings", "strokes", "bitmaps"):
        assert staleness(ui, asset, "cow", "panda", "shark") == ["FRESH", "FRESH", "MISSING"]
    # What is made of something is stale from the moment that this has changed.
    more = runner(ui.said.parent, drawings=70)
    stages = more.pipeline.stages
    more.materialize("cow", [stages["raw_drawings"]])
    assert staleness(ui, "raw_drawings", "cow", "panda") == ["FRESH", "FRESH"]
    assert staleness(ui, "strokes", "cow", "panda") == ["STALE", "FRESH"]
    more.materialize("cow", [stages["strokes"], stages["bitmaps"]])
    assert not more.failures
    assert staleness(ui, "bitmaps", "cow", "panda") == ["FRESH", "FRESH"]
    assert staleness(ui, "classifiers", "2", "4") == ["STALE", "MISSING"]


FAILURES = """query ($id: ID!) { runOrError(runId: $id) { ... on Run { status eventConnection {
  events { ... on ExecutionStepFailureEvent { error { message } } } } } } }"""


def test_a_run_without_a_partition_fails_at_once_and_says_what_it_lacks(ui: Ui) -> None:
    run = launch(ui, "categories", {})
    wait_for(lambda: ask(ui, FAILURES, id=run)["runOrError"]["status"] == "FAILURE", pause=1)
    # Dagster looks up the versions of observed inputs before the step, and says it itself.
    found = json.dumps(ask(ui, FAILURES, id=run))
    assert "no partition in this run" in found or "non-partitioned run" in found


def test_terminate_ends_a_training_and_its_run_in_mlflow(ui: Ui, browser: Page) -> None:
    config = {"preset": "notebook", "epochs": 5000}
    run = launch(ui, "classifiers_and_evaluations", {"classifiers": {"config": config}}, "2")
    client = MlflowClient(ui.mlflow)
    experiment = client.get_experiment_by_name(CLASSIFIERS)
    assert experiment is not None

    def statuses() -> list[str]:
        found = client.search_runs([experiment.experiment_id], f"tags.dagster_run_id = '{run}'")
        return [each.info.status for each in found]

    wait_for(lambda: statuses() == ["RUNNING"], pause=1)
    browser.goto(f"{ui.dagster}/runs/{run}")
    browser.get_by_role("button", name="Terminate").click()
    browser.get_by_role("dialog").get_by_role("button", name="Terminate").click()
    browser.get_by_text("Canceled", exact=True).first.wait_for()
    wait_for(lambda: statuses() == ["KILLED"])

"""MLflow's page that compares runs, as people see it."""

import json
from urllib.parse import quote

from mlflow import MlflowClient
from playwright.sync_api import Page

from qd_pipeline.tracking import CLASSIFIERS
from qd_pipeline_tests.cli.pages import Ui


def compare_classifiers(ui: Ui, browser: Page) -> list[str]:
    """Look at all runs of classifiers side by side; give their names once the charts are there."""
    client = MlflowClient(ui.mlflow)
    experiment = client.get_experiment_by_name(CLASSIFIERS)
    assert experiment is not None
    runs = [each.info for each in client.search_runs([experiment.experiment_id])]
    ids = quote(json.dumps([each.run_id for each in runs]))
    of = quote(json.dumps([experiment.experiment_id]))
    browser.goto(f"{ui.mlflow}/#/compare-runs?runs={ids}&experiments={of}")
    for each in runs:
        browser.get_by_text(each.run_name, exact=True).first.wait_for()
    browser.locator(".js-plotly-plot").first.wait_for()
    for figure in ("test_accuracy", "epochs"):
        browser.get_by_text(figure, exact=True).first.wait_for()
    return [each.run_name for each in runs]

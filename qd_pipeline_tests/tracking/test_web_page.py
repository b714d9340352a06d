"""MLflow's page brings each browser the columns that matter of every run list."""

import json
import re
import urllib.request
from pathlib import Path

import pytest
from mlflow import MlflowClient

from qd_pipeline.tracking import CLASSIFIERS, STUDIES
from qd_pipeline_tests.homes import prepare, tracker_in

COLUMNS = {
    CLASSIFIERS: [
        "metrics.`test_accuracy`",
        "metrics.`test_accuracy_low`",
        "metrics.`test_accuracy_high`",
        "params.`network`",
        "params.`epochs`",
        "metrics.`training_drawings`",
        "metrics.`test_drawings`",
        "tags.`source`",
        "attributes.`Duration`",
    ],
    STUDIES: [
        "metrics.`cv_accuracy`",
        "metrics.`cv_accuracy_sd`",
        "metrics.`test_accuracy`",
        "params.`learning_rate`",
        "params.`units`",
        "params.`network`",
        "tags.`source`",
        "attributes.`Duration`",
    ],
}


@pytest.mark.parametrize("name", COLUMNS)
def test_the_page_brings_the_columns_that_matter(name: str, port: int) -> None:
    with urllib.request.urlopen(f"http://127.0.0.1:{port}/", timeout=60) as answer:
        page = answer.read().decode()
        # Experiments are created while a browser is open.
        assert answer.headers["Cache-Control"] == "no-store"
        assert answer.headers["X-Frame-Options"] == "SAMEORIGIN"
    choices = re.search(r"const \[everywhere, columns\] = (.*);", page)
    assert choices
    assert json.loads(choices[1])[1][name] == COLUMNS[name]


@pytest.mark.parametrize("name", COLUMNS)
def test_an_experiment_is_one_of_trainings_and_its_address_a_plain_one(
    name: str, tmp_path: Path
) -> None:
    uri = f"sqlite:///{prepare(tmp_path)}/mlflow.db"
    address = tracker_in(tmp_path).run_list(name)
    experiment = MlflowClient(tracking_uri=uri).get_experiment_by_name(name)
    assert experiment is not None
    assert address == f"http://127.0.0.1:5000/#/experiments/{experiment.experiment_id}/runs"
    assert experiment.tags["mlflow.experimentKind"] == "custom_model_development"

"""The run list's columns, as MLflow's own page would have saved them."""

import json
import zlib
from base64 import b64decode
from pathlib import Path

import pytest
from mlflow import MlflowClient

from qd_pipeline.tracking import CLASSIFIERS, STUDIES, Tracker
from qd_pipeline.tracking.views import KEY

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
def test_an_experiment_offers_a_view_of_the_columns_that_matter(name: str, tmp_path: Path) -> None:
    uri = f"sqlite:///{tmp_path}/mlflow.db"
    address = Tracker(uri, tmp_path / "mlartifacts", "http://127.0.0.1:5000").run_list(name)
    experiment = MlflowClient(tracking_uri=uri).get_experiment_by_name(name)
    assert experiment is not None
    assert address.endswith(f"/experiments/{experiment.experiment_id}/runs?viewStateShareKey={KEY}")
    view = json.loads(experiment.tags[f"mlflow.sharedViewState.{KEY}"])
    form, _, packed = view["state"].partition(";")
    assert form == "deflate"
    columns = json.loads(zlib.decompress(b64decode(packed)))["selectedColumns"]
    assert columns == COLUMNS[name]
    assert experiment.tags["mlflow.experimentKind"] == "custom_model_development"

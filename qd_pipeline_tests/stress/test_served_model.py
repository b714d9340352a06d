"""A logged model serves itself in a clean environment of nothing but its own requirements."""

import base64
import io
import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from mlflow import MlflowClient
from mlflow.artifacts import download_artifacts
from PIL import Image, ImageDraw

from qd_pipeline.learning import networks
from qd_pipeline.learning.classifier import Classifier, Training
from qd_pipeline.learning.training.config import TrainingConfig
from qd_pipeline.serving.drawing_forms import sketch_of
from qd_pipeline.serving.prediction import Predictor
from qd_pipeline.tracking import CLASSIFIERS, Identity, Tracker
from qd_pipeline_tests.serving.model_server import model_server, predictions

pytestmark = pytest.mark.skipif(
    "QD_STRESS" not in os.environ, reason="installs TensorFlow: runs under `make stress`"
)

CLASS_SET = ("cow", "panda")


def picture() -> bytes:
    drawn, stream = Image.new("L", (300, 200), 250), io.BytesIO()
    ImageDraw.Draw(drawn).line([(40, 30), (250, 60), (120, 180)], fill=20, width=7)
    drawn.save(stream, "PNG")
    return stream.getvalue()


def test_a_model_serves_itself_in_a_clean_environment_without_the_checkout(tmp_path: Path) -> None:
    network = networks.build("dense_baseline", 2)
    classifier = Classifier(network, CLASS_SET, Training(TrainingConfig(), (), 0, 0, 0))
    (tmp_path / "classifier").mkdir()
    classifier.save(tmp_path / "classifier")
    home = tmp_path / "home"
    tracker = Tracker(f"sqlite:///{home}/mlflow.db", home / "mlartifacts", "http://127.0.0.1:5000")
    identity = Identity("1", "classifiers", "2")
    with tracker.run(CLASSIFIERS, identity, name="2 categories", tags={}) as run:
        run.log_classifier(tmp_path / "classifier")
    client = MlflowClient()
    (logged,) = client.search_logged_models([client.get_run(run.id).info.experiment_id])
    model = tmp_path / "model"
    model.mkdir()
    download_artifacts(f"models:/{logged.model_id}", dst_path=str(model))
    shutil.rmtree(home)

    clean = tmp_path / "clean"
    subprocess.run([sys.executable, "-m", "venv", str(clean)], check=True)
    installed = subprocess.run(
        [clean / "bin" / "pip", "install", "--quiet", "-r", model / "requirements.txt"],
        capture_output=True,
        text=True,
        check=False,
    )
    if "No matching distribution" in installed.stderr:
        pytest.skip("no package index answers")
    assert installed.returncode == 0, installed.stderr
    with model_server(str(model), clean / "bin", tmp_path / "log") as port:
        strokes = [[[0, 255, 128, 0], [0, 10, 200, 0]]]
        given = [json.dumps(strokes), base64.b64encode(picture()).decode()]
        answers = predictions(port, {"inputs": {"drawing": given}})
    for each, answer in zip(given, answers, strict=True):
        (ranking,) = Predictor(classifier).predict([sketch_of(each)])
        wanted = dict(zip(ranking.categories, ranking.probabilities, strict=True))
        assert answer["probabilities"] == pytest.approx(wanted, abs=1e-5)

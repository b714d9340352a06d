"""The model in MLflow: loaded by its address alone, and served over HTTP."""

import base64
import io
import json
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import closing
from http.client import HTTPConnection
from pathlib import Path
from typing import Any

import mlflow
import pandas as pd
import pytest
from mlflow.artifacts import download_artifacts
from mlflow.exceptions import MlflowException
from PIL import Image, ImageDraw

from qd_pipeline.learning import networks
from qd_pipeline.learning.classifier import Classifier, Training
from qd_pipeline.learning.prediction import Predictor, strokes_of
from qd_pipeline.learning.recipe import Recipe
from qd_pipeline.quickdraw.sketches.sketch import to_column
from qd_pipeline.tracking import CLASSIFIERS, Identity, Tracker

CLASS_SET = ("paint can", "The Eiffel Tower", "cow")
SIMPLIFIED = [[[0, 255, 128, 0], [0, 10, 200, 0]], [[60, 61], [60, 60]]]
RAW = [[[10.5, 300.25, 170.0], [40.0, 55.5, 310.0], [0, 16, 33]]]
SECONDS_TO_START = 120


def drawn(picture_format: str) -> bytes:
    picture = Image.new("L", (300, 200), 250)
    ImageDraw.Draw(picture).line([(40, 30), (250, 60), (120, 180)], fill=20, width=7)
    stream = io.BytesIO()
    picture.save(stream, picture_format)
    return stream.getvalue()


@pytest.fixture(scope="module")
def classifier() -> Classifier:
    network = networks.build("dense_baseline", len(CLASS_SET))
    return Classifier(network, CLASS_SET, Training(Recipe(), (), 0, 0, 0))


@pytest.fixture(scope="module")
def address(classifier: Classifier, tmp_path_factory: pytest.TempPathFactory) -> str:
    """Log the classifier and register it; give the address of the champion."""
    home, folder = tmp_path_factory.mktemp("home"), tmp_path_factory.mktemp("classifier")
    classifier.save(folder)
    tracker = Tracker(f"sqlite:///{home}/mlflow.db", home / "mlartifacts", "http://127.0.0.1:5000")
    identity = Identity("1", "classifiers", "3")
    with tracker.run(CLASSIFIERS, identity, name="3 categories", tags={}) as run:
        run.log_network(classifier.network, 28, 3)
        run.log_classifier(folder)
    tracker.registry.appoint(tracker.registry.register("quickdraw-3", run.id, {}))
    return "models:/quickdraw-3@champion"


def expected(classifier: Classifier, given: Any, **options: Any) -> dict[str, float]:
    (ranking,) = Predictor(classifier).predict(to_column([strokes_of(given, **options)]))
    return dict(zip(ranking.categories, ranking.probabilities, strict=True))


@pytest.fixture(scope="module")
def model(address: str) -> Any:
    return mlflow.pyfunc.load_model(address)


@pytest.mark.parametrize(
    "given",
    [
        SIMPLIFIED,
        RAW,
        json.dumps(RAW),
        {"word": "cow", "drawing": SIMPLIFIED},
        drawn("PNG"),
        drawn("JPEG"),
        base64.b64encode(drawn("WEBP")).decode(),
    ],
    ids=["simplified", "raw", "text", "a line's object", "PNG", "JPEG", "WebP as Base64"],
)
def test_it_takes_a_drawing_in_any_form(model: Any, classifier: Classifier, given: Any) -> None:
    (answer,) = model.predict(pd.DataFrame({"drawing": [given]})).to_dict("records")
    wanted = expected(classifier, given)
    assert answer["probabilities"] == pytest.approx(wanted, abs=1e-6)
    assert list(answer["probabilities"]) == list(wanted)
    assert answer["category"] == next(iter(wanted))
    assert answer["probability"] == pytest.approx(max(wanted.values()), abs=1e-6)


def test_a_row_may_say_that_its_strokes_are_simplified(model: Any, classifier: Classifier) -> None:
    small = [[[0, 50, 20], [0, 9, 50]]]
    rows = pd.DataFrame({"drawing": [small, small], "simplified": [True, None]})
    as_it_is, scaled = model.predict(rows)["probabilities"]
    assert as_it_is == pytest.approx(expected(classifier, small, simplified=True), abs=1e-6)
    assert scaled == pytest.approx(expected(classifier, small), abs=1e-6)
    assert as_it_is != pytest.approx(scaled, abs=1e-6)


def test_what_is_no_drawing_is_told_in_one_sentence(model: Any) -> None:
    with pytest.raises(MlflowException, match="has no strokes: draw at least one"):
        model.predict(pd.DataFrame({"drawing": [[]]}))


def test_it_holds_no_pickle_and_names_what_it_needs(address: str, tmp_path: Path) -> None:
    folder = Path(download_artifacts(address, dst_path=str(tmp_path)))
    files = {path.name: path.read_bytes() for path in folder.rglob("*") if path.is_file()}
    assert {"network.keras", "classifier.json", "drawing_model.py"} <= set(files)
    assert not any(name.endswith((".pkl", ".pickle")) for name in files)
    assert not any(content.startswith(b"\x80") for content in files.values())
    needs = files["requirements.txt"].decode().splitlines()
    assert all("==" in need for need in needs)
    assert {"qd_pipeline", "keras", "numpy"} <= {need.partition("==")[0] for need in needs}


@pytest.fixture(scope="module")
def served(address: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[int]:
    """Serve the model by MLflow's own command, and give its port."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    log = tmp_path_factory.mktemp("serve") / "log"
    programs = Path(sys.executable).parent
    command = ["mlflow", "models", "serve", "--model-uri", address, "--port", str(port)]
    environment = {
        **os.environ,
        "PATH": f"{programs}{os.pathsep}{os.environ['PATH']}",
        "MLFLOW_TRACKING_URI": mlflow.get_tracking_uri(),
    }
    with log.open("wb") as output:
        server = subprocess.Popen(
            [*command, "--env-manager", "local", "--workers", "1"],
            stdout=output,
            stderr=subprocess.STDOUT,
            env=environment,
            cwd=log.parent,
            start_new_session=True,
        )
    try:
        until = time.monotonic() + SECONDS_TO_START
        while not is_up(port):
            assert server.poll() is None, log.read_text()
            assert time.monotonic() < until, log.read_text()
            time.sleep(0.2)
        yield port
    finally:
        # The command starts processes of its own.
        os.killpg(server.pid, signal.SIGKILL)
        server.wait()


def is_up(port: int) -> bool:
    try:
        return ask(port, "GET", "/ping")[0] == 200
    except OSError:
        return False


def ask(port: int, method: str, path: str, body: str | None = None) -> tuple[int, str]:
    with closing(HTTPConnection("127.0.0.1", port, timeout=60)) as connection:
        connection.request(method, path, body, {"Content-Type": "application/json"})
        answer = connection.getresponse()
        return answer.status, answer.read().decode()


def predictions(port: int, body: dict[str, Any]) -> list[dict[str, Any]]:
    status, content = ask(port, "POST", "/invocations", json.dumps(body))
    assert status == 200, content
    found: list[dict[str, Any]] = json.loads(content)["predictions"]
    return found


def test_it_answers_over_http(served: int, classifier: Classifier) -> None:
    given: list[Any] = [RAW, base64.b64encode(drawn("PNG")).decode()]
    answers = predictions(served, {"dataframe_records": [{"drawing": each} for each in given]})
    for each, answer in zip(given, answers, strict=True):
        wanted = expected(classifier, each)
        assert answer["probabilities"] == pytest.approx(wanted, abs=1e-6)
        assert answer["category"] == next(iter(wanted))
    (flagged,) = predictions(served, {"inputs": [{"drawing": SIMPLIFIED, "simplified": True}]})
    assert flagged["probabilities"] == pytest.approx(expected(classifier, SIMPLIFIED), abs=1e-6)
    status, content = ask(served, "POST", "/invocations", '{"inputs": [{"drawing": "a cow"}]}')
    assert status == 400
    assert "neither JSON nor Base64" in content

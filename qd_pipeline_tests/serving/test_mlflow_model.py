"""The model in MLflow: loaded by its address alone, and served over HTTP."""

import ast
import base64
import io
import json
import os
import subprocess
import sys
from collections.abc import Iterator
from importlib.metadata import packages_distributions
from pathlib import Path
from typing import Any

import mlflow
import numpy as np
import pandas as pd
import pyarrow as pa
import pytest
from mlflow.artifacts import download_artifacts
from mlflow.exceptions import MlflowException
from PIL import Image, ImageDraw

from qd_pipeline.learning import networks
from qd_pipeline.learning.classifier import Classifier, Training
from qd_pipeline.learning.training.config import TrainingConfig
from qd_pipeline.quickdraw.sketches.sketch import to_column
from qd_pipeline.serving.drawing_forms import sketch_of
from qd_pipeline.serving.prediction import Predictor
from qd_pipeline.tracking import CLASSIFIERS, Identity
from qd_pipeline.tracking.versions import DecidedBy
from qd_pipeline_tests.homes import prepare, tracker_in
from qd_pipeline_tests.serving.model_server import ask, model_server, predictions

CLASS_SET = ("paint can", "The Eiffel Tower", "cow")
SIMPLIFIED = [[[0, 255, 128, 0], [0, 10, 200, 0]], [[60, 61], [60, 60]]]
RAW = [[[10.5, 300.25, 170.0], [40.0, 55.5, 310.0], [0, 16, 33]]]


def drawn(picture_format: str) -> bytes:
    picture = Image.new("L", (300, 200), 250)
    ImageDraw.Draw(picture).line([(40, 30), (250, 60), (120, 180)], fill=20, width=7)
    stream = io.BytesIO()
    picture.save(stream, picture_format)
    return stream.getvalue()


@pytest.fixture(scope="module")
def classifier() -> Classifier:
    network = networks.build("dense_baseline", len(CLASS_SET))
    return Classifier(network, CLASS_SET, Training(TrainingConfig(), (), 0, 0, 0))


@pytest.fixture(scope="module")
def address(classifier: Classifier, tmp_path_factory: pytest.TempPathFactory) -> str:
    """Log the classifier and register it; give the address of the champion."""
    home, folder = prepare(tmp_path_factory.mktemp("home")), tmp_path_factory.mktemp("classifier")
    classifier.save(folder)
    tracker = tracker_in(home)
    identity = Identity("1", "classifiers", "3")
    with tracker.run(CLASSIFIERS, identity, name="3 categories", tags={}) as run:
        run.log_classifier(folder)
    version = tracker.registry.register(
        "quickdraw-3", run=run.id, classifier="1", categories=CLASS_SET, tags={}
    )
    tracker.registry.set_champion(version, DecidedBy.EVALUATION)
    return "models:/quickdraw-3@champion"


def expected(classifier: Classifier, given: Any, **options: Any) -> dict[str, float]:
    (ranking,) = Predictor(classifier).predict([sketch_of(given, **options)])
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


def test_it_takes_the_stroke_table_and_pictures_as_arrays(
    model: Any, classifier: Classifier
) -> None:
    column = to_column([sketch_of(SIMPLIFIED).strokes, sketch_of(RAW).strokes])
    table = pa.table({"key_id": [1, 2], "drawing": column}).to_pandas()
    wanted = [expected(classifier, each) for each in (SIMPLIFIED, RAW)]
    line = json.dumps({"word": "cow", "drawing": SIMPLIFIED})
    for given in (table, table["drawing"], pd.DataFrame({"drawing": [line, json.dumps(RAW)]})):
        for found, probabilities in zip(model.predict(given)["probabilities"], wanted, strict=True):
            assert found == pytest.approx(probabilities, abs=1e-6)
    pixels = np.array(Image.open(io.BytesIO(drawn("PNG"))))
    forms = [pixels, pixels / 255, pixels.tolist(), np.stack([pixels] * 3, axis=-1)]
    forms.append(forms[-1].tolist())
    for found in model.predict(pd.DataFrame({"drawing": forms}))["probabilities"]:
        assert found == pytest.approx(expected(classifier, drawn("PNG")), abs=1e-6)


def test_a_row_may_say_that_its_strokes_are_simplified(model: Any, classifier: Classifier) -> None:
    small = [[[0, 50, 20, 30], [0, 9, 50, 12]]]
    rows = pd.DataFrame({"drawing": [small, small], "simplified": [True, None]})
    as_it_is, scaled = model.predict(rows)["probabilities"]
    assert as_it_is == pytest.approx(expected(classifier, small, simplified=True), abs=1e-6)
    assert scaled == pytest.approx(expected(classifier, small), abs=1e-6)
    assert as_it_is != pytest.approx(scaled, abs=1e-6)


def test_what_is_no_drawing_is_told_in_one_sentence(model: Any) -> None:
    with pytest.raises(MlflowException, match="has no strokes: draw at least one"):
        model.predict(pd.DataFrame({"drawing": [[]]}))


def test_it_holds_no_pickle_and_requires_public_packages_of_exact_versions(
    address: str, tmp_path: Path
) -> None:
    folder = Path(download_artifacts(address, dst_path=str(tmp_path)))
    files = {path.name: path.read_bytes() for path in folder.rglob("*") if path.is_file()}
    assert {"network.keras", "classifier.json", "mlflow_model.py"} <= set(files)
    assert not any(name.endswith((".pkl", ".pickle")) for name in files)
    assert not any(content.startswith(b"\x80") for content in files.values())
    requirements = files["requirements.txt"].decode().splitlines()
    names = {each.partition("==")[0] for each in requirements if "==" in each}
    assert len(names) == len(requirements)
    # A name on the public index that is not ours: its owner's code would run.
    assert "qd_pipeline" not in {name.replace("-", "_") for name in names}
    assert {"keras", "mlflow", "numba", "numpy", "pyarrow", "tensorflow"} <= names


ALONE = """
import sys
sys.meta_path[:] = [each for each in sys.meta_path if "editable" not in repr(each)]
sys.path[:] = [place for place in sys.path if place != ""]
import importlib.util
assert importlib.util.find_spec("qd_pipeline") is None, sys.path
import json, mlflow, pandas
model = mlflow.pyfunc.load_model({address!r})
answers = model.predict(pandas.DataFrame({{"drawing": {drawings!r}}}))
ours = [each.__file__ for name, each in sys.modules.items() if name.startswith("qd_pipeline")]
print(json.dumps([ours, answers["probabilities"].tolist()]))
"""


def imported_by(modules: list[str]) -> set[str]:
    """Name what modules import, anywhere in them."""
    found = set()
    for module in modules:
        for node in ast.walk(ast.parse(Path(module).read_text(encoding="utf-8"))):
            if isinstance(node, ast.Import):
                found |= {alias.name.partition(".")[0] for alias in node.names}
            elif isinstance(node, ast.ImportFrom) and node.module:
                found.add(node.module.partition(".")[0])
    return found


def test_it_carries_the_code_that_it_runs(
    address: str, classifier: Classifier, tmp_path: Path
) -> None:
    drawings = [json.dumps(RAW), base64.b64encode(drawn("PNG")).decode()]
    environment = {name: value for name, value in os.environ.items() if name != "PYTHONPATH"}
    alone = subprocess.run(
        [sys.executable, "-c", ALONE.format(address=address, drawings=drawings)],
        env={**environment, "MLFLOW_TRACKING_URI": mlflow.get_tracking_uri()},
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=False,
    )
    assert alone.returncode == 0, alone.stderr
    code, probabilities = json.loads(alone.stdout.splitlines()[-1])
    assert not any(Path(each).is_relative_to(Path(__file__).parents[2]) for each in code)
    requirements = Path(download_artifacts(f"{address}/requirements.txt")).read_text()
    required = {each.partition("==")[0] for each in requirements.splitlines()}
    known = packages_distributions()
    for name in imported_by(code) - {"qd_pipeline"}:
        # Several distributions may have modules of one package, as MLflow's do.
        offered = {each.lower().replace("_", "-") for each in known.get(name, [])}
        assert not offered or offered & required, name
    for given, found in zip(drawings, probabilities, strict=True):
        assert found == pytest.approx(expected(classifier, given), abs=1e-6)


def test_where_the_package_is_installed_its_code_stays_out_of_the_way(model: Any) -> None:
    assert model is not None
    assert [place for place in sys.path if place.endswith("code")] == []


@pytest.fixture(scope="module")
def served(address: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[int]:
    """Serve the model by MLflow's own command, and give its port."""
    log = tmp_path_factory.mktemp("serve") / "log"
    environment = {"MLFLOW_TRACKING_URI": mlflow.get_tracking_uri()}
    with model_server(address, Path(sys.executable).parent, log, **environment) as port:
        yield port


PICTURE = drawn("PNG")
BASE64 = base64.b64encode(PICTURE).decode()
TEXT = json.dumps(RAW)


def in_lines(text: str) -> str:
    """Break Base64 as mail and `base64` do."""
    return "\n".join(text[place : place + 76] for place in range(0, len(text), 76))


@pytest.mark.parametrize(
    ("body", "drawings"),
    [
        ({"dataframe_split": {"columns": ["drawing"], "data": [[TEXT], [RAW]]}}, [RAW, RAW]),
        ({"dataframe_records": [{"drawing": RAW}, {"drawing": BASE64}]}, [RAW, PICTURE]),
        ({"inputs": [{"drawing": RAW}, {"drawing": TEXT}]}, [RAW, RAW]),
        ({"inputs": {"drawing": [BASE64]}}, [PICTURE]),
        ({"inputs": {"drawing": [TEXT, BASE64]}}, [RAW, PICTURE]),
        ({"inputs": {"drawing": [RAW, SIMPLIFIED]}}, [RAW, SIMPLIFIED]),
        ({"inputs": {"drawing": TEXT}}, [RAW]),
        ({"instances": [{"drawing": TEXT}, {"drawing": BASE64}]}, [RAW, PICTURE]),
        ({"instances": [{"drawing": RAW}]}, [RAW]),
        ({"instances": {"drawing": [RAW, SIMPLIFIED]}}, [RAW, SIMPLIFIED]),
        ({"inputs": [{"drawing": in_lines(BASE64)}]}, [PICTURE]),
        ({"inputs": [{"drawing": f"data:image/png;base64,{BASE64}"}]}, [PICTURE]),
    ],
)
def test_every_form_that_mlflow_describes_is_answered_over_http(
    served: int, classifier: Classifier, body: dict[str, Any], drawings: list[Any]
) -> None:
    answers = predictions(served, body)
    assert len(answers) == len(drawings)
    for each, answer in zip(drawings, answers, strict=True):
        wanted = expected(classifier, each)
        assert answer["probabilities"] == pytest.approx(wanted, abs=1e-6)
        assert answer["category"] == next(iter(wanted))


@pytest.mark.parametrize("form", ["records", "columns"])
def test_over_http_strokes_may_be_said_to_be_simplified(
    served: int, classifier: Classifier, form: str
) -> None:
    small = [[[0, 50, 20, 30], [0, 9, 50, 12]]]
    bodies: dict[str, dict[str, Any]] = {
        "records": {"inputs": [{"drawing": small, "simplified": True}]},
        "columns": {"inputs": {"drawing": [json.dumps(small)], "simplified": [True]}},
    }
    (answer,) = predictions(served, bodies[form])
    wanted = expected(classifier, small, simplified=True)
    assert answer["probabilities"] == pytest.approx(wanted, abs=1e-6)


def test_over_http_the_layout_of_short_strokes_may_be_told(
    served: int, classifier: Classifier
) -> None:
    short = [[[0, 50], [0, 9]], [[3, 4], [60, 70]]]
    for layout in ("columns", "points"):
        body = {"inputs": [{"drawing": short}], "params": {"layout": layout}}
        (answer,) = predictions(served, body)
        wanted = expected(classifier, short, layout=layout)
        assert answer["probabilities"] == pytest.approx(wanted, abs=1e-6)


@pytest.mark.parametrize(
    ("body", "sentence"),
    [
        ({"inputs": [{"drawing": RAW}], "params": {"layout": "rows"}}, "give columns or points"),
        ({"inputs": [{"drawing": [[[0, 50], [0, 9]]]}]}, "choose the layout, columns or points"),
        ({"inputs": [{"drawing": "a cow"}]}, "neither JSON nor Base64"),
        ({"inputs": {"drawing": RAW}}, "one stroke alone"),
        ({"inputs": {"drawing": [{"x": [0, 9], "y": [5, 7]}] * 2}}, "one stroke alone"),
        ({"inputs": [TEXT]}, "no column drawing: give a table with one"),
        ({"dataframe_split": {"data": [[TEXT]]}}, "no column drawing: give a table with one"),
        ({"inputs": [{"drawing": [TEXT, TEXT]}, {"drawing": TEXT}]}, "a row of its own"),
        ({"drawing": [TEXT]}, "dataframe_split"),
    ],
)
def test_a_body_that_is_refused_is_told_what_is_wrong_with_it(
    served: int, body: dict[str, Any], sentence: str
) -> None:
    status, content = ask(served, "POST", "/invocations", json.dumps(body))
    assert status == 400
    assert sentence in content


def test_what_mlflow_refuses_before_the_model_is_named_with_the_model(
    served: int, address: str
) -> None:
    table = pd.DataFrame({"drawing": [TEXT]})
    refused = [
        ("instances", json.dumps({"instances": [{"drawing": SIMPLIFIED}]}), "application/json"),
        ("text/csv", table.to_csv(index=False), "text/csv"),
    ]
    notes = (mlflow.models.get_model_info(address).metadata or {})["requests"]
    for name, body, kind in refused:
        assert ask(served, "POST", "/invocations", body, kind)[0] == 400, "the notes are outdated"
        assert name in notes.partition("MLflow itself refuses")[2]
    split = json.dumps({"dataframe_split": json.loads(table.to_json(orient="split"))})
    assert ask(served, "POST", "/invocations", split)[0] == 200

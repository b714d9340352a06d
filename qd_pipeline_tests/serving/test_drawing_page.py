"""The page's server over HTTP."""

import io
import json
from base64 import b64decode, b64encode
from collections.abc import Iterator
from contextlib import closing
from http.client import HTTPConnection, HTTPResponse
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image
from typer.testing import CliRunner

from qd_pipeline.cli import app
from qd_pipeline.errors import MissingPartition, QdError
from qd_pipeline.learning.classifier import Classifier
from qd_pipeline.learning.evaluation.intervals import Proportion
from qd_pipeline.quickdraw import strokes as stroke_tables
from qd_pipeline.quickdraw.sketches.points import strokes_of_points
from qd_pipeline.quickdraw.sketches.sketch import Sketch
from qd_pipeline.serving import page_ink
from qd_pipeline.serving.own_drawings import OwnDrawings
from qd_pipeline.serving.page_requests import MOST_BYTES, MOST_STROKES
from qd_pipeline.serving.prediction import Predictor
from qd_pipeline_tests.serving.serving import serving, store_untrained

CLASS_SET = ("frog", "rabbit", "elephant", "duck")
RAW = [[[10.5, 300.25, 170.0], [40.0, 55.5, 310.0]], [[20.0], [30.0]]]
SMALL = [[[0, 50, 20], [0, 9, 50]]]


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("home")


@pytest.fixture(scope="module")
def classifier(home: Path) -> Classifier:
    return store_untrained(home, "4", CLASS_SET, synthetic=True)


@pytest.fixture(scope="module")
def port(home: Path, classifier: Classifier) -> Iterator[int]:
    del classifier  # it is there before the page is
    with serving(home) as port:
        yield port


def ask(
    port: int, method: str, path: str, body: bytes | None = None, **headers: str
) -> tuple[HTTPResponse, bytes]:
    with closing(HTTPConnection("127.0.0.1", port, timeout=60)) as connection:
        names = {name.replace("_", "-"): value for name, value in headers.items()}
        connection.request(method, path, body, names)
        answer = connection.getresponse()
        return answer, answer.read()


def predict(
    port: int, asked: Any, path: str = "/predictions", **headers: str
) -> tuple[int, dict[str, Any]]:
    body = asked if isinstance(asked, bytes) else json.dumps(asked).encode()
    headers = {"Content_Type": "application/json", **headers}
    answer, content = ask(port, "POST", path, body, **headers)
    return answer.status, json.loads(content)


@pytest.mark.parametrize(("strokes", "simplified"), [(RAW, False), (SMALL, True), (SMALL, False)])
def test_strokes_are_answered_with_all_probabilities_the_highest_first(
    port: int, classifier: Classifier, strokes: Any, *, simplified: bool
) -> None:
    asked = {"class_set": "4", "strokes": strokes, "simplified": simplified}
    status, answer = predict(port, asked)
    assert status == 200
    read = strokes_of_points(strokes, simplified=simplified, layout="columns")
    (ranking,) = Predictor(classifier).predict([Sketch(read)])
    assert [each["category"] for each in answer["categories"]] == list(ranking.categories)
    chances = [each["probability"] for each in answer["categories"]]
    assert chances == pytest.approx(ranking.probabilities, abs=1e-6)
    assert chances == sorted(chances, reverse=True)
    bitmap = np.frombuffer(b64decode(answer["bitmap"]), np.uint8).reshape(28, 28)
    assert (bitmap == ranking.bitmap).all()


def test_a_picture_is_answered_by_its_ink(port: int, classifier: Classifier) -> None:
    ink = np.zeros((100, 320), bool)
    ink[40:48] = ink[:, 150:158] = True
    sketch = Sketch(strokes_of_points(SMALL, layout="columns"), ink=ink)
    (ranking,) = Predictor(classifier).predict([sketch])
    asked = {"class_set": "4", "strokes": SMALL, "ink": page_ink.encode(ink)}
    _, answer = predict(port, asked)
    chances = [each["probability"] for each in answer["categories"]]
    assert chances == pytest.approx(ranking.probabilities, abs=1e-6)


def png(picture: Image.Image) -> str:
    content = io.BytesIO()
    picture.save(content, "PNG")
    return b64encode(content.getvalue()).decode()


def test_only_class_sets_with_a_classifier_are_offered(port: int) -> None:
    _, content = ask(port, "GET", "/classifiers")
    (offered,) = json.loads(content)["classifiers"]
    assert offered.pop("origin").startswith("the newest in the store")
    assert offered == {"class_set": "4", "categories": list(CLASS_SET), "synthetic": True}


GOOD = {"class_set": "4", "strokes": SMALL}


@pytest.mark.parametrize(
    ("asked", "status", "sentence"),
    [
        (b"{", 400, "the request is no JSON"),
        (b"[" * 5000, 400, "the request is no JSON"),
        (b"\xff", 400, "the request is no JSON"),
        (b'"strokes"', 400, "names no class set or no strokes"),
        ({"strokes": SMALL}, 400, "names no class set or no strokes"),
        ({**GOOD, "class_set": "9"}, 400, "class set '9' is not known: give one of 2, 4, 8"),
        ({**GOOD, "class_set": "2"}, 404, "class set 2 has no classifier yet"),
        ({**GOOD, "strokes": []}, 400, "has no strokes: draw at least one"),
        ({**GOOD, "strokes": [[[1, 2], [3]]]}, 400, "no pair of equally long rows"),
        ({**GOOD, "strokes": [{"x": [1]}]}, 400, "no pair of equally long rows"),
        (b'{"class_set": "4", "strokes": [[[NaN], [1]]]}', 400, "not finite"),
        ({**GOOD, "strokes": [[[1, 300], [1, 1]]], "simplified": True}, 400, "is not simplified"),
        ({**GOOD, "simplified": "yes"}, 400, "neither true nor false"),
        ({**GOOD, "strokes": SMALL * (MOST_STROKES + 1)}, 400, "too many strokes"),
        ({**GOOD, "ink": 7}, 400, "ink is not what the page was given"),
        ({**GOOD, "ink": "no base64"}, 400, "ink is not what the page was given"),
        ({**GOOD, "ink": png(Image.new("1", (9, 9)))}, 400, "ink is not what the page was given"),
        (
            {**GOOD, "ink": png(Image.new("L", (9, 9), 9))},
            400,
            "ink is not what the page was given",
        ),
        (
            {**GOOD, "ink": png(Image.new("1", (9, 319), 1))},
            400,
            "ink is not what the page was given",
        ),
        (b" " * (MOST_BYTES + 1), 400, "is too large"),
    ],
)
def test_what_cannot_be_answered_is_said_in_one_sentence(
    port: int, asked: Any, status: int, sentence: str
) -> None:
    found, answer = predict(port, asked)
    assert found == status
    assert sentence in answer["error"]
    assert answer["error"].endswith(".")


def test_a_named_drawing_joins_the_test_set_and_is_scored(
    port: int, home: Path, classifier: Classifier
) -> None:
    own = OwnDrawings(home)
    predictor = Predictor(classifier)
    with pytest.raises(MissingPartition, match="holds no drawings yet: draw some with `qd draw`"):
        own.score("4", predictor)
    (ranking,) = predictor.predict([Sketch(strokes_of_points(RAW, layout="columns"))])
    right, wrong = ranking.categories[0], ranking.categories[1]
    for count, category in enumerate((right, right, wrong), 1):
        named = {"class_set": "4", "strokes": RAW, "category": category}
        assert predict(port, named, "/own") == (
            200,
            {"drawings": count, "file": str(own.file("4"))},
        )
    score = own.score("4", predictor)
    assert score.accuracy == Proportion(2, 3)
    assert score.recall == {right: Proportion(2, 2), wrong: Proportion(0, 1)}
    assert score.taken_for == {right: {}, wrong: {right: 1}}
    said = CliRunner().invoke(app, ["evaluate-own", "4", "--home", str(home)])
    assert said.exit_code == 0
    assert str(score.accuracy) in said.output
    told = "unequal categories: balanced accuracy 50.0 %, macro F1 40.0 %, chance 66.7 %"
    assert told in " ".join(said.output.split())
    assert "trained on synthetic drawings" in said.output
    status, answer = predict(port, {"class_set": "4", "strokes": RAW, "category": "cow"}, "/own")
    assert (status, answer["error"]) == (
        400,
        "cow is not a category of class set 4: choose one from the list.",
    )
    read = stroke_tables.read_ndjson(own.file("4"))
    assert read.num_rows == 3


@pytest.mark.parametrize(
    ("line", "sentence"),
    [("{", "line 2, is no JSON"), ('{"word": "cow", "drawing": [[[0, 9], [0, 9]]]}', "'cow'")],
)
def test_a_line_of_the_test_set_that_cannot_be_scored_is_told(
    tmp_path: Path, classifier: Classifier, line: str, sentence: str
) -> None:
    own = OwnDrawings(tmp_path)
    own.add("4", "duck", strokes_of_points(RAW, layout="columns"))
    with own.file("4").open("a") as file:
        file.write(f"{line}\n")
    with pytest.raises(QdError, match=sentence):
        own.score("4", Predictor(classifier))


def test_a_form_of_another_site_is_refused(port: int) -> None:
    status, said = predict(port, GOOD, Content_Type="text/plain")
    assert status == 400
    assert "send it as application/json" in said["error"]
    answer, _ = ask(port, "GET", "/classifiers", Host="example.org")
    assert answer.status == 400


@pytest.mark.parametrize("path", ["/", "/page.js", "/page.css", "/classifiers", "/nothing"])
def test_every_answer_forbids_what_comes_from_elsewhere(port: int, path: str) -> None:
    answer, content = ask(port, "GET", path)
    assert answer.status == (404 if path == "/nothing" else 200)
    policy = answer.headers["Content-Security-Policy"]
    assert "default-src 'none'; script-src 'self'; style-src 'self'" in policy
    assert "unsafe" not in policy
    assert answer.headers["X-Content-Type-Options"] == "nosniff"
    assert b"://" not in content


def test_a_newer_classifier_takes_the_place_of_the_one_before(tmp_path: Path) -> None:
    first = store_untrained(tmp_path, "4", CLASS_SET)
    with serving(tmp_path) as port:
        before = predict(port, GOOD)[1]
        second = store_untrained(tmp_path, "4", CLASS_SET)
        ask(port, "GET", "/classifiers")
        after = predict(port, GOOD)[1]
    assert first.fingerprint() != second.fingerprint()
    assert before["categories"] != after["categories"]
    assert before["bitmap"] == after["bitmap"]

"""The page's server over HTTP."""

import json
from base64 import b64decode
from collections.abc import Iterator
from contextlib import closing
from http.client import HTTPConnection, HTTPResponse
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from qd_pipeline.drawing_page.app import MOST_BYTES, MOST_STROKES
from qd_pipeline.learning.classifier import Classifier
from qd_pipeline.learning.prediction import Predictor
from qd_pipeline.quickdraw.sketches.points import strokes_of_points
from qd_pipeline.quickdraw.sketches.sketch import to_column
from qd_pipeline_tests.drawing_page.serving import serving, store_untrained

CLASS_SET = ("frog", "rabbit", "elephant", "duck")
RAW = [[[10.5, 300.25, 170.0], [40.0, 55.5, 310.0]], [[20.0], [30.0]]]
SMALL = [[[0, 50, 20], [0, 9, 50]]]


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("home")


@pytest.fixture(scope="module")
def classifier(home: Path) -> Classifier:
    return store_untrained(home, "4", CLASS_SET)


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


def predict(port: int, asked: Any, **headers: str) -> tuple[int, dict[str, Any]]:
    body = asked if isinstance(asked, bytes) else json.dumps(asked).encode()
    headers = {"Content_Type": "application/json", **headers}
    answer, content = ask(port, "POST", "/predictions", body, **headers)
    return answer.status, json.loads(content)


@pytest.mark.parametrize(("strokes", "simplified"), [(RAW, False), (SMALL, True), (SMALL, False)])
def test_strokes_are_answered_with_all_probabilities_the_highest_first(
    port: int, classifier: Classifier, strokes: Any, *, simplified: bool
) -> None:
    asked = {"class_set": "4", "strokes": strokes, "simplified": simplified}
    status, answer = predict(port, asked)
    assert status == 200
    drawing = to_column([strokes_of_points(strokes, simplified=simplified, layout="columns")])
    (ranking,) = Predictor(classifier).predict(drawing)
    assert [each["category"] for each in answer["categories"]] == list(ranking.categories)
    chances = [each["probability"] for each in answer["categories"]]
    assert chances == pytest.approx(ranking.probabilities, abs=1e-6)
    assert chances == sorted(chances, reverse=True)
    bitmap = np.frombuffer(b64decode(answer["bitmap"]), np.uint8).reshape(28, 28)
    assert (bitmap == ranking.bitmap).all()


def test_only_class_sets_with_a_classifier_are_offered(port: int) -> None:
    _, content = ask(port, "GET", "/classifiers")
    assert json.loads(content) == {
        "classifiers": [
            {"class_set": "4", "categories": list(CLASS_SET), "origin": "the newest in the store"}
        ]
    }


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

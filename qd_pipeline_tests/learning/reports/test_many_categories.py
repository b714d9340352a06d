"""The report of all 345 categories, of predictions that are made up."""

import json
import re
from datetime import UTC, datetime
from pathlib import Path

import numpy as np
import pyarrow.parquet as pq
import pytest
from playwright.sync_api import expect

from qd_pipeline.catalog import CATEGORIES
from qd_pipeline.learning.classifier import Training
from qd_pipeline.learning.data import ClassSetData
from qd_pipeline.learning.evaluation.comparison import compare
from qd_pipeline.learning.evaluation.evaluate import Evaluation, evaluate_predictions
from qd_pipeline.learning.evaluation.predictions_table import KEPT, class_set_of, probabilities_of
from qd_pipeline.learning.reports import evaluation_report as report
from qd_pipeline.learning.training.config import TrainingConfig
from qd_pipeline_tests.browser import launched, needs_browser
from qd_pipeline_tests.learning.shapes import draw_shape, keys_by_side, write_category

TESTED = 8
HEADER = report.Header(
    made=datetime(2025, 1, 5, tzinfo=UTC), class_set="all", source="a source", synthetic=False
)
TRAINING = Training(TrainingConfig(epochs=1), ({"accuracy": 0.5, "loss": 0.7},), 1.0, 2, 0)


@pytest.fixture(scope="module")
def evaluation(tmp_path_factory: pytest.TempPathFactory) -> Evaluation:
    """Make up predictions of drawings of every category, each often taken for the next one."""
    folder = tmp_path_factory.mktemp("drawings")
    names = tuple(each.name for each in CATEGORIES.values())
    shapes = draw_shape("circle", 1 + TESTED)
    keys = keys_by_side(len(names), 0, TESTED * len(names))
    trained, tested = np.split(keys, [len(names)])
    data = ClassSetData.split(
        [
            write_category(folder, name, shapes, key_ids=np.append(first, others))
            for name, first, others in zip(names, trained, tested.reshape(-1, TESTED), strict=True)
        ]
    )
    random = np.random.default_rng(0)
    logits = random.normal(size=(len(data.test), len(names)))
    rows = np.arange(len(data.test))
    logits[rows, data.test.labels] += 4
    logits[rows, (data.test.labels + 1) % len(names)] += 3
    powers = np.exp(logits)
    probabilities = (powers / powers.sum(axis=1, keepdims=True)).astype(np.float32)
    return evaluate_predictions(names, data.test, probabilities, side=28)


@pytest.fixture(scope="module")
def written(evaluation: Evaluation, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("report")
    report.EvaluationReport(evaluation, TRAINING, HEADER).write(folder)
    return folder


def test_the_files_stay_small(written: Path) -> None:
    assert (written / report.PAGE).stat().st_size < 3_000_000
    assert (written / report.FIGURES).stat().st_size < 1_000_000
    figures = json.loads((written / report.FIGURES).read_text(encoding="utf-8"))["evaluation"]
    assert len(figures["category_pairs"]) == 50
    assert set(figures["top"]) == {"2", "3", "5"}
    interval = figures["intervals"]["map_at_3"]
    assert figures["accuracy"]["share"] < interval["low"] < interval["value"] < interval["high"] < 1


def test_predictions_keep_the_ten_most_probable_and_can_be_compared(
    written: Path, evaluation: Evaluation
) -> None:
    kept = pq.read_table(written / report.PREDICTIONS)
    assert kept.num_rows == TESTED * len(CATEGORIES)
    assert class_set_of(kept) == evaluation.class_set
    first = kept.slice(0, 1).to_pylist()[0]
    assert len(first["top"]) == KEPT
    assert first["top"][0]["category"] == first["predicted"]
    chances = [each["probability"] for each in first["top"]]
    assert chances == sorted(chances, reverse=True)
    own = [each["probability"] for each in first["top"] if each["category"] == first["true"]]
    assert own in ([first["probability_of_true"]], [])
    assert str(kept.schema.field("top").type).count("dictionary") == 1
    assert compare(kept, evaluation.predictions).drawings == kept.num_rows
    probabilities = probabilities_of(kept, evaluation.class_set)
    assert probabilities.shape == (kept.num_rows, len(CATEGORIES))
    assert np.abs(probabilities.sum(axis=1) - 1).max() < 1e-4
    named = [evaluation.class_set[place] for place in probabilities.argmax(axis=1)]
    assert named == kept["predicted"].to_pylist()
    true = [evaluation.class_set.index(name) for name in kept["true"].to_pylist()]
    rows = np.arange(kept.num_rows)
    np.testing.assert_array_equal(probabilities[rows, true], kept["probability_of_true"])


def test_the_page_needs_nothing_from_elsewhere(written: Path) -> None:
    page = (written / report.PAGE).read_text(encoding="utf-8")
    assert not re.search(r'@import|<link|src="(?!data:)|url\("(?!data:)|https?://(?!www.w3)', page)
    targets = set(re.findall(r'href="#([^"]+)"', page))
    assert targets <= set(re.findall(r' id="([^"]+)"', page))


@needs_browser
@pytest.mark.parametrize("width", [1100, 390])
def test_categories_can_be_found_sorted_pointed_at_and_opened(written: Path, width: int) -> None:
    with launched() as browser:
        page = browser.new_page(viewport={"width": width, "height": 800})
        complaints: list[str] = []
        page.on("pageerror", lambda error: complaints.append(str(error)))
        page.goto((written / report.PAGE).as_uri())
        assert page.evaluate("document.documentElement.scrollWidth") == width
        shown = page.locator("#many details:visible summary span:first-child")
        page.get_by_label("Find").fill("zebr")
        expect(shown).to_have_text(["zebra"])
        page.get_by_label("Find").fill("")
        page.get_by_role("button", name="category").click()
        page.get_by_role("button", name="category").click()
        expect(shown.first).to_have_text("zigzag")
        page.locator("#overview").scroll_into_view_if_needed()
        page.locator("#overview").click(position={"x": 5, "y": 5})
        expect(page.locator("#pointed")).to_contain_text(" called ")
        opened = page.locator("#many details[open]")
        expect(opened).to_have_count(1)
        assert opened.locator(".tile").count() > TESTED // 4
        assert complaints == []

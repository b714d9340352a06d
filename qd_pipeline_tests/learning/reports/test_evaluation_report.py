import base64
import dataclasses
import json
import re
from html.parser import HTMLParser
from io import BytesIO
from pathlib import Path

import numpy as np
import pyarrow.parquet as pq
import pytest
from PIL import Image

from qd_pipeline.learning.classifier import Training
from qd_pipeline.learning.data import ClassSetData
from qd_pipeline.learning.evaluation.evaluate import Evaluation, evaluate
from qd_pipeline.learning.evaluation.intervals import Proportion
from qd_pipeline.learning.reports import evaluation_report as report
from qd_pipeline.learning.reports import figures
from qd_pipeline.learning.reports import page as pages
from qd_pipeline.learning.studies.data_study import DataStudy, Trained
from qd_pipeline.learning.training.config import TrainingConfig
from qd_pipeline_tests.learning.shapes import keys_by_side, marks, reader_of_marks, write_category

CLASS_SET = ("circle", "line")
SCRIPT = "<script>alert(1)</script>"


def evaluated(folder: Path, places: list[int]) -> Evaluation:
    """Evaluate marks drawn for both categories: even places are read as circles, odd as lines."""
    data = ClassSetData.split(
        [
            write_category(
                folder,
                category,
                marks([0, *places]),
                key_ids=keys_by_side(1, 0, len(places), seed=seed),
                countries=[SCRIPT] * (1 + len(places)),
            )
            for seed, category in enumerate(CLASS_SET)
        ]
    )
    return evaluate(reader_of_marks(CLASS_SET, [[3, 0], [0, 3]]), data)


def training(epochs: int = 3, *, validated: bool = True) -> Training:
    metrics = ("accuracy", "loss", *(("val_accuracy", "val_loss") if validated else ()))
    history = tuple(dict.fromkeys(metrics, 0.3 + 0.01 * epoch) for epoch in range(epochs))
    return Training(TrainingConfig(epochs=epochs), history, 12.3, 2, int(validated))


@pytest.fixture(scope="module")
def evaluation(tmp_path_factory: pytest.TempPathFactory) -> Evaluation:
    return evaluated(tmp_path_factory.mktemp("marks"), [0, 0, 1] * 10)


@pytest.fixture(scope="module")
def page(evaluation: Evaluation) -> str:
    return report.html(evaluation, training(), source="https://host/?a=<b>", synthetic=False)


class References(HTMLParser):
    """Collects what a page would load, and checks that its elements are closed."""

    VOID = ("meta", "img", "br", "link")

    def __init__(self, page: str) -> None:
        super().__init__()
        self.found: list[str] = []
        self.open: list[str] = []
        self.feed(page)
        assert not self.open

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        if tag not in self.VOID:
            self.open.append(tag)
        self.found += [value or "" for name, value in attrs if name in ("src", "href", "srcset")]

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.handle_starttag(tag, attrs)
        if tag not in self.VOID:
            self.open.pop()

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag


def test_the_page_needs_nothing_from_elsewhere(page: str) -> None:
    found = References(page).found
    assert found
    assert all(reference.startswith("data:image/png;base64,") for reference in found)
    assert not re.search(r"@import|url\(|<script|<link", page)


def test_pictures_are_the_bitmaps_as_ink_on_nothing(evaluation: Evaluation, page: str) -> None:
    mistake = evaluation.mistakes[0]
    uri = pages.picture(mistake.bitmap)
    assert uri in page
    picture = Image.open(BytesIO(base64.b64decode(uri.partition(",")[2])))
    assert (np.asarray(picture.getchannel("A")) == mistake.bitmap).all()


def test_text_from_the_data_stays_text(page: str) -> None:
    assert SCRIPT not in page
    assert "&lt;script&gt;alert(1)&lt;/script&gt;" in page
    assert "https://host/?a=&lt;b&gt;" in page


def test_the_page_shows_the_accuracy_with_its_interval(evaluation: Evaluation, page: str) -> None:
    low, high = evaluation.accuracy.interval
    assert evaluation.accuracy.share == 0.5
    assert "<b>50.0\xa0%</b>" in page
    assert f"{pages.percent(low)} to {pages.percent(high)}" in page


def test_a_synthetic_sample_is_called_so_and_real_drawings_are_not(
    evaluation: Evaluation, page: str
) -> None:
    generated = report.html(evaluation, training(), source="sample", synthetic=True)
    assert "Synthetic sample" in generated.split("<h1>")[0]
    assert "synthetic" not in page.lower()


def test_the_page_follows_dark_mode_and_narrow_screens(page: str) -> None:
    assert "prefers-color-scheme: dark" in page
    assert 'name="viewport" content="width=device-width' in page


def test_a_study_of_the_drawings_has_its_place_on_the_page(
    tmp_path: Path, evaluation: Evaluation, page: str
) -> None:
    right = Proportion(9, 10)
    curve = [Trained(name, 100, right, right, right, 1.0) for name in ("10 %", "all")]
    recognized = Trained("recognised only", 90, right, right, right, 1.0)
    study = DataStudy(CLASS_SET, TrainingConfig(), tuple(curve), recognized)
    written = report.write(
        tmp_path, evaluation, training(), source="sample", synthetic=True, study=study
    )
    with_study = written.page.read_text(encoding="utf-8")
    for heading in ("More drawings", "Trained without them"):
        assert heading in with_study
        assert heading not in page
    assert "They are 10.0\xa0% of the training drawings." in with_study
    assert DataStudy.from_json(json.loads(written.figures.read_text())["data_study"]) == study


def test_the_files_hold_the_same_figures(tmp_path: Path, evaluation: Evaluation) -> None:
    written = report.write(tmp_path, evaluation, training(), source="sample", synthetic=True)
    assert json.loads(written.figures.read_text(encoding="utf-8")) == json.loads(
        json.dumps(
            {
                "source": "sample",
                "synthetic": True,
                "training": training().to_json(),
                "evaluation": evaluation.to_json(),
            }
        )
    )
    assert pq.read_table(written.predictions).equals(evaluation.predictions)
    assert "Synthetic sample" in written.page.read_text(encoding="utf-8")


def test_a_page_without_mistakes_countries_or_validation_says_so(tmp_path: Path) -> None:
    evaluation = evaluated(tmp_path, [0])
    perfect = Evaluation(**{**vars(evaluation), "confusions": (), "mistakes": ()})
    page = report.html(perfect, training(1, validated=False), source="here", synthetic=False)
    assert "every test drawing was classified correctly" in page
    assert "No country has 30 test drawings" in page
    assert "Most confident mistakes" not in page
    assert "validation</span>" not in page


@pytest.mark.parametrize("epochs", [1, 2, 40])
@pytest.mark.parametrize("validated", [True, False])
def test_learning_curves_are_drawn_for_any_number_of_epochs(epochs: int, validated: bool) -> None:  # noqa: FBT001
    picture = Image.open(
        BytesIO(figures.learning_curves(training(epochs, validated=validated).history))
    )
    assert picture.format == "PNG"
    assert picture.width > 900


@pytest.mark.parametrize("classes", [2, 25, 45])
def test_a_confusion_matrix_is_darkest_where_the_drawings_are(classes: int) -> None:
    names = [f"category {place}" for place in range(classes)]
    confusion = (1000 * np.eye(classes, dtype=int)).tolist()
    picture = Image.open(BytesIO(figures.confusion_matrix(names, confusion)))
    assert picture.format == "PNG"
    assert np.asarray(picture.convert("L")).min() < 60


def test_a_matrix_of_many_categories_is_left_to_the_json(tmp_path: Path) -> None:
    evaluation = evaluated(tmp_path, [0])
    many = tuple(f"category {place}" for place in range(41))
    matrix = tuple((0,) * 41 for _ in many)
    large = Evaluation(**{**vars(evaluation), "class_set": many, "confusion": matrix})
    page = report.html(large, training(), source="here", synthetic=False)
    assert "<h1>41 categories</h1>" in page
    assert "it is in evaluation.json" in page
    assert 'class="matrix"' not in page


def test_the_page_draws_how_sure_and_how_right_it_is(evaluation: Evaluation, page: str) -> None:
    section = page.partition("<h2>Calibration</h2>")[2].partition("</section>")[0]
    assert evaluation.calibration is not None
    assert f"<strong>{evaluation.calibration.error:.3f}</strong>" in section
    filled = sum(each.count > 0 for each in evaluation.calibration.bins)
    assert section.count('<rect class="bar"') == 2 * filled
    assert section.count('<polyline class="ideal"') == 1
    assert "temperature" not in section


def test_the_page_tells_a_temperature_that_was_found(evaluation: Evaluation) -> None:
    cooled = dataclasses.replace(training(), temperature=0.625)
    page = report.html(evaluation, cooled, source="here", synthetic=False)
    assert "temperature of 0.62, found on the validation side" in page

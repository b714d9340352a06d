import base64
import dataclasses
import json
import re
from datetime import UTC, datetime
from html.parser import HTMLParser
from io import BytesIO
from pathlib import Path

import numpy as np
import pyarrow.parquet as pq
import pytest
from PIL import Image

from qd_pipeline.learning.classifier import Training
from qd_pipeline.learning.data import ClassSetData
from qd_pipeline.learning.evaluation.comparison import compare
from qd_pipeline.learning.evaluation.evaluate import Evaluation, evaluate
from qd_pipeline.learning.evaluation.intervals import Proportion
from qd_pipeline.learning.evaluation.promotion import Champion, decide
from qd_pipeline.learning.reports import evaluation_report as report
from qd_pipeline.learning.reports import page as pages
from qd_pipeline.learning.studies.data_study import DataStudy, Trained
from qd_pipeline.learning.training.config import TrainingConfig
from qd_pipeline_tests.learning.shapes import keys_by_side, marks, reader_of_marks, write_category

CLASS_SET = ("circle", "line")
SCRIPT = "<script>alert(1)</script>"
HEADER = report.Header(
    made=datetime(2025, 1, 5, 12, 30, tzinfo=UTC),
    class_set="2",
    source="https://host/?a=<b>",
    synthetic=False,
    model="quickdraw-2 version 4",
    run_link="https://mlflow.example/runs/0123456789abcdef",
    commit="fedcba9876543210",
    versions={"keras": "3.15.1"},
)


SYNTHETIC = dataclasses.replace(HEADER, source="synthetic sample (seed 0)", synthetic=True)


def evaluated(folder: Path, places: list[int], lines: list[int] | None = None) -> Evaluation:
    """Evaluate marks of circles and of lines (the same by default): 0 is read as a circle."""
    both = (places, places if lines is None else lines)
    data = ClassSetData.split(
        [
            write_category(
                folder,
                category,
                marks([0, *drawn]),
                key_ids=keys_by_side(1, 0, len(drawn), seed=seed),
                countries=[SCRIPT] * (1 + len(drawn)),
            )
            for seed, (category, drawn) in enumerate(zip(CLASS_SET, both, strict=True))
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
    return report.EvaluationReport(evaluation, training(), HEADER).html()


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
    inside = [each for each in found if each.startswith(("data:image/png;base64,", "#"))]
    assert inside
    # A link is followed by people only.
    assert set(found) - set(inside) == {HEADER.run_link}
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


def test_every_link_within_the_page_leads_somewhere(page: str) -> None:
    targets = re.findall(r'href="#([^"]+)"', page)
    ids = re.findall(r' id="([^"]+)"', page)
    assert len(ids) == len(set(ids))
    assert targets
    assert set(targets) <= set(ids)


def test_the_page_shows_the_accuracy_with_its_interval_beside_chance(
    evaluation: Evaluation, page: str
) -> None:
    assert evaluation.accuracy.share == 0.5
    assert "<b>50.0\xa0%</b>" in page
    assert f"<dd>{evaluation.accuracy}</dd>" in page
    assert "<dt>chance: always “circle”</dt><dd>50.0\xa0%</dd>" in page
    assert "Unequal categories" not in page


def test_unequal_categories_are_said_beside_the_headline(tmp_path: Path) -> None:
    evaluation = evaluated(tmp_path, [0, 0, 0], lines=[1])
    page = report.EvaluationReport(evaluation, training(), HEADER).html()
    headline = page.partition('class="headline"')[2].partition("</section>")[0]
    assert "75.0\xa0% of the test drawings are of circle" in headline
    assert f"<strong>{pages.percent(evaluation.balanced_accuracy)}</strong>" in headline


def test_the_champion_stands_beside_the_headline(evaluation: Evaluation) -> None:
    before = Champion("quickdraw-2 version 3", evaluation.predictions, synthetic=False)
    decision = decide(before, evaluation.predictions, synthetic=False)
    assert decision.comparison is None
    page = report.EvaluationReport(evaluation, training(), HEADER, decision=decision).html()
    assert "<dt>quickdraw-2 version 3</dt><dd>not compared</dd>" in page
    assert "<strong>Not promoted</strong>: its accuracy of 50.0 % (" in page
    same = dataclasses.replace(
        decision, comparison=compare(evaluation.predictions, evaluation.predictions), repeated=True
    )
    page = report.EvaluationReport(evaluation, training(), HEADER, decision=same).html()
    assert "<dt>quickdraw-2 version 3 on the same drawings</dt>" in page
    assert "<strong>Not promoted when it was first evaluated</strong>" in page


def test_the_page_says_what_it_is_of(page: str) -> None:
    head, _, rest = page.partition("<h1>")
    for text in ("Class set 2", "quickdraw-2 version 4", "2025-01-05 12:30 UTC"):
        assert text in head
    provenance = rest.partition('id="provenance"')[2]
    assert 'href="https://mlflow.example/runs/0123456789abcdef">01234567</a>' in provenance
    for text in ("fedcba987654", "keras", "3.15.1"):
        assert text in provenance


def test_a_count_of_the_confusion_matrix_opens_its_drawings(
    evaluation: Evaluation, page: str
) -> None:
    assert re.search(r'<td class="right[^>]*><a href="#cell-0-0"[^>]*>20</a></td>', page)
    assert re.search(r'<a href="#cell-0-1" title="circle called line">10</a>', page)
    cell = page.partition('id="cell-0-1"')[2].partition("Close")[0]
    assert "circle called line: 10 of 30" in cell
    examples = next(each for each in evaluation.confusions if each.category == "circle").examples
    assert cell.count("<img") == len(examples) == 6
    gallery = page.partition('id="cell-0-0"')[2].partition("Close")[0]
    assert gallery.count("✓ circle") == len(evaluation.galleries[0]) == 12


def test_settings_are_shown_as_people_read_them(evaluation: Evaluation) -> None:
    config = TrainingConfig(epochs=3, augmentation=0.6, flip_averaging=True)
    page = report.EvaluationReport(
        evaluation, dataclasses.replace(training(), config=config), HEADER
    ).html()
    assert "<dt>units</dt><dd>–</dd>" in page
    assert "<dt>flip averaging</dt><dd>yes</dd>" in page
    assert "<dt>augmentation</dt><dd>redrawn each epoch, strength 0.6</dd>" in page
    assert "None" not in page
    assert "True" not in page


def test_the_loss_is_told_from_the_log_loss(evaluation: Evaluation, page: str) -> None:
    assert "differs from the log loss" not in page
    config = TrainingConfig(label_smoothing=0.1)
    smoothed = dataclasses.replace(training(), config=config, temperature=0.6)
    page = report.EvaluationReport(evaluation, smoothed, HEADER).html()
    assert "with labels smoothed by 0.1, before calibration. So it differs from the log" in page


def test_figures_that_are_not_numbers_are_dashes_on_the_page_and_null_in_the_json(
    tmp_path: Path, evaluation: Evaluation
) -> None:
    nan = float("nan")
    diverged = dataclasses.replace(
        training(), history=({"accuracy": 0.5, "loss": nan}, {"accuracy": 0.5, "loss": nan})
    )
    broken = dataclasses.replace(evaluation, log_loss=None, calibration=None, coverage=(), top={})
    report.EvaluationReport(broken, diverged, HEADER).write(tmp_path)
    assert "<dt>log loss</dt><dd>–</dd>" in (tmp_path / report.PAGE).read_text(encoding="utf-8")
    facts = json.loads((tmp_path / report.FIGURES).read_text(encoding="utf-8"))
    assert facts["training"]["history"][1]["loss"] is None
    assert facts["evaluation"]["log_loss"] is None


def test_a_synthetic_sample_is_called_so_and_real_drawings_are_not(
    evaluation: Evaluation, page: str
) -> None:
    generated = report.EvaluationReport(evaluation, training(), SYNTHETIC).html()
    assert "Synthetic sample" in generated.split("<h1>")[0]
    assert "synthetic" not in page.lower()


def test_the_page_follows_dark_mode_and_narrow_screens(page: str) -> None:
    assert "prefers-color-scheme: dark" in page
    assert 'name="viewport" content="width=device-width' in page


def test_a_study_of_the_drawings_has_its_place_on_the_page(
    tmp_path: Path, evaluation: Evaluation, page: str
) -> None:
    right = Proportion(9, 10)
    curve = [
        Trained(name, 100, right, 0.9, 0.9, 0.5, right, right, 1.0) for name in ("10 %", "all")
    ]
    recognized = Trained("recognised only", 90, right, 0.9, 0.9, 0.5, right, right, 1.0)
    study = DataStudy(CLASS_SET, TrainingConfig(), tuple(curve), recognized)
    report.EvaluationReport(evaluation, training(), SYNTHETIC, study=study).write(tmp_path)
    with_study = (tmp_path / report.PAGE).read_text(encoding="utf-8")
    for heading in ("More drawings", "Trained without them"):
        assert heading in with_study
        assert heading not in page
    assert "They are 10.0\xa0% of the training drawings." in with_study
    assert (
        DataStudy.from_json(json.loads((tmp_path / report.FIGURES).read_text())["data_study"])
        == study
    )


def test_the_files_hold_the_same_figures(tmp_path: Path, evaluation: Evaluation) -> None:
    report.EvaluationReport(evaluation, training(), SYNTHETIC).write(tmp_path)
    assert json.loads((tmp_path / report.FIGURES).read_text(encoding="utf-8")) == json.loads(
        json.dumps(
            {
                **SYNTHETIC.to_json(),
                "training": training().to_json(),
                "evaluation": evaluation.to_json(),
            }
        )
    )
    assert pq.read_table(tmp_path / report.PREDICTIONS).equals(evaluation.predictions)
    assert "Synthetic sample" in (tmp_path / report.PAGE).read_text(encoding="utf-8")


def test_a_page_without_mistakes_countries_or_validation_says_so(tmp_path: Path) -> None:
    evaluation = evaluated(tmp_path, [0])
    perfect = Evaluation(**{**vars(evaluation), "confusions": (), "mistakes": ()})
    page = report.EvaluationReport(perfect, training(1, validated=False), HEADER).html()
    assert "every test drawing was classified correctly" in page
    assert "No country has 30 test drawings" in page
    assert "Most confident mistakes" not in page
    assert ">validation</text>" not in page


def test_the_page_draws_confidence_against_accuracy(evaluation: Evaluation, page: str) -> None:
    section = page.partition('<section id="calibration">')[2].partition("</section>")[0]
    assert evaluation.calibration is not None
    assert f"<strong>{evaluation.calibration.error:.3f}</strong>" in section
    filled = sum(each.count > 0 for each in evaluation.calibration.bins)
    assert section.count("<title>") == 2 * filled
    assert section.count("<svg") == 3
    assert "temperature" not in section


def test_the_page_tells_a_temperature_that_was_fitted(evaluation: Evaluation) -> None:
    calibrated = dataclasses.replace(training(), temperature=0.625)
    page = report.EvaluationReport(evaluation, calibrated, HEADER).html()
    assert "temperature of 0.62, fitted on the validation drawings" in page

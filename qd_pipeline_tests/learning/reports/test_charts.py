import re
from io import BytesIO

import numpy as np
import pytest
from matplotlib.patches import Rectangle
from PIL import Image

from qd_pipeline.learning.calibration import calibration
from qd_pipeline.learning.evaluation.intervals import Proportion
from qd_pipeline.learning.reports import charts

HISTORY = tuple(
    {"accuracy": 0.5 + 0.1 * epoch, "val_accuracy": 0.4 + 0.1 * epoch, "loss": 3 - epoch}
    for epoch in range(3)
)


def picture(png: bytes) -> Image.Image:
    return Image.open(BytesIO(png))


def texts(svg: str) -> list[str]:
    return re.findall(r"<text[^>]*>([^<]*)</text>", svg)


@pytest.mark.parametrize("epochs", [1, 2, 40])
def test_learning_curves_are_drawn_for_any_number_of_epochs(epochs: int) -> None:
    history = [dict.fromkeys(("accuracy", "loss"), 0.3)] * epochs
    drawn = picture(charts.png(charts.learning_curves(history)))
    assert drawn.format == "PNG"
    assert drawn.width > 900


def test_values_that_are_not_numbers_leave_a_gap() -> None:
    history = [*HISTORY, {"accuracy": float("nan"), "loss": float("inf")}]
    assert charts.png(charts.learning_curves(history))
    assert charts.svg(charts.learning_curves([{"loss": float("nan")}], ["loss"]))


def test_a_split_without_figures_has_no_curve() -> None:
    assert "validation" in texts(charts.svg(charts.learning_curves(HISTORY, ["accuracy"])))
    assert "validation" not in texts(charts.svg(charts.learning_curves(HISTORY, ["loss"])))


def test_an_svg_takes_the_pages_colours_and_font_and_refers_to_nothing_elsewhere() -> None:
    svg = charts.svg(charts.learning_curves(HISTORY, ["accuracy"]))
    assert svg.startswith('<svg class="chart" role="img" aria-label="accuracy by epoch" viewBox=')
    assert "var(--accent)" in svg
    assert "var(--second)" in svg
    for foreign in ("font-family", "url(", "<style", "<metadata", "#2563c9"):
        assert foreign not in svg
    assert {reference[0] for reference in re.findall(r'href="([^"]*)"', svg)} <= {"#"}
    assert svg == charts.svg(charts.learning_curves(HISTORY, ["accuracy"]))


def test_accuracy_is_ticked_in_per_cent() -> None:
    svg = charts.svg(charts.learning_curves([{"accuracy": 0.0}, {"accuracy": 1.0}], ["accuracy"]))
    assert {"0 %", "100 %"} <= set(texts(svg))


def test_a_bar_of_a_reliability_diagram_ends_at_its_accuracy_and_says_so() -> None:
    probabilities = np.array([[0.5, 0.5], [0.99, 0.01], [0.98, 0.02]])
    accuracy, drawings = charts.reliability(calibration(probabilities, np.array([0, 0, 1])))
    for figure, heights in ((accuracy, [1.0, 0.5]), (drawings, [1 / 3, 2 / 3])):
        bars = figure.axes[0].patches
        found = [bar.get_height() for bar in bars if isinstance(bar, Rectangle)]
        assert found == pytest.approx(heights)
    titles = re.findall(r"<title>([^<]*)</title>", charts.svg(accuracy))
    assert titles == [
        "1 drawings of 47 % to 53 %: 100 % correct",
        "2 drawings of 93 % to 100 %: 50 % correct",
    ]


def test_accuracies_stand_where_they_belong_with_their_intervals() -> None:
    points = [
        charts.Point("a", 2.0, Proportion(80, 100)),
        charts.Point("<b>", 10.0, Proportion(100, 100)),
    ]
    figure = charts.accuracy_against("seconds", points)
    (line, *_) = figure.axes[0].lines
    assert np.asarray(line.get_xydata()).tolist() == [[2.0, 0.8], [10.0, 1.0]]
    (bars,) = figure.axes[0].collections
    ends = [np.asarray(path.vertices)[:, 1].tolist() for path in bars.get_paths()]
    assert ends == [pytest.approx(point.accuracy.interval) for point in points]
    svg = charts.svg(figure)
    assert "&lt;b&gt;" in svg
    assert "seconds" in texts(svg)
    figure.axes[0].set_ylim(0.95, 0.97)
    assert {"95 %", "95.5 %", "96 %"} <= set(texts(charts.svg(figure)))


def test_an_accuracy_at_zero_seconds_is_drawn_too() -> None:
    assert charts.svg(charts.accuracy_against("s", [charts.Point("1", 0.0, Proportion(0, 3))]))


@pytest.mark.parametrize("classes", [2, 25, 45])
def test_a_confusion_matrix_is_darkest_where_the_drawings_are(classes: int) -> None:
    names = [f"category {place}" for place in range(classes)]
    confusion = (1000 * np.eye(classes, dtype=int)).tolist()
    drawn = picture(charts.png(charts.confusion_matrix(names, confusion)))
    assert drawn.format == "PNG"
    assert np.asarray(drawn.convert("L")).min() < 60

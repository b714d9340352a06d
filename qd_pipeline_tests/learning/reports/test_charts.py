import numpy as np
import pytest

from qd_pipeline.learning.calibration import calibration
from qd_pipeline.learning.reports import charts

HISTORY = tuple(
    {"accuracy": 0.5 + 0.1 * epoch, "val_accuracy": 0.4 + 0.1 * epoch, "loss": 3 - epoch}
    for epoch in range(3)
)


def test_higher_values_and_later_epochs_lie_higher_and_further_right() -> None:
    training, validation = charts.learning_curve(HISTORY, "accuracy").lines
    assert (training.name, validation.name) == ("training", "validation")
    assert training.points == tuple(sorted(training.points, key=lambda point: -point[1]))
    assert [x for x, _ in training.points] == sorted(x for x, _ in training.points)
    assert all(t[1] < v[1] for t, v in zip(training.points, validation.points, strict=True))


@pytest.mark.parametrize("metric", ["accuracy", "loss"])
@pytest.mark.parametrize("count", [1, 3])
def test_points_lie_within_the_axes(metric: str, count: int) -> None:
    chart = charts.learning_curve(HISTORY[:count], metric)
    for line in chart.lines:
        assert all(chart.left <= x <= chart.right for x, _ in line.points)
        assert all(0 <= y <= chart.bottom for _, y in line.points)


def test_a_metric_that_never_changes_is_drawn_too() -> None:
    (line,) = charts.learning_curve([{"accuracy": 1.0}] * 4, "accuracy").lines
    assert len({y for _, y in line.points}) == 1


def test_accuracy_is_ticked_in_per_cent_within_0_and_100() -> None:
    ticks = charts.learning_curve([{"accuracy": 0.0}, {"accuracy": 1.0}], "accuracy").y_ticks
    assert [tick.text for tick in ticks] == ["0 %", "20 %", "40 %", "60 %", "80 %", "100 %"]


def test_a_side_without_figures_has_no_curve() -> None:
    assert [line.name for line in charts.learning_curve(HISTORY, "loss").lines] == ["training"]


def test_a_bar_of_a_reliability_diagram_ends_at_its_accuracy() -> None:
    probabilities = np.array([[0.5, 0.5], [0.99, 0.01], [0.98, 0.02]])
    accuracy, drawings = charts.reliability(calibration(probabilities, np.array([0, 0, 1])))
    middle, high = accuracy.bars
    top, bottom = accuracy.y_ticks[-1].place, accuracy.bottom
    assert middle.height == pytest.approx(bottom - top)
    assert high.height == pytest.approx((bottom - top) / 2, abs=0.1)
    assert high.x + high.width == pytest.approx(accuracy.right - 1, abs=0.1)
    assert list(accuracy.diagonal) == [(accuracy.left, bottom), (accuracy.right, top)]
    assert [bar.x for bar in drawings.bars] == [bar.x for bar in accuracy.bars]
    assert drawings.bars[1].height == pytest.approx(2 * drawings.bars[0].height, abs=0.1)
    assert len(drawings.diagonal) == 0

from qd_pipeline.learning.evaluation.intervals import Proportion
from qd_pipeline.learning.reports.scatter import Point, accuracy_against

POINTS = [
    Point("a", 2.0, Proportion(80, 100)),
    Point("b", 10.0, Proportion(95, 100)),
    Point("c", 10.0, Proportion(100, 100)),
]


def test_what_took_longer_lies_further_right_and_what_is_better_higher() -> None:
    a, b, c = accuracy_against("seconds", POINTS).marks
    assert a.x < b.x == c.x
    assert a.y > b.y > c.y
    assert all(mark.high <= mark.y <= mark.low for mark in (a, b, c))


def test_every_mark_and_interval_lies_within_the_axes() -> None:
    for points in (POINTS, POINTS[:1], [Point("none", 0.0, Proportion(0, 3))]):
        chart = accuracy_against("seconds", points)
        for mark in chart.marks:
            assert chart.left <= mark.x <= chart.right
            assert 0 <= mark.high <= mark.low <= chart.bottom
        assert all(0 <= tick.place <= chart.bottom for tick in chart.y_ticks)


def test_the_axes_are_ticked_in_their_units() -> None:
    chart = accuracy_against("seconds", POINTS)
    assert [tick.text for tick in chart.x_ticks][:2] == ["0", "2"]
    assert {tick.text for tick in chart.y_ticks} >= {"80 %", "100 %"}

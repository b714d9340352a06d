"""Geometry of the charts of accuracies with their intervals, which templates draw as SVG."""

from collections.abc import Sequence
from dataclasses import dataclass

from qd_pipeline.learning.evaluation.intervals import Proportion
from qd_pipeline.learning.reports.charts import HEIGHT, WIDTH, Tick, round_ticks

_LEFT, _RIGHT, _TOP, _BOTTOM = 46, 20, 16, 44


@dataclass(frozen=True)
class Point:
    """An accuracy to show.

    Attributes:
        name: What is written beside it.
        value: Where it stands on the axis across, at least 0.
        accuracy: Where it stands on the other, with its interval.
    """

    name: str
    value: float
    accuracy: Proportion


@dataclass(frozen=True)
class Mark:
    """A point in the drawing's units, y downwards: its place and its interval's ends."""

    name: str
    x: float
    y: float
    low: float
    high: float


@dataclass(frozen=True)
class Scatter:
    """A chart of `WIDTH` by `HEIGHT` units; `joined` ones draw a line through the marks."""

    axis: str
    marks: tuple[Mark, ...]
    joined: bool
    x_ticks: tuple[Tick, ...]
    y_ticks: tuple[Tick, ...]
    left: int = _LEFT
    right: int = WIDTH - _RIGHT
    bottom: int = HEIGHT - _BOTTOM
    width: int = WIDTH
    height: int = HEIGHT


def accuracy_against(axis: str, points: Sequence[Point], *, joined: bool = False) -> Scatter:
    """Lay out accuracies over what they took.

    Args:
        axis: What the axis across measures; it begins at 0.
        points: One or more, each of one test drawing or more.
        joined: Whether a line runs through the points in their order.
    """
    across = _ticks(0.0, max(point.value for point in points) or 1.0)
    ends = [end for point in points for end in point.accuracy.interval]
    up = [tick for tick in _ticks(min(ends), max(ends)) if 0 <= tick <= 1]
    # Intervals that reach beyond the last tick within 0–1 still lie in the chart.
    low, high = min(up[0], *ends), max(up[-1], *ends)

    def x(value: float) -> float:
        return round(_LEFT + value / across[-1] * (WIDTH - _LEFT - _RIGHT), 1)

    def y(share: float) -> float:
        part = (share - low) / (high - low)
        return round(HEIGHT - _BOTTOM - part * (HEIGHT - _TOP - _BOTTOM), 1)

    return Scatter(
        axis=axis,
        marks=tuple(
            Mark(
                point.name,
                x(point.value),
                y(point.accuracy.share or 0.0),
                *map(y, point.accuracy.interval),
            )
            for point in points
        ),
        joined=joined,
        x_ticks=tuple(Tick(x(tick), f"{tick:,g}") for tick in across),
        y_ticks=tuple(Tick(y(tick), f"{tick * 100:g} %") for tick in up),
    )


def _ticks(low: float, high: float) -> list[float]:
    return [round(tick, 10) for tick in round_ticks(low, high, steps=[1, 2, 5, 10])]

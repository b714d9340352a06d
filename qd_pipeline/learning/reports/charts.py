"""Geometry of the report's charts, which its template draws as SVG."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from qd_pipeline.learning.calibration import Calibration

WIDTH: Final = 340
HEIGHT: Final = 210
_LEFT, _RIGHT, _TOP, _BOTTOM = 40, 20, 10, 28


@dataclass(frozen=True)
class Tick:
    """A mark on an axis: its place in the drawing, in its units, and its text."""

    place: float
    text: str


@dataclass(frozen=True)
class Line:
    """One curve: its name and points in the drawing's units, y downwards."""

    name: str
    points: tuple[tuple[float, float], ...]


@dataclass(frozen=True)
class Chart:
    """A line chart of `WIDTH` by `HEIGHT` units."""

    title: str
    lines: tuple[Line, ...]
    x_ticks: tuple[Tick, ...]
    y_ticks: tuple[Tick, ...]
    left: int = _LEFT
    right: int = WIDTH - _RIGHT
    bottom: int = HEIGHT - _BOTTOM
    width: int = WIDTH
    height: int = HEIGHT


def learning_curve(history: Sequence[Mapping[str, float]], metric: str) -> Chart:
    """Lay out a metric by epoch, on the training and, where there is one, validation side.

    Args:
        history: Metrics of each epoch.
        metric: `accuracy` or `loss`.
    """
    sides = {"training": metric, "validation": f"val_{metric}"}
    curves = {
        name: [epoch[key] for epoch in history if key in epoch] for name, key in sides.items()
    }
    values = [value for curve in curves.values() for value in curve]
    ticks = round_ticks(min(values), max(values))
    low, high = ticks[0], ticks[-1]
    if metric == "accuracy":
        ticks = [tick for tick in ticks if 0 <= tick <= 1]
        low, high = max(low, 0.0), min(high, 1.0)

    def x(epoch: float) -> float:
        share = (epoch - 1) / (len(history) - 1) if len(history) > 1 else 0.5
        return round(_LEFT + share * (WIDTH - _LEFT - _RIGHT), 1)

    def y(value: float) -> float:
        share = (value - low) / (high - low)
        return round(HEIGHT - _BOTTOM - share * (HEIGHT - _TOP - _BOTTOM), 1)

    def text(value: float) -> str:
        return f"{value:.0%}".replace("%", " %") if metric == "accuracy" else f"{value:g}"

    epochs = round_ticks(1, max(2, len(history)), count=6, integer=True)
    return Chart(
        title=metric,
        lines=tuple(
            Line(name, tuple((x(place + 1), y(value)) for place, value in enumerate(curve)))
            for name, curve in curves.items()
            if curve
        ),
        x_ticks=tuple(
            Tick(x(epoch), f"{epoch:g}") for epoch in epochs if 1 <= epoch <= len(history)
        ),
        y_ticks=tuple(Tick(y(tick), text(round(tick, 10))) for tick in ticks),
    )


@dataclass(frozen=True)
class Bar:
    """An upright bar: its corner, width and height in the drawing's units, and what it says."""

    x: float
    y: float
    width: float
    height: float
    text: str


@dataclass(frozen=True)
class BarChart:
    """Bars over an axis from 0 to 1, and points on the diagonal where they should end."""

    title: str
    bars: tuple[Bar, ...]
    diagonal: tuple[tuple[float, float], ...]
    x_ticks: tuple[Tick, ...]
    y_ticks: tuple[Tick, ...]
    left: int = _LEFT
    right: int = WIDTH - _RIGHT
    bottom: int = HEIGHT - _BOTTOM
    width: int = WIDTH
    height: int = HEIGHT


def reliability(calibration: Calibration) -> tuple[BarChart, BarChart]:
    """Lay out a reliability diagram: accuracy by confidence, and drawings by confidence."""
    total = sum(each.count for each in calibration.bins)
    shares = [each.count / total for each in calibration.bins]
    accuracies = [each.accuracy for each in calibration.bins]
    return (
        _bars("accuracy by confidence", calibration, accuracies, 1.0, diagonal=True),
        _bars("drawings by confidence", calibration, shares, max(shares), diagonal=False),
    )


def _bars(
    title: str,
    calibration: Calibration,
    values: Sequence[float | None],
    highest: float,
    *,
    diagonal: bool,
) -> BarChart:
    ticks = round_ticks(0, highest)
    top = ticks[-1]

    def x(confidence: float) -> float:
        return round(_LEFT + confidence * (WIDTH - _LEFT - _RIGHT), 1)

    def y(value: float) -> float:
        return round(HEIGHT - _BOTTOM - value / top * (HEIGHT - _TOP - _BOTTOM), 1)

    def text(share: float) -> str:
        return f"{share * 100:.0f} %"

    return BarChart(
        title=title,
        bars=tuple(
            Bar(
                x=x(each.low) + 1,
                y=y(value),
                width=round(x(each.high) - x(each.low) - 2, 1),
                height=round(y(0) - y(value), 1),
                text=f"{each.count:,} drawings of {text(each.low)} to {text(each.high)}: "
                f"{text(each.accuracy)} correct",
            )
            for each, value in zip(calibration.bins, values, strict=True)
            if value is not None and each.accuracy is not None
        ),
        diagonal=((x(0), y(0)), (x(1), y(1))) if diagonal else (),
        x_ticks=tuple(Tick(x(place / 5), text(place / 5)) for place in range(6)),
        y_ticks=tuple(Tick(y(tick), text(tick)) for tick in ticks),
    )


def round_ticks(low: float, high: float, *, count: int = 5, **options: Any) -> list[float]:
    """Return round values from `low` or below to `high` or above.

    Args:
        low: The least that is shown.
        high: The greatest.
        count: Steps at most.
        options: Others of matplotlib's `MaxNLocator`.
    """
    # matplotlib takes a while to import, and loading the definitions should not.
    from matplotlib.ticker import MaxNLocator  # noqa: PLC0415

    return [float(tick) for tick in MaxNLocator(count, **options).tick_values(low, high)]

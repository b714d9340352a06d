"""Charts by matplotlib: PNG for MLflow and Dagster, SVG that follows a page's colours.

The colours are those of `report.css`, of which an SVG names the variable: so charts on a page
follow dark mode. Their texts stay text, in the page's font.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from html import escape
from io import BytesIO, StringIO
from typing import TYPE_CHECKING, Any, Final
from zlib import crc32

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    import pyarrow as pa
    from matplotlib.axes import Axes
    from matplotlib.axis import Axis
    from matplotlib.figure import Figure

    from qd_pipeline.learning.calibration import Calibration
    from qd_pipeline.learning.evaluation.coverage import Coverage
    from qd_pipeline.learning.evaluation.intervals import Proportion

_VARIABLES: Final = {
    "#1d2733": "--ink",
    "#5c6875": "--soft",
    "#dfdcd3": "--line",
    "#2563c9": "--accent",
    "#c2610c": "--second",
}
_INK, _SOFT, _LINE, TRAINING, VALIDATION = _VARIABLES
_WIDTH, _HEIGHT = 4.9, 3.1
_NAMED_UP_TO: Final = 40
_COUNTED_UP_TO: Final = 20


def png(figure: Figure) -> bytes:
    """Return a chart as a PNG."""
    held = BytesIO()
    figure.savefig(held, format="png", dpi=120)
    return held.getvalue()


def svg(figure: Figure) -> str:
    """Return a chart as an SVG element for an HTML page, as wide as its place there."""
    # Matplotlib takes a second to import, which those who only import this module need not wait.
    import matplotlib as mpl  # noqa: PLC0415

    for artist in figure.findobj():
        artist.set_clip_on(False)  # or each would refer to a path that clips it
    held, label = StringIO(), str(figure.get_label())
    with mpl.rc_context({"svg.fonttype": "none", "svg.hashsalt": label}):
        figure.savefig(held, format="svg", metadata={"Date": None}, transparent=True)
    text = held.getvalue()
    text = re.sub(r"<metadata>.*?</metadata>|<style.*?</style>", "", text, flags=re.DOTALL)
    text = re.sub(r"font-family: [^;]*; ", "", text)
    text = re.sub(
        r'.*?<svg [^>]*(viewBox="[^"]*")[^>]*>',
        rf'<svg class="chart" role="img" aria-label="{escape(label)}" \1>',
        text,
        count=1,
        flags=re.DOTALL,
    )
    for colour, variable in _VARIABLES.items():
        text = text.replace(colour, f"var({variable})")
    for artist in figure.findobj(lambda artist: artist.get_gid() is not None):
        tip = f"<g><title>{escape(str(artist.get_label()))}</title>"
        text = text.replace(f'<g id="{artist.get_gid()}">', tip)
    text = re.sub(r' id="([^"]*)"', lambda id_: id_[0] if f"#{id_[1]}" in text else "", text)
    # The ids that are left differ between the charts of a page, and are the same each time.
    return re.sub(r'((?: id="|href="#)[^"]*)', rf"\g<1>-{crc32(text.encode()):08x}", text)


def learning_curves(
    history: Sequence[Mapping[str, float]], metrics: Sequence[str] = ("accuracy", "loss")
) -> Figure:
    """Plot metrics by epoch, on the training and the validation split.

    Args:
        history: Metrics of each epoch: `accuracy`, `loss`, and perhaps `val_accuracy` and
            `val_loss`. Values that are not finite leave a gap.
        metrics: Of these, each in axes of its own.
    """
    figure = _figure(f"{' and '.join(metrics)} by epoch", columns=len(metrics))
    for place, metric in enumerate(metrics):
        title = metric if len(metrics) > 1 else ""
        axes = _axes(figure, (1, len(metrics), place + 1), xlabel="epoch", title=title)
        for name, key, style in (("training", metric, "-"), ("validation", f"val_{metric}", "--")):
            epochs = [epoch for epoch, logged in enumerate(history, start=1) if key in logged]
            if epochs:
                values = [history[epoch - 1][key] for epoch in epochs]
                colour = TRAINING if name == "training" else VALIDATION
                axes.plot(epochs, values, style, color=colour, label=name, marker=".")
        axes.locator_params("x", integer=True)
        if metric == "accuracy":
            _per_cent(axes.yaxis)
        axes.legend(frameon=False, labelcolor=_SOFT)
    return figure


def reliability(calibration: Calibration) -> tuple[Figure, Figure]:
    """Plot accuracy by confidence, and the share of the drawings by confidence."""
    filled = [each for each in calibration.bins if each.count]
    places = [(each.low + each.high) / 2 for each in filled]
    accuracies = [each.accuracy or 0.0 for each in filled]
    counts = np.array([each.count for each in filled])
    tips = [
        f"{each.count:,} drawings of {each.low:.0%} to {each.high:.0%}: {accuracy:.0%} correct"
        for each, accuracy in zip(filled, accuracies, strict=True)
    ]
    charts = []
    for title, heights in (("accuracy", accuracies), ("drawings", counts / counts.sum())):
        figure = _figure(f"{title} by confidence")
        axes = _axes(figure, xlabel="confidence", xlim=(0, 1))
        bars = axes.bar(places, heights, 0.86 / len(calibration.bins), color=TRAINING, alpha=0.7)
        for number, (bar, tip) in enumerate(zip(bars, tips, strict=True)):
            bar.set_gid(f"bar{number}")
            bar.set_label(tip.replace("%", " %"))
        if title == "accuracy":
            axes.plot([0, 1], [0, 1], "--", color=_SOFT, linewidth=1)
        _per_cent(axes.yaxis, axes.xaxis)
        charts.append(figure)
    return charts[0], charts[1]


def coverage(points: Sequence[Coverage]) -> Figure:
    """Plot the accuracy on the drawings of the highest confidence against their share."""
    figure = _figure("accuracy by coverage")
    axes = _axes(figure, xlabel="share of the drawings that it answers", xlim=(0, 1.02))
    shares = [point.share for point in points]
    low, high = zip(*(point.accuracy.interval for point in points), strict=True)
    axes.fill_between(shares, low, high, color=TRAINING, alpha=0.2, linewidth=0)
    axes.plot(shares, [point.accuracy.share or 0.0 for point in points], color=TRAINING)
    _per_cent(axes.yaxis, axes.xaxis)
    return figure


def precision_recall(category: str, predictions: pa.Table) -> Figure:
    """Plot a category's precision against its recall, over all thresholds of its probability.

    Args:
        category: One that has test drawings.
        predictions: As `Evaluation.predictions`.
    """
    from sklearn.metrics import precision_recall_curve  # noqa: PLC0415 (slow to import, too)

    is_it = predictions["true"].cast("string").to_numpy() == category
    precision, recall, _ = precision_recall_curve(is_it, predictions[category].to_numpy())
    # More points than the chart has pixels show nothing more.
    shown = np.unique(np.linspace(0, len(recall) - 1, 200).astype(np.int64))
    figure = _figure(f"precision by recall of {category}")
    axes = _axes(figure, xlabel="recall", xlim=(0, 1.02), ylim=(0, 1.02))
    axes.plot(recall[shown], precision[shown], color=TRAINING)
    _per_cent(axes.yaxis, axes.xaxis)
    return figure


@dataclass(frozen=True)
class Point:
    """An accuracy to show.

    Attributes:
        name: What is written beside it.
        value: Its place across, at least 0.
        accuracy: Its place upwards, with its interval.
    """

    name: str
    value: float
    accuracy: Proportion


def accuracy_against(quantity: str, points: Sequence[Point], *, joined: bool = False) -> Figure:
    """Plot accuracies with their intervals against a quantity.

    Args:
        quantity: What the axis across measures; it begins at 0.
        points: One or more.
        joined: Whether a line runs through the points in their order.
    """
    figure = _figure(f"accuracy against {quantity}")
    axes = _axes(figure, xlabel=quantity)
    values = [point.value for point in points]
    shares = [point.accuracy.share or 0.0 for point in points]
    ends = np.array([point.accuracy.interval for point in points])
    reach = np.abs(ends.T - shares)
    axes.errorbar(values, shares, reach, fmt="o-" if joined else "o", color=TRAINING, markersize=4)
    for point, share in zip(points, shares, strict=True):
        place, offset = (point.value, share), (6, -12 if joined else 4)
        axes.annotate(point.name, place, offset, textcoords="offset points", color=_SOFT)
    axes.set_xlim(0, 1.15 * max(values) or 1)
    axes.xaxis.set_major_formatter("{x:,g}")
    _per_cent(axes.yaxis)
    return figure


def confusion_matrix(class_set: Sequence[str], confusion: Sequence[Sequence[int]]) -> Figure:
    """Plot a confusion matrix, each row shaded by its shares.

    Args:
        class_set: Categories, in the order of rows and columns. Above 40 of them their names
            are left out, above 20 the counts.
        confusion: Drawings by true (row) and predicted (column) category.
    """
    counts = np.asarray(confusion)
    classes = len(class_set)
    shares = counts / np.maximum(counts.sum(axis=1, keepdims=True), 1)
    figure = _figure("confusion matrix", side=min(12.0, 2.5 + 0.45 * classes))
    axes = _axes(figure, xlabel="predicted", ylabel="true")
    axes.grid(visible=False)
    axes.imshow(shares, cmap="Blues", vmin=0, vmax=1)
    named = classes <= _NAMED_UP_TO
    axes.set_xticks(range(classes) if named else [], class_set if named else [], rotation=90)
    axes.set_yticks(range(classes) if named else [], class_set if named else [])
    if classes <= _COUNTED_UP_TO:
        for (row, column), count in np.ndenumerate(counts):
            colour = "white" if shares[row, column] > 0.5 else _INK  # noqa: PLR2004 - half dark
            axes.text(column, row, f"{count}", ha="center", va="center", color=colour, fontsize=8)
    return figure


def _figure(label: str, *, columns: int = 1, side: float | None = None) -> Figure:
    """Return an empty figure, of so many charts side by side or square."""
    from matplotlib.figure import Figure  # noqa: PLC0415 (as above)

    if columns == 1 and side is None:
        # Margins that fit every single chart: to measure them takes twice the time.
        figure = Figure(figsize=(_WIDTH, _HEIGHT), label=label)
        figure.subplots_adjust(left=0.12, right=0.94, bottom=0.17, top=0.97)
        return figure
    size = (side, side) if side else (_WIDTH * columns, _HEIGHT)
    return Figure(figsize=size, layout="constrained", label=label)


def _axes(figure: Figure, place: tuple[int, int, int] = (1, 1, 1), **options: Any) -> Axes:
    axes: Axes = figure.add_subplot(*place, **options)
    axes.grid(color=_LINE)
    axes.set_axisbelow(True)
    axes.tick_params(length=0, pad=6, labelcolor=_SOFT)
    axes.xaxis.label.set_color(_SOFT)
    axes.yaxis.label.set_color(_SOFT)
    axes.spines[["top", "right"]].set_visible(False)
    axes.spines[["bottom", "left"]].set_color(_LINE)
    return axes


def _per_cent(*axes: Axis) -> None:
    for axis in axes:
        # As many decimals as tell the ticks apart.
        axis.set_major_formatter(lambda share, _: f"{100 * share:.10g} %")

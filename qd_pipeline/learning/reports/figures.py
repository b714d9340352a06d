"""Figures as PNG, for places that show pictures rather than pages."""

from collections.abc import Mapping, Sequence
from io import BytesIO
from typing import TYPE_CHECKING, Final

import numpy as np

if TYPE_CHECKING:
    from matplotlib.figure import Figure

INK: Final = "#1d2733"
TRAINING: Final = "#2563c9"
VALIDATION: Final = "#d9741a"

_NAMED_UP_TO: Final = 40
_COUNTED_UP_TO: Final = 20


def _figure(width: float, height: float) -> "Figure":
    # Matplotlib takes a second to import, and whoever only names this module should not wait.
    from matplotlib.figure import Figure  # noqa: PLC0415

    return Figure(figsize=(width, height), layout="constrained")


def _png(figure: "Figure") -> bytes:
    held = BytesIO()
    figure.savefig(held, format="png", dpi=120)
    return held.getvalue()


def learning_curves(history: Sequence[Mapping[str, float]]) -> bytes:
    """Plot accuracy and loss by epoch, on the training and the validation side.

    Args:
        history: Metrics of each epoch: `accuracy`, `loss`, and perhaps `val_accuracy` and
            `val_loss`.

    Returns:
        A PNG.
    """
    from matplotlib.ticker import MaxNLocator, PercentFormatter  # noqa: PLC0415 (as above)

    figure = _figure(9, 3.6)
    epochs = range(1, len(history) + 1)
    for place, metric in enumerate(("accuracy", "loss")):
        axes = figure.add_subplot(1, 2, place + 1)
        for name, key, colour in (
            ("training", metric, TRAINING),
            ("validation", f"val_{metric}", VALIDATION),
        ):
            values = [epoch[key] for epoch in history if key in epoch]
            if values:
                axes.plot(epochs, values, color=colour, label=name, marker="o", markersize=3)
        axes.set(xlabel="epoch", title=metric)
        axes.xaxis.set_major_locator(MaxNLocator(integer=True))
        if metric == "accuracy":
            axes.yaxis.set_major_formatter(PercentFormatter(1.0, decimals=0))
        axes.grid(alpha=0.3)
        axes.spines[["top", "right"]].set_visible(False)
        axes.legend(frameon=False)
    return _png(figure)


def confusion_matrix(class_set: Sequence[str], confusion: Sequence[Sequence[int]]) -> bytes:
    """Plot a confusion matrix, each row shaded by its shares.

    Args:
        class_set: Categories, in the order of rows and columns.
        confusion: Drawings by what they are (row) and were taken for (column).

    Returns:
        A PNG. Above 40 categories it leaves their names out, above 20 the counts.
    """
    counts = np.asarray(confusion)
    classes = len(class_set)
    shares = counts / np.maximum(counts.sum(axis=1, keepdims=True), 1)
    inches = min(12.0, 2.5 + 0.45 * classes)
    figure = _figure(inches, inches)
    axes = figure.add_subplot()
    axes.imshow(shares, cmap="Blues", vmin=0, vmax=1)
    axes.set(xlabel="taken for", ylabel="is")
    named = classes <= _NAMED_UP_TO
    axes.set_xticks(range(classes) if named else [], class_set if named else [], rotation=90)
    axes.set_yticks(range(classes) if named else [], class_set if named else [])
    if classes <= _COUNTED_UP_TO:
        for (row, column), count in np.ndenumerate(counts):
            colour = "white" if shares[row, column] > 0.5 else INK  # noqa: PLR2004 - half dark
            axes.text(column, row, f"{count}", ha="center", va="center", color=colour, fontsize=8)
    return _png(figure)

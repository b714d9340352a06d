"""From drawings to categories: what predicts anywhere goes this one way."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import pyarrow as pa

from qd_pipeline.learning.inputs import prepare
from qd_pipeline.quickdraw.raster import rasterize
from qd_pipeline.quickdraw.sketches.sketch import to_column

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from qd_pipeline.learning.classifier import Classifier
    from qd_pipeline.quickdraw.sketches.sketch import Sketch


@dataclass(frozen=True, eq=False)
class Ranking:
    """The prediction for one drawing.

    Attributes:
        categories: The class set, the most probable first.
        probabilities: Of each of them, summing to 1.
        bitmap: What the network saw, `uint8 (side, side)`, ink 255 on ground 0.
    """

    categories: tuple[str, ...]
    probabilities: tuple[float, ...]
    bitmap: NDArray[np.uint8]


@dataclass(frozen=True, eq=False)
class Predictor:
    """A classifier with the preparation that its training's bitmaps had."""

    classifier: Classifier

    def predict(self, drawings: pa.Array | Sequence[Sketch]) -> list[Ranking]:
        """Rank the categories for each drawing.

        Args:
            drawings: Sketches, or list<struct<x: list<uint8>, y: list<uint8>>>, simplified, as
                `qd_pipeline.quickdraw.sketches` reads them. A sketch's probabilities are means
                over its strokes and its tracings; this makes one to two of a hundred pictures
                more right (`make bench-predict`).

        Raises:
            BadDrawing: They cannot be drawn.
        """
        column, first = (drawings, None) if isinstance(drawings, pa.Array) else _joined(drawings)
        inputs = prepare(column, self.classifier.spec)
        probabilities = self.classifier.predict(inputs)
        bitmaps = inputs.bitmaps
        if bitmaps is None:
            bitmaps = rasterize(column, self.classifier.side)
        if first is not None:
            counts = np.diff(first, append=len(column))
            sums = np.add.reduceat(probabilities, first)
            probabilities = (sums / counts[:, np.newaxis]).astype(np.float32)
            bitmaps = bitmaps[first]
        orders = np.argsort(-probabilities, axis=1, kind="stable")
        return [
            Ranking(
                tuple(self.classifier.class_set[place] for place in order),
                tuple(chances[order].tolist()),
                bitmap,
            )
            for order, chances, bitmap in zip(orders, probabilities, bitmaps, strict=True)
        ]


def _joined(sketches: Sequence[Sketch]) -> tuple[pa.Array, NDArray[np.int64]]:
    """Return the strokes and tracings of sketches as a column, and where each sketch begins."""
    readings = [(sketch.strokes, *sketch.tracings) for sketch in sketches]
    counts = np.array([len(each) for each in readings], np.int64)
    column = to_column([strokes for each in readings for strokes in each])
    return column, np.cumsum(counts) - counts

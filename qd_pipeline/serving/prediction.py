"""From drawings to categories: what predicts anywhere goes this one way."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np
import pyarrow as pa

from qd_pipeline.learning.inputs import prepare
from qd_pipeline.quickdraw.raster import rasterize
from qd_pipeline.quickdraw.sketches.ink_bitmap import rasterize_ink
from qd_pipeline.quickdraw.sketches.simplify import simplify_points
from qd_pipeline.quickdraw.sketches.skeleton import strokes_of_ink
from qd_pipeline.quickdraw.sketches.sketch import to_column
from qd_pipeline.quickdraw.sketches.turned import turned

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from qd_pipeline.learning.classifier import Classifier
    from qd_pipeline.quickdraw.sketches.ground import Mask
    from qd_pipeline.quickdraw.sketches.simplify import Stroke
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
                `qd_pipeline.quickdraw.sketches` reads them. Of a picture, the bitmap is that of
                its ink, and the probabilities are means over the ink as it is and turned.

        Raises:
            BadDrawing: They cannot be drawn.
        """
        given = isinstance(drawings, pa.Array)
        sketches = () if given else drawings
        column = drawings if given else to_column([sketch.strokes for sketch in sketches])
        inputs = prepare(column, self.classifier.spec)
        probabilities = self.classifier.predict(inputs)
        bitmaps = inputs.bitmaps
        if bitmaps is None:
            bitmaps = rasterize(column, self.classifier.side)
        for place, sketch in enumerate(sketches):
            if sketch.ink is not None:
                probabilities[place], bitmaps[place] = self._of_picture(sketch.strokes, sketch.ink)
        orders = np.argsort(-probabilities, axis=1, kind="stable")
        return [
            Ranking(
                tuple(self.classifier.class_set[place] for place in order),
                tuple(chances[order].tolist()),
                bitmap,
            )
            for order, chances, bitmap in zip(orders, probabilities, bitmaps, strict=True)
        ]

    def _of_picture(
        self, strokes: list[Stroke], ink: Mask
    ) -> tuple[NDArray[np.float32], NDArray[np.uint8]]:
        """Return the mean probabilities of a picture, and its bitmap."""
        inks = turned(ink)
        bitmaps = np.stack([rasterize_ink(each, self.classifier.side) for each in inks])
        traced = [strokes, *(simplify_points(strokes_of_ink(each)) for each in inks[1:])]
        inputs = prepare(to_column(traced), self.classifier.spec)
        if inputs.bitmaps is not None:
            inputs = replace(inputs, bitmaps=bitmaps)
        return self.classifier.predict(inputs).mean(axis=0), bitmaps[0]

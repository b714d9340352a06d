"""From drawings to categories: what predicts anywhere goes this one way."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

import numpy as np
import pyarrow as pa

from qd_pipeline.learning.inputs import prepare
from qd_pipeline.learning.training.augmentation import augment
from qd_pipeline.quickdraw.raster import rasterize
from qd_pipeline.quickdraw.sketches.sketch import to_column

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from qd_pipeline.learning.classifier import Classifier
    from qd_pipeline.quickdraw.sketches.sketch import Sketch

VARIANTS: Final = 5
"""Random maps of each reading of a picture over which its probabilities are averaged."""


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
                `qd_pipeline.quickdraw.sketches` reads them. A picture's probabilities are means
                over its strokes and its tracings, as they are and under `VARIANTS` maps of the
                training's augmentation; this makes one to two of a hundred pictures more right
                (`make bench-predict`).

        Raises:
            BadDrawing: They cannot be drawn.
        """
        given = isinstance(drawings, pa.Array)
        sketches = () if given else drawings
        column = drawings if given else to_column([sketch.strokes for sketch in sketches])
        inputs = prepare(column, self.classifier.spec)
        probabilities = self.classifier.predict(inputs)
        for place, sketch in enumerate(sketches):
            if sketch.tracings:
                probabilities[place] = self._of_picture(sketch)
        bitmaps = inputs.bitmaps
        if bitmaps is None:
            bitmaps = rasterize(column, self.classifier.side)
        orders = np.argsort(-probabilities, axis=1, kind="stable")
        return [
            Ranking(
                tuple(self.classifier.class_set[place] for place in order),
                tuple(chances[order].tolist()),
                bitmap,
            )
            for order, chances, bitmap in zip(orders, probabilities, bitmaps, strict=True)
        ]

    def _of_picture(self, sketch: Sketch) -> NDArray[np.float32]:
        """Average the probabilities over the readings of a picture, as they are and varied."""
        config, spec = self.classifier.training.config, self.classifier.spec
        readings = to_column([sketch.strokes, *sketch.tracings])
        probabilities = [self.classifier.predict(prepare(readings, spec))]
        if config.augmentation or config.warp:
            repeated = pa.concat_arrays([readings] * VARIANTS)
            varied = augment(repeated, spec, config, np.random.default_rng(0))
            probabilities.append(self.classifier.predict(varied))
        mean: NDArray[np.float32] = np.concatenate(probabilities).mean(axis=0)
        return mean

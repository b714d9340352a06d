"""A drawing read from a person's own file."""

from collections.abc import Sequence
from dataclasses import dataclass

import pyarrow as pa

from qd_pipeline.quickdraw.raster import DRAWING
from qd_pipeline.quickdraw.sketches.ground import Mask
from qd_pipeline.quickdraw.sketches.simplify import Stroke


@dataclass(frozen=True, eq=False)
class Sketch:
    """A drawing in the dataset's geometry, and what a person should know of how it was read.

    Attributes:
        strokes: Simplified as the dataset's are.
        warnings: Clauses such as "a frame around the drawing was left out": what was guessed,
            or left out. Where there are any, the bitmap should be shown.
        number: Its place in its file, from 1: the line of an NDJSON file.
        ink: Of a picture, `bool (height, width)`: it shows more than the strokes traced from it.
    """

    strokes: list[Stroke]
    warnings: tuple[str, ...] = ()
    number: int = 1
    ink: Mask | None = None


def to_column(drawings: Sequence[Sequence[Stroke]]) -> pa.Array:
    """Convert drawings to an Arrow array, as the rasterizer takes them.

    >>> import numpy as np
    >>> drawing = [(np.array([0, 9], np.uint8), np.array([3, 4], np.uint8))]
    >>> to_column([drawing]).to_pylist()
    [[{'x': [0, 9], 'y': [3, 4]}]]
    """
    return pa.array([[{"x": x, "y": y} for x, y in strokes] for strokes in drawings], type=DRAWING)

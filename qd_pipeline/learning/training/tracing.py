"""Tracing: drawings as they are read from pictures, for networks to learn these too.

A picture does not tell in which order it was drawn. Its strokes are traced along the skeleton of
the ink (`qd_pipeline.quickdraw.sketches.skeleton`), in an order of their own, and they begin,
break and join elsewhere than a person's. A network of sequences that knows only a person's
strokes misjudges them. Bitmaps are of the drawings as they were, for they differ little.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

import numpy as np
import pyarrow as pa

from qd_pipeline.quickdraw.flat import DRAWING
from qd_pipeline.quickdraw.sketches.simplify import simplify
from qd_pipeline.quickdraw.sketches.skeleton import strokes_of_ink
from qd_pipeline.quickdraw.sketches.sketch import to_column

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from qd_pipeline.learning.data import LabelledDrawings
    from qd_pipeline.learning.training.config import TrainingConfig
    from qd_pipeline.quickdraw.sketches.ground import Mask

MOST: Final = 6_000
"""Drawings that a training traces at most, each once; one takes about a millisecond."""

_SCALE: Final = 0.4
_SIDE: Final = 116
_MARGIN: Final = 7
_WIDTHS: Final = (3, 7)
_CHANCE: Final = 0.8


def trace(drawings: pa.Array, random: np.random.Generator) -> pa.Array:
    """Paint drawings, 102 pixels wide, with lines of 3 to 7 pixels, and trace their strokes.

    Args:
        drawings: Column of strokes, as `rasterize` takes it, of length n.
        random: Decides the widths.

    Returns:
        A column of length n, simplified.

    >>> cross = [{"x": [0, 255], "y": [128, 128]}, {"x": [128, 128], "y": [0, 255]}]
    >>> len(trace(pa.array([cross], DRAWING), np.random.default_rng(0))[0])
    3
    """
    widths = random.integers(*_WIDTHS, len(drawings), endpoint=True).tolist()
    pictures = map(_paint, drawings.to_pylist(), widths)
    return to_column([simplify([line.T for line in strokes_of_ink(ink)]) for ink in pictures])


def _paint(drawing: list[dict[str, Any]], width: int) -> Mask:
    from PIL import Image, ImageDraw  # noqa: PLC0415 (loading the definitions should not wait)

    picture = Image.new("L", (_SIDE, _SIDE))
    pen = ImageDraw.Draw(picture)
    for stroke in drawing:
        points = np.column_stack([stroke["x"], stroke["y"]]) * _SCALE + _MARGIN
        line = [tuple(point) for point in points.tolist()]
        pen.line(line, 255, width, joint="curve")
        if len(line) == 1:  # of which a line paints nothing
            pen.circle(line[0], width / 2, 255)
    return np.asarray(picture) > 0


class Tracing:
    """Replaces some drawings of a training by their tracings, which are kept for later epochs.

    Args:
        count: Drawings of the training.
        config: Its `traced` is the share of drawings to replace in an epoch. A quarter more are
            traced, `MOST` at most; each of these is replaced in four of five epochs, at random.
    """

    def __init__(self, count: int, config: TrainingConfig) -> None:
        random = np.random.default_rng(config.seed)
        chosen = min(round(config.traced / _CHANCE * count), MOST)
        self._chosen = random.permutation(count) < chosen
        self._random = random
        self._place = np.full(count, -1)
        self._traced = pa.array([], DRAWING)

    def mix(
        self, drawings: pa.Array, which: NDArray[np.integer], random: np.random.Generator
    ) -> pa.Array:
        """Replace some drawings.

        Args:
            drawings: Column of strokes, of length n.
            which: (n,), their indices in the training.
            random: Source of random numbers.
        """
        new = self._is_new(which)
        if new.any():
            self._place[which[new]] = len(self._traced) + np.arange(new.sum())
            traced = trace(drawings.filter(pa.array(new)), self._random)
            self._traced = pa.concat_arrays([self._traced, traced])
        replaced = self._chosen[which] & (random.random(len(which)) < _CHANCE)
        place = np.where(replaced, len(drawings) + self._place[which], np.arange(len(which)))
        return pa.concat_arrays([drawings, self._traced]).take(pa.array(place))

    def catch_up(self, drawings: LabelledDrawings, which: NDArray[np.integer]) -> None:
        """Trace what an epoch before a checkpoint had traced of some drawings.

        Args:
            drawings: Those of the training.
            which: Indices of those that were mixed at once, in their order.
        """
        new = which[self._is_new(which)]
        if len(new):
            self.mix(drawings.drawings(new), new, np.random.default_rng())

    def _is_new(self, which: NDArray[np.integer]) -> NDArray[np.bool_]:
        new: NDArray[np.bool_] = self._chosen[which] & (self._place[which] < 0)
        return new

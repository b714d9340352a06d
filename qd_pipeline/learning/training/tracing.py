"""Tracing: drawings as they are read from pictures, for networks to learn these too.

A picture does not tell in which order it was drawn. Its strokes are traced along the skeleton of
the ink (`qd_pipeline.quickdraw.sketches.skeleton`), in an order of their own, and they begin,
break and join elsewhere than a person's. A network of sequences that knows only a person's
strokes misjudges them. Bitmaps are of the drawings as they were, for they differ little.
"""

from __future__ import annotations

from math import ceil, floor
from typing import TYPE_CHECKING, Final

import numpy as np
import pyarrow as pa

from qd_pipeline.quickdraw.flat import DRAWING, flatten
from qd_pipeline.quickdraw.kernels import kernel
from qd_pipeline.quickdraw.sketches.simplify import simplify_points
from qd_pipeline.quickdraw.sketches.skeleton import strokes_of_ink
from qd_pipeline.quickdraw.sketches.sketch import to_column

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from qd_pipeline.learning.data import LabelledDrawings
    from qd_pipeline.learning.training.config import TrainingConfig
    from qd_pipeline.quickdraw.sketches.ground import Mask

MOST: Final = 10_000
"""Drawings that a training traces at most, each once; one takes about half a millisecond."""

_SCALE: Final = 0.4
_SIDE: Final = 116
_MARGIN: Final = 7
_WIDTHS: Final = (3, 7)
_TIMES: Final = 4
_MOST_OFTEN: Final = 0.8


def trace(drawings: pa.Array, random: np.random.Generator) -> pa.Array:
    """Paint drawings, 102 pixels wide, with lines of 3 to 7 pixels, and trace their strokes.

    Args:
        drawings: Column of strokes, as `rasterize` takes it, of length n.
        random: Decides the widths.

    Returns:
        A column of length n, simplified.

    >>> cross = [{"x": [0, 255], "y": [128, 128]}, {"x": [128, 128], "y": [0, 255]}]
    >>> len(trace(pa.array([cross], DRAWING), np.random.default_rng(0))[0])
    2
    """
    widths = random.uniform(*_WIDTHS, len(drawings))
    flat = flatten(drawings)
    strokes_of = zip(flat.drawings[:-1], flat.drawings[1:], strict=True)
    pictures = (
        _paint(flat.xs, flat.ys, flat.xs_of[first : last + 1], flat.ys_of[first : last + 1], width)
        for (first, last), width in zip(strokes_of, widths, strict=True)
    )
    return to_column([simplify_points(strokes_of_ink(ink)) for ink in pictures])


@kernel
def _paint(
    xs: NDArray[np.uint8],
    ys: NDArray[np.uint8],
    xs_of: NDArray[np.int32],
    ys_of: NDArray[np.int32],
    width: float,
) -> Mask:
    """Paint strokes with a round pen: pixels whose middle is half a width away at most."""
    ink = np.zeros((_SIDE, _SIDE), np.bool_)
    half = width / 2
    for stroke in range(len(xs_of) - 1):
        for i in range(xs_of[stroke + 1] - xs_of[stroke]):
            at_x, at_y = xs_of[stroke] + i, ys_of[stroke] + i
            back = min(i, 1)  # the first point is a dot
            x, y = xs[at_x - back] * _SCALE + _MARGIN, ys[at_y - back] * _SCALE + _MARGIN
            to_x, to_y = xs[at_x] * _SCALE + _MARGIN, ys[at_y] * _SCALE + _MARGIN
            dx, dy = to_x - x, to_y - y
            squared = max(dx * dx + dy * dy, 1e-9)
            for row in range(ceil(min(y, to_y) - half), floor(max(y, to_y) + half) + 1):
                for column in range(ceil(min(x, to_x) - half), floor(max(x, to_x) + half) + 1):
                    along = ((column - x) * dx + (row - y) * dy) / squared
                    along = min(max(along, 0.0), 1.0)
                    away = (x + along * dx - column) ** 2 + (y + along * dy - row) ** 2
                    if away <= half * half:
                        ink[row, column] = True
    return ink


class Tracing:
    """Replaces some drawings of a training by their tracings, which are kept for later epochs.

    Args:
        count: Drawings of the training.
        config: Its `traced` is the share of drawings to replace in an epoch, at random, of four
            times as many that are traced; where these are `MOST`, in four of five epochs at most.
    """

    def __init__(self, count: int, config: TrainingConfig) -> None:
        random = np.random.default_rng(config.seed)
        chosen = min(round(_TIMES * config.traced * count), count, MOST)
        self._chosen = random.permutation(count) < chosen
        self._chance = min(config.traced * count / max(chosen, 1), _MOST_OFTEN)
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
        replaced = self._chosen[which] & (random.random(len(which)) < self._chance)
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

"""Redrawing: other drawings from the same strokes, a fresh one for each epoch.

A hand draws the same thing a little turned, larger, slanted, aside, or facing the other way.
The strokes are mapped before they are drawn, so the lines stay as thin and as sharp as a
drawing's are, which no distortion of a bitmap can give.
"""

from typing import Final

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from qd_pipeline.quickdraw.raster import rasterize

_TURN: Final = 0.17
_SCALE: Final = 0.12
_ASPECT: Final = 0.10
_SHEAR: Final = 0.12
_SHIFT: Final = 8.0

_MIDDLE: Final = 128.0


def affine_maps(count: int, strength: float, random: np.random.Generator) -> NDArray[np.float64]:
    """Draw maps by chance: turn, scale, aspect, shear and shift, each normally distributed.

    At strength 1 their standard deviations are 10 degrees, 12 % of size, 10 % of height
    against width, a shear of 0.12 and 8 of the box's 256 units. Every other drawing, by
    chance, is mirrored left to right. The bitmap's middle is what turns and scales keep.

    Args:
        count: Number of maps, n.
        strength: Factor of all standard deviations, from 0.
        random: What chance is drawn from.

    Returns:
        `float64 (n, 2, 3)`, as `rasterize` takes them.

    >>> affine_maps(1, 0.0, np.random.default_rng(1)).tolist()
    [[[1.0, -0.0, 0.0], [0.0, 1.0, 0.0]]]
    """
    turn, scale, aspect, shear = (
        random.normal(size=(4, count))
        * np.array([[_TURN], [_SCALE], [_ASPECT], [_SHEAR]])
        * strength
    )
    shift = random.normal(size=(count, 2)) * _SHIFT * strength
    mirror = np.where(random.random(count) < 1 / 2, -1.0, 1.0)
    wide, high = np.exp(scale), np.exp(scale + aspect)
    cos, sin = np.cos(turn), np.sin(turn)
    maps = np.empty((count, 2, 3))
    maps[:, 0, 0] = mirror * wide * cos
    maps[:, 1, 0] = mirror * wide * sin
    maps[:, 0, 1] = high * (shear * cos - sin)
    maps[:, 1, 1] = high * (shear * sin + cos)
    maps[:, :, 2] = _MIDDLE + shift - maps[:, :, :2].sum(axis=2) * _MIDDLE
    return maps


def redraw(
    drawings: pa.Array, side: int, strength: float, random: np.random.Generator
) -> NDArray[np.uint8]:
    """Draw drawings under maps by chance, on one core.

    Args:
        drawings: Column of strokes, as `rasterize` takes it, of length n.
        side: Height and width of the bitmaps, in pixels.
        strength: As of `affine_maps`.
        random: What chance is drawn from; its state decides the bitmaps.

    Returns:
        `uint8 (n, side, side)`, ink 255 on ground 0.
    """
    maps = affine_maps(len(drawings), strength, random)
    return rasterize(drawings, side, affine=maps, threads=1)

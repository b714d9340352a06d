"""Augmentation: random affine maps of the strokes, new ones in each epoch.

The strokes are mapped before they are rasterized, so the lines stay as thin and as sharp as
those of a drawing; distorting bitmaps would blur them.
"""

from typing import Final

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from qd_pipeline.quickdraw.raster import rasterize

_ROTATION: Final = 0.17
_SCALE: Final = 0.12
_ASPECT: Final = 0.10
_SHEAR: Final = 0.12
_SHIFT: Final = 8.0

_MIDDLE: Final = 128.0


def affine_maps(count: int, strength: float, random: np.random.Generator) -> NDArray[np.float64]:
    """Draw random affine maps: rotation, scale, aspect, shear and shift, normally distributed.

    At strength 1 their standard deviations are 10 degrees, 12 % of size, 10 % of height
    against width, a shear of 0.12 and 8 of the box's 256 units. Half of the maps, at random,
    flip left and right. The fixed point of rotation and scale is the bitmap's middle.

    Args:
        count: Number of maps, n.
        strength: Factor of all standard deviations, from 0.
        random: Source of random numbers.

    Returns:
        `float64 (n, 2, 3)`, as `rasterize` takes them.

    >>> affine_maps(1, 0.0, np.random.default_rng(1)).tolist()
    [[[1.0, -0.0, 0.0], [0.0, 1.0, 0.0]]]
    """
    rotation, scale, aspect, shear = (
        random.normal(size=(4, count))
        * np.array([[_ROTATION], [_SCALE], [_ASPECT], [_SHEAR]])
        * strength
    )
    shift = random.normal(size=(count, 2)) * _SHIFT * strength
    flip = np.where(random.random(count) < 1 / 2, -1.0, 1.0)
    wide, high = np.exp(scale), np.exp(scale + aspect)
    cos, sin = np.cos(rotation), np.sin(rotation)
    maps = np.empty((count, 2, 3))
    maps[:, 0, 0] = flip * wide * cos
    maps[:, 1, 0] = flip * wide * sin
    maps[:, 0, 1] = high * (shear * cos - sin)
    maps[:, 1, 1] = high * (shear * sin + cos)
    maps[:, :, 2] = _MIDDLE + shift - maps[:, :, :2].sum(axis=2) * _MIDDLE
    return maps


def augment(
    drawings: pa.Array, side: int, strength: float, random: np.random.Generator
) -> NDArray[np.uint8]:
    """Rasterize drawings under random affine maps, on one core.

    Args:
        drawings: Column of strokes, as `rasterize` takes it, of length n.
        side: Height and width of the bitmaps, in pixels.
        strength: As of `affine_maps`.
        random: Source of random numbers.

    Returns:
        `uint8 (n, side, side)`, ink 255 on ground 0.
    """
    maps = affine_maps(len(drawings), strength, random)
    return rasterize(drawings, side, affine=maps, threads=1)

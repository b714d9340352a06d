"""Augmentation: random maps of the strokes, new ones in each epoch.

The strokes are mapped before they are rasterized, so the lines stay as thin and as sharp as
those of a drawing; distorting bitmaps would blur them.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import numpy as np

from qd_pipeline.learning.inputs import Inputs, prepare

if TYPE_CHECKING:
    import pyarrow as pa
    from numpy.typing import NDArray

    from qd_pipeline.learning.networks import InputSpec
    from qd_pipeline.learning.training.config import TrainingConfig

_ROTATION: Final = 0.17
_SCALE: Final = 0.12
_ASPECT: Final = 0.10
_SHEAR: Final = 0.12
_SHIFT: Final = 8.0

_WAVELENGTHS: Final = np.array([256.0, 128.0])
_AMPLITUDES: Final = np.array([3.0, 1.5])

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


def warps(count: int, strength: float, random: np.random.Generator) -> NDArray[np.float64]:
    """Draw random smooth warps: two sine waves each, of random direction and phase.

    The first has a wavelength of 256 units, the width of the box, the second of 128. They
    displace points in random directions, by amplitudes with standard deviations of 3 and 1.5
    units at strength 1.

    Args:
        count: Number of warps, n.
        strength: Factor of the amplitudes, from 0.
        random: Source of random numbers.

    Returns:
        `float64 (n, 2, 5)`, as `rasterize` takes them.
    """
    direction, phase, displacement = random.random((3, count, 2)) * 2 * np.pi
    amplitude = random.normal(size=(count, 2)) * _AMPLITUDES * strength
    wave_number = 2 * np.pi / _WAVELENGTHS
    columns = [
        wave_number * np.cos(direction),
        wave_number * np.sin(direction),
        phase,
        amplitude * np.cos(displacement),
        amplitude * np.sin(displacement),
    ]
    return np.stack(columns, axis=-1)


def augment(
    drawings: pa.Array,
    spec: InputSpec,
    config: TrainingConfig,
    random: np.random.Generator,
    *,
    traced: pa.Array | None = None,
) -> Inputs:
    """Prepare drawings under random maps, on one core.

    Args:
        drawings: Column of strokes, as `rasterize` takes it, of length n.
        spec: What the network takes in; bitmaps and sequences have the same maps.
        config: Its `augmentation` is the strength of affine maps, `warp` that of warps.
        random: Source of random numbers; its state decides the result.
        traced: As `prepare` takes it.
    """
    count = len(drawings)
    affine = affine_maps(count, config.augmentation, random) if config.augmentation else None
    warp = warps(count, config.warp, random) if config.warp else None
    return prepare(drawings, spec, traced=traced, affine=affine, warp=warp, threads=1)

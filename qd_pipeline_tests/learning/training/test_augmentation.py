import numpy as np
import pyarrow as pa
import pytest

from qd_pipeline.learning.training.augmentation import affine_maps, augment
from qd_pipeline.quickdraw.raster import DRAWING, rasterize

HOOK = [{"x": [40, 40, 215], "y": [0, 255, 255]}]
DRAWINGS = pa.array([HOOK] * 400, DRAWING)


def random(seed: int = 0) -> np.random.Generator:
    return np.random.default_rng(seed)


def test_the_same_seed_gives_the_same_bitmaps() -> None:
    first, again, other = (augment(DRAWINGS, 28, 1.0, random(seed)) for seed in (1, 1, 2))
    assert (first == again).all()
    assert (first != other).any()


def test_at_strength_0_drawings_are_only_flipped() -> None:
    plain = rasterize(DRAWINGS[:1])[0].astype(int)
    flipped = plain[:, ::-1]
    kinds = {True: 0, False: 0}
    for bitmap in augment(DRAWINGS, 28, 0.0, random()).astype(int):
        is_itself = abs(bitmap - plain).max() < 8
        assert is_itself or abs(bitmap - flipped).max() < 8
        kinds[bool(is_itself)] += 1
    assert min(kinds.values()) > 150


@pytest.mark.parametrize("strength", [0.5, 1.0])
def test_strength_scales_the_spread_of_the_maps(strength: float) -> None:
    maps = affine_maps(20_000, strength, random())
    middles = maps @ np.array([128, 128, 1])
    assert middles.mean(axis=0) == pytest.approx([128, 128], abs=0.3)
    assert middles.std(axis=0) == pytest.approx([8 * strength, 8 * strength], rel=0.05)
    areas = np.log(abs(np.linalg.det(maps[:, :, :2])))
    assert areas.mean() == pytest.approx(0, abs=0.01)
    spread = strength * np.hypot(2 * 0.12, 0.10)
    assert areas.std() == pytest.approx(spread, rel=0.05)
    turns = np.arctan2(maps[:, 1, 0], abs(maps[:, 0, 0])) * np.sign(maps[:, 0, 0])
    assert turns.std() == pytest.approx(0.17 * strength, rel=0.05)


def test_bitmaps_have_the_requested_side() -> None:
    bitmaps = augment(DRAWINGS, 56, 1.0, random())
    assert bitmaps.shape == (400, 56, 56)
    assert bitmaps.dtype == np.uint8
    assert bitmaps.any(axis=(1, 2)).all()

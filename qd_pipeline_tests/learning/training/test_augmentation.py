import numpy as np
import pyarrow as pa
import pytest

from qd_pipeline.learning.networks import InputSpec
from qd_pipeline.learning.training.augmentation import affine_maps, augment, warps
from qd_pipeline.learning.training.config import TrainingConfig
from qd_pipeline.quickdraw.raster import DRAWING, rasterize
from qd_pipeline.quickdraw.sequences import sequences
from qd_pipeline_tests.learning.shapes import same

HOOK = [{"x": [40, 40, 215], "y": [0, 255, 255]}]
DRAWINGS = pa.array([HOOK] * 400, DRAWING)


def random(seed: int = 0) -> np.random.Generator:
    return np.random.default_rng(seed)


BOTH = InputSpec(side=28, length=96)


@pytest.mark.parametrize("strengths", [{"augmentation": 1.0}, {"warp": 1.0}])
def test_the_same_seed_gives_the_same_bitmaps_and_sequences(strengths: dict[str, float]) -> None:
    config = TrainingConfig(**strengths)  # type: ignore[arg-type]
    first, again, other = (augment(DRAWINGS, BOTH, config, random(seed)) for seed in (1, 1, 2))
    assert same(first.bitmaps, again.bitmaps)
    assert same(first.sequences, again.sequences)
    assert not same(first.bitmaps, other.bitmaps)
    assert not same(first.sequences, other.sequences)


def test_bitmaps_and_sequences_have_the_same_maps() -> None:
    config = TrainingConfig(augmentation=1.0, warp=1.0)
    augmented = augment(DRAWINGS, BOTH, config, random(3))
    chance = random(3)
    affine, warp = affine_maps(len(DRAWINGS), 1.0, chance), warps(len(DRAWINGS), 1.0, chance)
    assert same(augmented.bitmaps, rasterize(DRAWINGS, affine=affine, warp=warp))
    assert same(augmented.sequences, sequences(DRAWINGS, affine=affine, warp=warp))


@pytest.mark.parametrize("strength", [0.5, 2.0])
def test_strength_scales_the_amplitudes_of_warps(strength: float) -> None:
    found = warps(20_000, strength, random())
    amplitudes = np.hypot(found[:, :, 3], found[:, :, 4])
    spread = np.sqrt((amplitudes**2).mean(axis=0))
    assert spread == pytest.approx([3 * strength, 1.5 * strength], rel=0.05)
    lengths = 2 * np.pi / np.hypot(found[:, :, 0], found[:, :, 1])
    assert lengths == pytest.approx(np.broadcast_to([256, 128], lengths.shape))
    assert found.mean(axis=0) == pytest.approx(
        np.array([[0, 0, np.pi, 0, 0]] * 2), abs=0.1 * max(1, strength)
    )


def test_at_strength_0_drawings_are_only_flipped() -> None:
    plain = rasterize(DRAWINGS[:1])[0].astype(int)
    flipped = plain[:, ::-1]
    kinds = {True: 0, False: 0}
    bitmaps = rasterize(DRAWINGS, affine=affine_maps(len(DRAWINGS), 0.0, random()))
    for bitmap in bitmaps.astype(int):
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
    config = TrainingConfig(augmentation=1.0)
    bitmaps = augment(DRAWINGS, InputSpec(side=56), config, random()).bitmaps
    assert bitmaps is not None
    assert bitmaps.shape == (400, 56, 56)
    assert bitmaps.dtype == np.uint8
    assert bitmaps.any(axis=(1, 2)).all()

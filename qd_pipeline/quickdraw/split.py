"""The split into training, validation and test drawings, decided by `key_id` alone.

A drawing stays in its split in every class set and however much data is added, since nothing
but its own key decides. The shares are the notebook's 67/33; the validation split comes out of
the 67.
"""

from typing import Final

import numpy as np
from numpy.typing import NDArray

TRAIN: Final = 0
VALIDATION: Final = 1
TEST: Final = 2

TEST_SHARE: Final = 0.33
VALIDATION_SHARE: Final = 0.07

_SPLIT_SALT: Final = np.uint64(0x5144_5350_4C49_5431)
_FOLD_SALT: Final = np.uint64(0x5144_464F_4C44_5331)


def _uniform(key_ids: NDArray[np.uint64], salt: np.uint64) -> NDArray[np.float64]:
    """Map each key to [0, 1) with the finaliser of SplitMix64 (Steele et al., 2014)."""
    z = np.asarray(key_ids, dtype=np.uint64) + salt
    z = (z ^ (z >> np.uint64(30))) * np.uint64(0xBF58_476D_1CE4_E5B9)
    z = (z ^ (z >> np.uint64(27))) * np.uint64(0x94D0_49BB_1331_11EB)
    z ^= z >> np.uint64(31)
    return (z >> np.uint64(11)).astype(np.float64) * 2.0**-53


def split_of(key_ids: NDArray[np.uint64]) -> NDArray[np.uint8]:
    """Return the split of each drawing.

    Args:
        key_ids: `uint64 (n,)`.

    Returns:
        `uint8 (n,)` of `TRAIN` (60 %), `VALIDATION` (7 %) and `TEST` (33 %).

    >>> split_of(np.array([5347693347995648, 6704679843004416, 4931015187365888], np.uint64)).dtype
    dtype('uint8')
    """
    place = _uniform(key_ids, _SPLIT_SALT)
    # Ordered test | validation | training, so that changing the validation share
    # never moves a drawing in or out of the test split.
    return np.where(
        place < TEST_SHARE,
        np.uint8(TEST),
        np.where(place < TEST_SHARE + VALIDATION_SHARE, np.uint8(VALIDATION), np.uint8(TRAIN)),
    )


def folds(key_ids: NDArray[np.uint64], count: int) -> NDArray[np.uint8]:
    """Return the cross-validation fold of each drawing, independent of its split.

    Args:
        key_ids: `uint64 (n,)`.
        count: Number of folds, 2–255.

    Returns:
        `uint8 (n,)` in [0, count).
    """
    return (_uniform(key_ids, _FOLD_SALT) * count).astype(np.uint8)

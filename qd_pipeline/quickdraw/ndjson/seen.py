"""The set of key_ids that a file has had so far, for finding duplicates."""

import secrets

import numpy as np
from numpy.typing import NDArray

from qd_pipeline.quickdraw.kernels import kernel

_FIRST_SLOTS = 1 << 12


@kernel
def _slot(key: np.uint64, seed: np.uint64, slots: int) -> np.int64:
    """Scatter a key over slots, a power of two of them (splitmix64's finalizer)."""
    mixed = key ^ seed
    mixed = (mixed ^ (mixed >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    mixed = (mixed ^ (mixed >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    mixed ^= mixed >> np.uint64(31)
    return np.int64(mixed & np.uint64(slots - 1))


@kernel
def _add(
    table: NDArray[np.uint64],
    taken: NDArray[np.bool_],
    seed: np.uint64,
    keys: NDArray[np.uint64],
    new: NDArray[np.bool_],
) -> int:
    """Insert keys into an open-addressed table with enough slots; mark and count the new ones."""
    count = 0
    for place in range(len(keys)):
        slot = _slot(keys[place], seed, len(table))
        while taken[slot] and table[slot] != keys[place]:
            slot = (slot + 1) & (len(table) - 1)
        new[place] = not taken[slot]
        if new[place]:
            taken[slot] = True
            table[slot] = keys[place]
            count += 1
    return count


class KeyIds:
    """A set of key_ids, 18 to 36 bytes each.

    >>> seen = KeyIds()
    >>> seen.add(np.array([3, 5, 3], np.uint64)).tolist()
    [True, True, False]
    >>> seen.add(np.array([5, 7], np.uint64)).tolist()
    [False, True]
    """

    def __init__(self) -> None:
        self._table = np.zeros(_FIRST_SLOTS, np.uint64)
        self._taken = np.zeros(_FIRST_SLOTS, np.bool_)
        self._count = 0
        # Random, so that no file can be written whose keys all collide; results do not depend on
        # it.
        self._seed = np.uint64(secrets.randbits(64))

    def add(self, keys: NDArray[np.uint64]) -> NDArray[np.bool_]:
        """Add keys, and return True for each that is new."""
        slots = len(self._table)
        while slots < 2 * (self._count + len(keys)):
            slots *= 2
        if slots > len(self._table):
            old = self._table[self._taken]
            self._table = np.zeros(slots, np.uint64)
            self._taken = np.zeros(slots, np.bool_)
            _add(self._table, self._taken, self._seed, old, np.empty(len(old), np.bool_))
        new = np.empty(len(keys), np.bool_)
        self._count += _add(self._table, self._taken, self._seed, keys, new)
        return new

"""Buffers for the quick scan, in which the 15 sub-rows of a pixel row go side by side.

The crossing of an edge and a sub-row is one number, the key 4 * place + sign + 1, so that sorting
the keys sorts the places and keeps their signs. On bitmaps of the dataset's size keys are 16-bit
numbers, of which a vector register holds twice as many as of 32-bit ones.

The keys of a pixel row lie in slots of 16 lanes, a lane for each sub-row. An edge goes into the
row's last slot if its lanes are free there, as they are while the outline keeps its direction,
else into a new slot.
"""

from typing import Any, Final, NamedTuple

import numpy as np
from numpy.typing import NDArray

from qd_pipeline.quickdraw.cairo.edges import SUBROWS
from qd_pipeline.quickdraw.cairo.sort import pairs_buffers
from qd_pipeline.quickdraw.cairo.vectors import WIDTH

DEPTH: Final = 256
"""Most slots of a pixel row, an even number; a row that needs more goes to `active_list`."""

STRIDE: Final = (DEPTH + 8) * WIDTH
"""Numbers from one row's slots to the next row's: padded, since rows 4096 bytes apart would map to
the same cache sets."""

SHORT: Final = 31
"""Widest bitmap, in pixels, whose keys fit into 16 bits."""

LANES: Final = (1 << SUBROWS) - 1
"""All lanes of a slot, one bit each."""

FULL: Final = (1 << WIDTH) - 1
"""State of an empty pixel row: no slots, and all lanes of the last one count as taken."""

USED: Final = 16
"""Shift of the number of slots in a pixel row's state; below it are the lanes taken."""

COUNT: Final = (1 << 32) - 1
"""Mask of the number of slots, after that shift."""

BROKEN: Final = 1 << 48
"""Bit of a pixel row's state: an edge begins or ends within it."""


class Lanes(NamedTuple):
    """Buffers for the crossings of one stroke.

    `number` is int16, or int32 for bitmaps wider than `SHORT`.

    Attributes:
        nothing: number, key of a lane without a crossing: right of everything, sign 0.
        slots: number (side * STRIDE,), keys.
        rows: int64 (side,), state of each pixel row: the lanes taken of its last slot (`FULL`),
            the number of its slots (`COUNT`, from bit `USED` on), and `BROKEN`.
        edge: int32 (side * DEPTH,), the last edge in each slot.
        signs: number (16 * DEPTH,), whether a span opens or closes, of one pixel row.
        pairs: int32 (2, n), of slots, in the order in which a pixel row's are sorted.
        through: int32 (DEPTH,), edges through a pixel row from left to right.
        begun: int64 (DEPTH,), their places in the first sub-row.
        reached: int64 (DEPTH,), their places in the sub-row after the last.
    """

    nothing: np.signedinteger[Any]
    slots: NDArray[np.signedinteger[Any]]
    rows: NDArray[np.int64]
    edge: NDArray[np.int32]
    signs: NDArray[np.signedinteger[Any]]
    pairs: NDArray[np.int32]
    through: NDArray[np.int32]
    begun: NDArray[np.int64]
    reached: NDArray[np.int64]


def lanes_buffers(side: int) -> Lanes:
    """Allocate buffers for strokes on bitmaps of `side` pixels."""
    number = np.int16 if side <= SHORT else np.int32
    return Lanes(
        # The largest number with the sign 0.
        nothing=number(np.iinfo(number).max - 2),
        slots=_in_lines(side * STRIDE, number),
        rows=np.full(side, FULL),
        edge=np.empty(side * DEPTH, np.int32),
        signs=_in_lines(DEPTH * WIDTH, number),
        pairs=pairs_buffers(DEPTH),
        through=np.empty(DEPTH, np.int32),
        begun=np.empty(DEPTH, np.int64),
        reached=np.empty(DEPTH, np.int64),
    )


def _in_lines(count: int, number: type[np.signedinteger[Any]]) -> NDArray[np.signedinteger[Any]]:
    """Allocate an array aligned to a cache line, 64 bytes."""
    array = np.empty(count + 2 * WIDTH, number)
    skipped = -array.ctypes.data % 64 // array.itemsize
    return array[skipped : skipped + count]

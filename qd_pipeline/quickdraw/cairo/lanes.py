"""Buffers for the quick scan, in which the 15 sub-rows of a pixel row go side by side.

What crosses a sub-row is one number, the key 4 * place + sign + 1, so that sorting the keys
sorts the places and keeps the signs with them. On bitmaps of the dataset's size keys fit into
16 bits, of which the processor takes on twice as many at a time as of 32.

The keys of a pixel row lie in slots, a lane for each sub-row. Each edge goes into the row's
last slot if its lanes are free there, as they are where the outline goes on in one direction,
and into a new one if not.
"""

from typing import Any, Final, NamedTuple

import numpy as np
from numpy.typing import NDArray

from qd_pipeline.quickdraw.cairo.edges import SUBROWS
from qd_pipeline.quickdraw.cairo.sort import pairs_buffers
from qd_pipeline.quickdraw.cairo.vectors import WIDTH

DEPTH: Final = 256
"""Slots that a pixel row may have, an even number; where more are needed, the list of edges is
used."""

STRIDE: Final = (DEPTH + 8) * WIDTH
"""From a row's slots to the next one's: more than there are, for rows 4096 bytes apart would
share lines of the processor's cache."""

SHORT: Final = 31
"""Pixels of the widest bitmap whose keys are 16-bit numbers."""

LANES: Final = (1 << SUBROWS) - 1
"""All lanes of a slot, one bit each."""

FULL: Final = (1 << WIDTH) - 1
"""What is known of a pixel row before anything crosses it: nothing fits into its last slot."""

USED: Final = 16
"""Bits below the number of slots, of what is known of a pixel row."""

COUNT: Final = (1 << 32) - 1
"""Bits that hold the number of slots, once those below are shifted out."""

BROKEN: Final = 1 << 48
"""Bit that tells that an edge begins or ends within the pixel row."""


class Lanes(NamedTuple):
    """Buffers for the crossings of one stroke.

    `number` is int16, or int32 for bitmaps wider than `SHORT`.

    Attributes:
        nothing: number, key of lanes that a slot's edges do not cross: right of everything, with
            the sign 0.
        slots: number (side * STRIDE,), keys.
        rows: int64 (side,), what is known of each pixel row: which lanes of its last slot are
            taken (`FULL`), how many slots it has (`COUNT`, from bit `USED` on), and `BROKEN`.
        edge: int32 (side * DEPTH,), which edge came last into each slot.
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
    """Allocate an array that begins with a line of the processor's cache, 64 bytes."""
    array = np.empty(count + 2 * WIDTH, number)
    skipped = -array.ctypes.data % 64 // array.itemsize
    return array[skipped : skipped + count]

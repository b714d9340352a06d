"""Room for the quick scan, in which the 15 sub-rows of a pixel row go side by side.

What crosses a sub-row is one number, 4 * place + sign + 1, so that sorting the numbers sorts
the places and keeps the signs with them. On bitmaps of the dataset's size these numbers fit into
16 bits, of which the processor takes on twice as many at a time as of 32.
"""

from functools import cache
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from qd_pipeline.quickdraw.cairo.edges import SUBROWS

WIDTH = 16
"""Sub-rows of a pixel row, and one that is not used: a round number for the processor."""

DEPTH = 64
"""Crossings of a pixel row that the quick scan takes on; beyond, the list of edges is used."""

SIGNS = DEPTH * WIDTH
SUMS = 2 * DEPTH * WIDTH

SHORT = 31
"""Pixels of the widest bitmap whose crossings are 16-bit numbers."""


class Lanes(NamedTuple):
    """Room for the crossings of one stroke.

    `number` is int16, or int32 for bitmaps wider than `SHORT`.

    Attributes:
        nothing: number, fills the sub-rows that a crossing does not reach: right of everything,
            with the sign 0.
        trail: number (15 * side + 48,), crossings along the outline while it descends, or while
            it rises; sub-row 0 is at 16.
        slots: number (side, 16 * DEPTH + 16), pieces of such trails in each pixel row.
        used: int64 (side,), their number.
        way: int64 (side,), how each pixel row is measured.
        ends: uint8 (15 * side + 48,), 1 where an edge has its top or bottom.
        width: 16, for loops of which the compiler is not to know quite how long they are: it then
            makes one step of 16 lanes, where it would write out 16 steps.
        work: number, one pixel row's slots, then from SIGNS on whether a span opens (1) or closes
            (-1) with them, then from SUMS on the winding before each: zero
            before the first.
        edge: int64 (DEPTH,), edges that cross a pixel row.
        begun: int64 (DEPTH,), their places in the first sub-row.
        reached: int64 (DEPTH,), their places in the sub-row after the last.
        lower: int64, the network that sorts slots: the smaller number goes there (16 a slot),
        upper: int64, the greater there,
        network: int64 (DEPTH + 2,), and n slots are sorted by those from network[n] to
            network[n + 1].
    """

    nothing: np.signedinteger[Any]
    trail: NDArray[np.signedinteger[Any]]
    slots: NDArray[np.signedinteger[Any]]
    used: NDArray[np.int64]
    way: NDArray[np.int64]
    ends: NDArray[np.uint8]
    width: int
    work: NDArray[np.signedinteger[Any]]
    edge: NDArray[np.int64]
    begun: NDArray[np.int64]
    reached: NDArray[np.int64]
    lower: NDArray[np.int64]
    upper: NDArray[np.int64]
    network: NDArray[np.int64]


def lanes_room(side: int) -> Lanes:
    """Make room for strokes on bitmaps of `side` pixels."""
    number = np.int16 if side <= SHORT else np.int32
    lower, upper, network = _networks()
    return Lanes(
        # The largest number with the sign 0.
        nothing=number(np.iinfo(number).max - 2),
        trail=np.empty(SUBROWS * side + 3 * WIDTH, number),
        # One slot more than is used: 4096 bytes apart, rows would share lines of the cache.
        slots=_in_lines(side * (DEPTH + 1) * WIDTH, number).reshape(side, -1),
        used=np.zeros(side, np.int64),
        way=np.zeros(side, np.int64),
        ends=np.zeros(SUBROWS * side + 3 * WIDTH, np.uint8),
        width=WIDTH,
        work=_in_lines(SUMS + WIDTH * (DEPTH + 1), number),
        edge=np.empty(DEPTH, np.int64),
        begun=np.empty(DEPTH, np.int64),
        reached=np.empty(DEPTH, np.int64),
        lower=lower,
        upper=upper,
        network=network,
    )


def _in_lines(count: int, number: type[np.signedinteger[Any]]) -> NDArray[np.signedinteger[Any]]:
    """Make zeros that begin with a line of the processor's cache, 64 bytes."""
    zeros = np.zeros(count + 2 * WIDTH, number)
    skipped = -zeros.ctypes.data % 64 // zeros.itemsize
    return zeros[skipped : skipped + count]


@cache
def _networks() -> tuple[NDArray[np.int64], NDArray[np.int64], NDArray[np.int64]]:
    """Give `lower`, `upper` and `network` of the lanes."""
    networks = [_network(count) for count in range(DEPTH + 1)]
    pairs = WIDTH * np.array([pair for network in networks for pair in network], np.int64)
    starts = np.cumsum([0] + [len(network) for network in networks])
    return pairs[:, 0].copy(), pairs[:, 1].copy(), starts


def _network(count: int) -> list[tuple[int, int]]:
    """Name the pairs that sort `count` numbers when put in order one after the other.

    Batcher's merge exchange (Knuth, The Art of Computer Programming 3, 5.2.2, algorithm M).

    >>> _network(3)
    [(0, 2), (0, 1), (1, 2)]
    """
    pairs = []
    top = 1 << max(0, (count - 1).bit_length() - 1)
    p = top if count > 1 else 0
    while p:
        q, r, d = top, 0, p
        while True:
            pairs += [(i, i + d) for i in range(count - d) if i & p == r]
            if q == p:
                break
            d, q, r = q - p, q // 2, p
        p //= 2
    return pairs

"""Sorting slots, lane by lane: 15 sub-rows at a time."""

from collections.abc import Sequence
from typing import Any, Final

import numpy as np
from numba import types
from numba.extending import intrinsic
from numpy.typing import NDArray

from qd_pipeline.quickdraw.cairo import vectors
from qd_pipeline.quickdraw.cairo.vectors import WIDTH, Signature
from qd_pipeline.quickdraw.kernels import bare_kernel, inlined

FEW: Final = 16
"""Slots that are sorted without leaving the processor's registers."""


def pairs_buffers(count: int) -> NDArray[np.int32]:
    """Allocate buffers for the pairs that sort up to `count` slots."""
    rounds = count.bit_length()
    return np.empty((2, count * rounds * (rounds + 1) // 4), np.int32)


@bare_kernel
def network(count: int, pairs: NDArray[np.int32]) -> int:
    """Name the pairs that sort `count` slots, at least 2, when put in order one after the other.

    Batcher's merge exchange (Knuth, The Art of Computer Programming 3, 5.2.2, algorithm M).

    Args:
        count: How many.
        pairs: int32 (2, n), takes the lower and the upper slot of each.

    Returns:
        The number of pairs.

    >>> pairs = pairs_buffers(3)
    >>> pairs[:, : network(3, pairs)].tolist()
    [[0, 0, 1], [2, 1, 2]]
    """
    top = 1
    while 2 * top < count:
        top *= 2
    found = 0
    p = top
    while p > 0:
        q, r, d = top, 0, p
        while True:
            for i in range(count - d):
                if i & p == r:
                    pairs[0, found] = i
                    pairs[1, found] = i + d
                    found += 1
            if q == p:
                break
            d, q, r = q - p, q // 2, p
        p //= 2
    return found


@inlined
def sort(
    keys: NDArray[np.signedinteger[Any]], start: int, count: int, pairs: NDArray[np.int32]
) -> None:
    """Sort an even number of slots.

    Args:
        keys: int16 or int32, holds them.
        start: Of the first.
        count: How many, at least 2.
        pairs: Buffers for the pairs that sort so many.
    """
    if count <= FEW:
        sort_few(keys, start, count)
    else:
        for k in range(network(np.int64(count), pairs)):
            order(keys, start + WIDTH * pairs[0, k], start + WIDTH * pairs[1, k])


@intrinsic
def sort_few(_context: Any, keys: Any, _start: Any, _count: Any) -> Signature:
    """Sort slots, lane by lane: an even number of them, from 2 to `FEW`.

    Args:
        keys: Holds them.
        start: Of the first.
        count: How many.
    """

    def code(context: Any, builder: Any, signature: Any, args: Sequence[Any]) -> Any:
        array, start, count = args
        first = vectors.slot(context, builder, signature.args[0], array, start)
        end = builder.append_basic_block("sorted")
        cases = builder.switch(count, end)
        for few in range(2, FEW + 1, 2):
            case = builder.append_basic_block(f"sort.{few}")
            cases.add_case(count.type(few), case)
            builder.position_at_end(case)
            slots = [builder.gep(first, [count.type(k)]) for k in range(few)]
            held = [vectors.load(builder, slot) for slot in slots]
            pairs = pairs_buffers(few)
            found = network.py_func(few, pairs)
            for i, j in pairs[:, :found].T.tolist():
                held[i], held[j] = vectors.in_order(builder, held[i], held[j])
            for each, slot in zip(held, slots, strict=True):
                vectors.store(builder, each, slot)
            builder.branch(end)
        builder.position_at_end(end)
        return context.get_dummy_value()

    return types.void(keys, types.uintp, types.uintp), code


@intrinsic
def order(_context: Any, keys: Any, _lower: Any, _upper: Any) -> Signature:
    """Put two slots in order, lane by lane.

    Args:
        keys: Holds them.
        lower: Start of that which takes the smaller keys.
        upper: Start of that which takes the greater ones.
    """

    def code(context: Any, builder: Any, signature: Any, args: Sequence[Any]) -> Any:
        array, *starts = args
        slots = [vectors.slot(context, builder, signature.args[0], array, each) for each in starts]
        held = vectors.in_order(builder, *(vectors.load(builder, slot) for slot in slots))
        for each, slot in zip(held, slots, strict=True):
            vectors.store(builder, each, slot)
        return context.get_dummy_value()

    return types.void(keys, types.uintp, types.uintp), code

"""What the quick scan does with slots: crossings of the 15 sub-rows of a pixel row, side by side.

Loops over so few numbers are written out one by one by the compiler, or cost more to enter than
to run. So these functions, for kernels to call, are given to it as `vectors`, by the interface
that numba has for this.
"""

from collections.abc import Sequence
from typing import Any, Final

from llvmlite import ir
from numba import types
from numba.core import cgutils
from numba.extending import intrinsic

from qd_pipeline.quickdraw.cairo import vectors
from qd_pipeline.quickdraw.cairo.vectors import WIDTH, Signature

PIXEL: Final = 256
"""Places in a pixel."""

_START, _REAL = types.uintp, types.float64


@intrinsic
def write(
    _context: Any,
    keys: Any,
    _start: Any,
    _at: Any,
    _slope: Any,
    _begin: Any,
    _tag: Any,
    _lanes: Any,
    _fresh: Any,
    _nothing: Any,
    _end: Any,
) -> Signature:
    """Write where an edge crosses the sub-rows of a pixel row: keys, 4 * place + tag.

    Args:
        keys: Takes them.
        start: Of their slot.
        at: float64, place in the edge's first sub-row.
        slope: float64, places a sub-row.
        begin: float64, sub-rows from the edge's first one to lane 0.
        tag: int32, 0 to 2.
        lanes: int64, its bit k tells whether the edge crosses sub-row k; other keys stay.
        fresh: bool, whether other keys become `nothing` instead.
        nothing: A key.
        end: float64: places below 0 are written as 0, and those beyond this as this.
    """

    def code(context: Any, builder: Any, signature: Any, args: Sequence[Any]) -> Any:
        array, start, at, slope, begin, tag, lanes, fresh, nothing, end = args
        slot = vectors.slot(context, builder, signature.args[0], array, start)
        reals = ir.VectorType(ir.DoubleType(), WIDTH)
        steps = builder.fadd(
            vectors.filled(builder, begin), reals([float(k) for k in range(WIDTH)])
        )
        places = builder.fmul(steps, vectors.filled(builder, slope))
        places = builder.fadd(vectors.filled(builder, at), places)
        least, most = reals([0.0] * WIDTH), vectors.filled(builder, end)
        places = builder.select(builder.fcmp_ordered(">", places, least), places, least)
        places = builder.select(builder.fcmp_ordered("<", places, most), places, most)
        whole = builder.fptosi(places, ir.VectorType(ir.IntType(32), WIDTH))
        made = builder.add(
            builder.shl(whole, whole.type([2] * WIDTH)), vectors.filled(builder, tag)
        )
        made = builder.trunc(made, slot.type.pointee)
        # By masks: a choice by `fresh` would become a branch, which cannot be foreseen.
        before = builder.select(
            vectors.mask(builder, builder.sext(fresh, ir.IntType(WIDTH))),
            vectors.filled(builder, nothing),
            vectors.load(builder, slot),
        )
        crossed = vectors.mask(builder, builder.trunc(lanes, ir.IntType(WIDTH)))
        vectors.store(builder, builder.select(crossed, made, before), slot)
        return context.get_dummy_value()

    numbers = (types.int32, types.int64, types.boolean, keys.dtype)
    return types.void(keys, _START, _REAL, _REAL, _REAL, *numbers, _REAL), code


@intrinsic
def open_spans(_context: Any, keys: Any, _start: Any, _count: Any, signs: Any) -> Signature:
    """Find which of the sorted crossings open spans and which close them; the keys become places.

    Args:
        keys: Holds them.
        start: Of the first slot.
        count: Slots.
        signs: Takes 1 where a span opens, -1 where it closes, 0 elsewhere; from its beginning on.

    Returns:
        The first and the last place in all lanes.
    """

    def code(context: Any, builder: Any, signature: Any, args: Sequence[Any]) -> Any:
        array, start, count, signs = args
        slots = vectors.slot(context, builder, signature.args[0], array, start)
        opened = vectors.slot(context, builder, signature.args[3], signs, start.type(0))
        lanes = slots.type.pointee
        number, none = lanes.element, lanes([0] * WIDTH)
        # Three more than `nothing` comes out, beyond the largest number, as the smallest.
        beyond = lanes([3] * WIDTH)
        first = vectors.reduced(builder, "smin", vectors.load(builder, slots))
        winding = cgutils.alloca_once_value(builder, none)
        last = cgutils.alloca_once_value(builder, lanes([-(1 << number.width - 1)] * WIDTH))
        with cgutils.for_range(builder, count) as loop:
            slot = builder.gep(slots, [loop.index])
            key, before = vectors.load(builder, slot), builder.load(winding)
            sign = builder.sub(builder.and_(key, beyond), lanes([1] * WIDTH))
            after = builder.add(before, sign)
            inside, was = (builder.icmp_signed("!=", each, none) for each in (after, before))
            change = builder.sub(builder.zext(inside, lanes), builder.zext(was, lanes))
            vectors.store(builder, change, builder.gep(opened, [loop.index]))
            vectors.store(builder, builder.ashr(key, lanes([2] * WIDTH)), slot)
            _, furthest = vectors.in_order(builder, builder.load(last), builder.add(key, beyond))
            builder.store(furthest, last)
            builder.store(after, winding)
        furthest = vectors.reduced(builder, "smax", builder.load(last))
        ends = [first, builder.sub(furthest, number(3))]
        places = [builder.sext(builder.ashr(each, number(2)), ir.IntType(64)) for each in ends]
        return context.make_tuple(builder, signature.return_type, places)

    return types.UniTuple(types.int64, 2)(keys, _START, _START, signs), code


@intrinsic
def cover(_context: Any, places: Any, _start: Any, _count: Any, signs: Any, _end: Any) -> Signature:
    """Measure how much of one pixel lies in the spans, in all lanes together.

    Args:
        places: Where spans open and close.
        start: Of their first slot.
        count: Slots, an even number.
        signs: Whether they open or close there, from its beginning on.
        end: int64, place where the pixel ends.

    Returns:
        The area in 1/256 pixel of a sub-row.
    """

    def code(context: Any, builder: Any, signature: Any, args: Sequence[Any]) -> Any:
        array, start, count, signs, end = args
        pairs = vectors.slot(context, builder, signature.args[0], array, start, slots=2)
        opened = vectors.slot(context, builder, signature.args[3], signs, start.type(0), slots=2)
        lanes = pairs.type.pointee
        stop = vectors.filled(builder, builder.trunc(end, lanes.element), slots=2)
        none, all_of_it = (lanes([length] * 2 * WIDTH) for length in (0, PIXEL))
        area = cgutils.alloca_once_value(builder, none)
        with cgutils.for_range(builder, builder.lshr(count, count.type(1))) as loop:
            place, sign = (
                vectors.load(builder, builder.gep(p, [loop.index])) for p in (pairs, opened)
            )
            _, length = vectors.in_order(builder, none, builder.sub(stop, place))
            length, _ = vectors.in_order(builder, length, all_of_it)
            builder.store(builder.add(builder.load(area), builder.mul(sign, length)), area)
        return builder.sext(vectors.reduced(builder, "add", builder.load(area)), ir.IntType(64))

    return types.int64(places, _START, _START, signs, types.int64), code

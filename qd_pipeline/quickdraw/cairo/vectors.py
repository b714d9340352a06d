"""Vectors of numbers in LLVM's own language, which it turns into whatever the processor has.

Keys and signs lie in flat arrays of int16 or int32, `WIDTH` a slot (see `lanes`). A start is the
place in the array where a slot begins.
"""

from collections.abc import Callable
from typing import Any, Final, TypeAlias

from llvmlite import ir
from numba.core import cgutils

WIDTH: Final = 16
"""Sub-rows of a pixel row, and one that is not used: a round number for the processor."""

Signature: TypeAlias = tuple[Any, Callable[..., Any]]
"""What an intrinsic of numba's gives: types, and who builds its code."""


def slot(context: Any, builder: Any, kind: Any, array: Any, start: Any, *, slots: int = 1) -> Any:
    """Point to what lies in an array from a start on, as vectors of whole slots."""
    lanes = ir.VectorType(context.get_value_type(kind.dtype), slots * WIDTH)
    data = context.make_array(kind)(context, builder, array).data
    return builder.bitcast(builder.gep(data, [start], inbounds=True), lanes.as_pointer())


def load(builder: Any, place: Any) -> Any:
    """Load a vector, aligned as its numbers are."""
    loaded = builder.load(place)
    loaded.align = place.type.pointee.element.width // 8
    return loaded


def store(builder: Any, lanes: Any, place: Any) -> None:
    """Store a vector, aligned as its numbers are."""
    builder.store(lanes, place).align = lanes.type.element.width // 8


def filled(builder: Any, number: Any, *, slots: int = 1) -> Any:
    """Put one number into all lanes."""
    lanes, places = (ir.VectorType(t, slots * WIDTH) for t in (number.type, ir.IntType(32)))
    one = builder.insert_element(lanes(ir.Undefined), number, ir.IntType(32)(0))
    return builder.shuffle_vector(one, lanes(ir.Undefined), places([0] * slots * WIDTH))


def mask(builder: Any, bits: Any) -> Any:
    """Take the bits of a number, the lowest first, as choices lane by lane."""
    return builder.bitcast(bits, ir.VectorType(ir.IntType(1), WIDTH))


def in_order(builder: Any, one: Any, other: Any) -> tuple[Any, Any]:
    """Return the smaller and the greater of two vectors, lane by lane."""
    less = builder.icmp_signed("<", one, other)
    return builder.select(less, one, other), builder.select(less, other, one)


def reduced(builder: Any, how: str, lanes: Any) -> Any:
    """Bring all lanes into one number: `add`, `smin` or `smax`."""
    number = lanes.type.element
    name = f"llvm.vector.reduce.{how}.v{lanes.type.count}i{number.width}"
    kind = ir.FunctionType(number, [lanes.type])
    return builder.call(cgutils.get_or_insert_function(builder.module, kind, name), [lanes])

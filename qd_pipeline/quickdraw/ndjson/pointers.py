"""Arrays as bare pointers, for kernels that call kernels by the byte.

An array that one kernel hands to another is counted in and out again, atomically; a pointer is
not, which made reading lines three times as fast. A pointer knows no length and keeps nothing
alive: the kernel that takes it from an array answers for both.
"""

from typing import Any

from numba import types
from numba.extending import intrinsic


@intrinsic
def pointer(_context: Any, array: Any) -> Any:
    """Point, inside a kernel, to the first item of a contiguous array."""

    def build(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        return context.make_array(signature.args[0])(context, builder, arguments[0]).data

    return types.CPointer(array.dtype)(array), build

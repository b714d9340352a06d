"""Arrays as bare pointers, for kernels that are called for every byte.

numba counts references to an array, atomically, at each call that passes it on. It does not count
pointers, which made reading lines three times as fast. A pointer has no length and does not keep
its array alive: the kernel that takes it must check bounds and hold the array.
"""

from typing import Any

from numba import types
from numba.extending import intrinsic


@intrinsic
def pointer(_context: Any, array: Any) -> Any:
    """Return, inside a kernel, a pointer to the first item of a contiguous array."""

    def build(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        return context.make_array(signature.args[0])(context, builder, arguments[0]).data

    return types.CPointer(array.dtype)(array), build

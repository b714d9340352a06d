"""JSON's grammar (RFC 8259) as kernels over bytes.

Every kernel takes `data`, bytes of whole lines whose last byte is a newline, and `at`, where to
begin. None looks beyond the newline that ends its line: no token may hold one, so each stops
there at the latest and bounds need no other check. What comes back is the place after the
token or, negative, the `Reason` why there is none.
"""

import numpy as np
from numpy.typing import NDArray

from qd_pipeline.quickdraw.kernels import kernel
from qd_pipeline.quickdraw.ndjson.reasons import Reason

Bytes = NDArray[np.uint8]
"""Bytes in a kernel: an array or, for speed, a pointer to one (`pointers`)."""

NEWLINE = ord("\n")
QUOTE = ord('"')
BACKSLASH = ord("\\")
COMMA = ord(",")
COLON = ord(":")
MINUS = ord("-")
POINT = ord(".")
ZERO = ord("0")
OPEN_LIST = ord("[")
CLOSE_LIST = ord("]")
OPEN_OBJECT = ord("{")
CLOSE_OBJECT = ord("}")

_NOT_JSON = -int(Reason.NOT_JSON)
_CUT_SHORT = -int(Reason.CUT_SHORT)


@kernel
def skip_space(data: Bytes, at: int) -> int:
    """Go past blanks, tabs and carriage returns; a newline ends the line."""
    while data[at] == 32 or data[at] == 9 or data[at] == 13:
        at += 1
    return at


@kernel
def unexpected(data: Bytes, at: int) -> int:
    """Say what is wrong at a byte that the grammar does not allow there."""
    return _CUT_SHORT if data[skip_space(data, at)] == NEWLINE else _NOT_JSON


@kernel
def is_digit(byte: int) -> bool:
    """Return whether a byte is a decimal digit."""
    return ZERO <= byte <= ZERO + 9


@kernel
def _skip_digits(data: Bytes, at: int) -> int:
    """Go past one digit or more."""
    if not is_digit(data[at]):
        return unexpected(data, at)
    while is_digit(data[at]):
        at += 1
    return at


@kernel
def skip_number(data: Bytes, at: int) -> int:
    """Go past a number: sign, digits without leading zeros, fraction, exponent."""
    if data[at] == MINUS:
        at += 1
    at = at + 1 if data[at] == ZERO else _skip_digits(data, at)
    if at > 0 and data[at] == POINT:
        at = _skip_digits(data, at + 1)
    if at > 0 and data[at] | 32 == 101:
        at += 1
        if data[at] == 43 or data[at] == MINUS:
            at += 1
        at = _skip_digits(data, at)
    return at


@kernel
def skip_word(data: Bytes, at: int, word: bytes) -> int:
    """Go past `true`, `false` or `null`, given as bytes."""
    for place in range(len(word)):
        if data[at + place] != word[place]:
            return unexpected(data, at + place)
    return at + len(word)

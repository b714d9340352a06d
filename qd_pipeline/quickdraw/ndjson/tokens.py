"""JSON's grammar (RFC 8259) as kernels over bytes.

Every kernel takes `data`, bytes of whole lines whose last byte is a newline, and `at`, where to
begin. None looks beyond the newline that ends its line: no token may hold one, so each stops
there at the latest and bounds need no other check. What comes back is the place after the
token or, negative, the `Reason` why there is none.
"""

import numpy as np
from numpy.typing import NDArray

from qd_pipeline.quickdraw.kernels import kernel
from qd_pipeline.quickdraw.ndjson.reasons import MAX_DEPTH, MAX_TEXT, Reason

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
_DEPTH = -int(Reason.DEPTH)


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
    """Tell whether a byte is a decimal digit."""
    return ZERO <= byte <= ZERO + 9


@kernel
def _hex4(data: Bytes, at: int) -> int:
    """Read the four hexadecimal digits of an escape, or -1."""
    value = 0
    for place in range(at, at + 4):
        byte = data[place]
        if is_digit(byte):
            value = value * 16 + byte - ZERO
        elif 97 <= byte | 32 <= 102:
            value = value * 16 + (byte | 32) - 87
        else:
            return -1
    return value


@kernel
def _put(text: Bytes, length: int, byte: int) -> int:
    """Append a byte to a text, of which only the first `MAX_TEXT` are kept."""
    if length < MAX_TEXT:
        text[length] = byte
    return length + 1


@kernel
def _put_point(text: Bytes, length: int, point: int) -> int:
    """Append a code point as UTF-8 (a lone surrogate as its three bytes)."""
    if point < 0x80:
        return _put(text, length, point)
    if point < 0x800:
        length = _put(text, length, 0xC0 | point >> 6)
    else:
        if point < 0x10000:
            length = _put(text, length, 0xE0 | point >> 12)
        else:
            length = _put(text, length, 0xF0 | point >> 18)
            length = _put(text, length, 0x80 | point >> 12 & 0x3F)
        length = _put(text, length, 0x80 | point >> 6 & 0x3F)
    return _put(text, length, 0x80 | point & 0x3F)


@kernel
def _plain_escape(byte: int) -> int:
    """Give the character that a one-letter escape stands for, or -1."""
    if byte == QUOTE or byte == BACKSLASH or byte == 47:
        return byte
    if byte == 98:
        return 8
    if byte == 102:
        return 12
    if byte == 110:
        return 10
    if byte == 114:
        return 13
    if byte == 116:
        return 9
    return -1


@kernel
def _read_escape(data: Bytes, at: int, text: Bytes, length: int) -> tuple[int, int]:
    """Read the escape whose backslash is at `at`: (place after it or reason, length)."""
    if data[at + 1] != 117:
        point = _plain_escape(data[at + 1])
        if point < 0:
            return unexpected(data, at + 1), length
        return at + 2, _put_point(text, length, point)
    point = _hex4(data, at + 2)
    if point < 0:
        return _NOT_JSON, length
    at += 6
    if 0xD800 <= point < 0xDC00 and data[at] == BACKSLASH and data[at + 1] == 117:
        low = _hex4(data, at + 2)
        if 0xDC00 <= low < 0xE000:
            point = 0x10000 + ((point - 0xD800) << 10) + low - 0xDC00
            at += 6
    return at, _put_point(text, length, point)


@kernel
def multibyte(data: Bytes, at: int) -> int:
    """Count the bytes of the UTF-8 character at `at` (RFC 3629), 0 where there is none."""
    lead = data[at]
    if lead < 0xC2 or lead > 0xF4:
        return 0
    low, high = 0x80, 0xBF
    if lead == 0xE0:
        low = 0xA0
    elif lead == 0xED:
        high = 0x9F
    elif lead == 0xF0:
        low = 0x90
    elif lead == 0xF4:
        high = 0x8F
    if not low <= data[at + 1] <= high:
        return 0
    count = 2 if lead < 0xE0 else 3 if lead < 0xF0 else 4
    for place in range(at + 2, at + count):
        if data[place] & 0xC0 != 0x80:
            return 0
    return count


@kernel
def read_string(data: Bytes, at: int, text: Bytes) -> tuple[int, int]:
    """Decode the string whose opening quote is at `at` into `text`, uint8 (MAX_TEXT,).

    Returns:
        The place after the closing quote or the reason, and the length in bytes of UTF-8, of
        which the first `MAX_TEXT` are in `text`.
    """
    length = 0
    at += 1
    while data[at] != QUOTE:
        byte = data[at]
        if byte == BACKSLASH:
            at, length = _read_escape(data, at, text, length)
            if at < 0:
                return at, length
        elif byte < 32:
            return unexpected(data, at) if byte == NEWLINE else _NOT_JSON, length
        else:
            count = 1 if byte < 0x80 else multibyte(data, at)
            if count == 0:
                return _NOT_JSON, length
            for place in range(at, at + count):
                length = _put(text, length, data[place])
            at += count
    return at + 1, length


@kernel
def _skip_digits(data: Bytes, at: int) -> int:
    """Go past one digit or more."""
    if not is_digit(data[at]):
        return unexpected(data, at)
    while is_digit(data[at]):
        at += 1
    return at


@kernel
def _skip_number(data: Bytes, at: int) -> int:
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


@kernel
def _skip_scalar(data: Bytes, at: int, text: Bytes) -> int:
    """Go past a string, a number or a word."""
    byte = data[at]
    if byte == QUOTE:
        return read_string(data, at, text)[0]
    if byte == 116:
        return skip_word(data, at, b"true")
    if byte == 102:
        return skip_word(data, at, b"false")
    if byte == 110:
        return skip_word(data, at, b"null")
    return _skip_number(data, at)


@kernel
def skip_key(data: Bytes, at: int, text: Bytes) -> tuple[int, int]:
    """Go past an object's key and its colon to the value: (place or reason, key's length)."""
    at = skip_space(data, at)
    if data[at] != QUOTE:
        return unexpected(data, at), 0
    at, length = read_string(data, at, text)
    if at < 0:
        return at, length
    at = skip_space(data, at)
    if data[at] != COLON:
        return unexpected(data, at), length
    return skip_space(data, at + 1), length


@kernel
def skip_value(data: Bytes, at: int, depth: int, text: Bytes) -> int:
    """Go past any value that stands within `depth` brackets; `text` is room to work in."""
    # One bit a bracket that is open, the innermost lowest: is it an object's?
    objects = 0
    outside = depth
    while True:
        byte = data[at]
        if byte == OPEN_LIST or byte == OPEN_OBJECT:
            depth += 1
            if depth > MAX_DEPTH:
                return _DEPTH
            is_object = byte == OPEN_OBJECT
            objects = objects << 1 | is_object
            at = skip_space(data, at + 1)
            if data[at] != (CLOSE_OBJECT if is_object else CLOSE_LIST):
                if is_object:
                    at = skip_key(data, at, text)[0]
                    if at < 0:
                        return at
                continue
        else:
            at = _skip_scalar(data, at, text)
            if at < 0:
                return at
        # Behind a value, or at the bracket that closes an empty list or object.
        while True:
            if depth == outside:
                return at
            at = skip_space(data, at)
            if data[at] == COMMA:
                break
            if data[at] != (CLOSE_OBJECT if objects & 1 else CLOSE_LIST):
                return unexpected(data, at)
            objects >>= 1
            depth -= 1
            at += 1
        at = skip_space(data, at + 1)
        if objects & 1:
            at = skip_key(data, at, text)[0]
            if at < 0:
                return at

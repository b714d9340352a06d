"""JSON's strings, and the texts that they stand for, as kernels over bytes.

A text is decoded into `text`, uint8 (MAX_TEXT,), with its length in bytes of UTF-8, which is more
than `MAX_TEXT` where not all of it is there.
"""

from qd_pipeline.quickdraw.kernels import kernel
from qd_pipeline.quickdraw.ndjson.reasons import MAX_TEXT, Reason
from qd_pipeline.quickdraw.ndjson.tokens import BACKSLASH, QUOTE, ZERO, Bytes, is_digit, unexpected

_NOT_JSON = -int(Reason.NOT_JSON)


@kernel
def _hex4(data: Bytes, at: int) -> int:
    """Read the four hexadecimal digits of an escape: its code point or a reason."""
    value = 0
    for place in range(at, at + 4):
        byte = data[place]
        if is_digit(byte):
            value = value * 16 + byte - ZERO
        elif 97 <= byte | 32 <= 102:
            value = value * 16 + (byte | 32) - 87
        else:
            return unexpected(data, place)
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
    """Return the character that a one-letter escape stands for, or -1."""
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
        return point, length
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
            return unexpected(data, at), length
        else:
            count = 1 if byte < 0x80 else multibyte(data, at)
            if count == 0:
                return _NOT_JSON, length
            for place in range(at, at + count):
                length = _put(text, length, data[place])
            at += count
    return at + 1, length


@kernel
def is_text(text: Bytes, length: int) -> bool:
    """Return whether a text is short enough, and free of lone surrogates, which have no UTF-8."""
    if length > MAX_TEXT:
        return False
    for place in range(length - 1):
        if text[place] == 0xED and text[place + 1] >= 0xA0:
            return False
    return True


@kernel
def same(text: Bytes, length: int, other: Bytes, size: int) -> bool:
    """Return whether a text is just these bytes; none longer than `MAX_TEXT` is."""
    if length != size or size > MAX_TEXT:
        return False
    for place in range(size):
        if text[place] != other[place]:
            return False
    return True

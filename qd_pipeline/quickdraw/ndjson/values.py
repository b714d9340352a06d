"""Going past values of any kind, looking only whether they are JSON."""

from qd_pipeline.quickdraw.kernels import kernel
from qd_pipeline.quickdraw.ndjson.reasons import MAX_DEPTH, Reason
from qd_pipeline.quickdraw.ndjson.texts import read_string
from qd_pipeline.quickdraw.ndjson.tokens import (
    CLOSE_LIST,
    CLOSE_OBJECT,
    COLON,
    COMMA,
    OPEN_LIST,
    OPEN_OBJECT,
    QUOTE,
    Bytes,
    skip_number,
    skip_space,
    skip_word,
    unexpected,
)

_DEPTH = -int(Reason.DEPTH)


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
    return skip_number(data, at)


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
    """Skip any value, itself inside `depth` brackets; `text` is a scratch buffer."""
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

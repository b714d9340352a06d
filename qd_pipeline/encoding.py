"""Text files by their first bytes: UTF-8 and UTF-16 with or without a byte order mark, UTF-32."""

import codecs
from typing import Final

# UTF-32's little-endian mark begins with UTF-16's.
_MARKS: Final = (
    (codecs.BOM_UTF8, "utf-8-sig"),
    (codecs.BOM_UTF32_LE, "utf-32"),
    (codecs.BOM_UTF32_BE, "utf-32"),
    (codecs.BOM_UTF16_LE, "utf-16"),
    (codecs.BOM_UTF16_BE, "utf-16"),
)


def encoding_of(data: bytes) -> str:
    """Return the encoding that a byte order mark names, else UTF-16 by its zeros, else UTF-8.

    A text that begins with an ASCII character has a zero beside it in UTF-16 (RFC 4627, section 3).

    >>> encoding_of("cat".encode("utf-16"))
    'utf-16'
    """
    for mark, name in _MARKS:
        if data.startswith(mark):
            return name
    return {b"\0": "utf-16-be"}.get(data[:1]) or {b"\0": "utf-16-le"}.get(data[1:2], "utf-8")


def decode(data: bytes) -> str:
    r"""Decode a text file, without its byte order mark.

    Raises:
        UnicodeDecodeError: It is not in the encoding that its mark names, or not UTF-8.

    >>> decode(b"\xef\xbb\xbfcat")
    'cat'
    """
    return data.decode(encoding_of(data))

"""Text files by their first bytes: UTF-8, UTF-16 and UTF-32, with or without a byte order mark."""

import codecs
import tomllib
from pathlib import Path
from typing import Any, Final

from qd_pipeline.errors import BadSetting

# UTF-32's little-endian mark begins with UTF-16's.
_MARKS: Final = (
    (codecs.BOM_UTF8, "utf-8-sig"),
    (codecs.BOM_UTF32_LE, "utf-32"),
    (codecs.BOM_UTF32_BE, "utf-32"),
    (codecs.BOM_UTF16_LE, "utf-16"),
    (codecs.BOM_UTF16_BE, "utf-16"),
)

_ZEROS: Final = (
    ("000x", "utf-32-be"), ("x000", "utf-32-le"), ("0", "utf-16-be"), ("x0", "utf-16-le"),
)  # fmt: skip


def encoding_of(data: bytes) -> str:
    """Return the encoding that a byte order mark names, else UTF-16 or 32 by zeros, else UTF-8.

    A text that begins with an ASCII character has zeros beside it in these (RFC 4627, section 3).

    >>> encoding_of("cat".encode("utf-16")), encoding_of("cat".encode("utf-32-be"))
    ('utf-16', 'utf-32-be')
    """
    for mark, name in _MARKS:
        if data.startswith(mark):
            return name
    zeros = "".join("0" if byte == 0 else "x" for byte in data[:4])
    return next((name for start, name in _ZEROS if zeros.startswith(start)), "utf-8")


def decode(data: bytes) -> str:
    r"""Decode a text file, without its byte order mark.

    Raises:
        UnicodeDecodeError: It is not in the encoding that its mark names, or not UTF-8.

    >>> decode(b"\xef\xbb\xbfcat")
    'cat'
    """
    return data.decode(encoding_of(data))


def read_toml(
    path: Path, what: str, *, form: str, place: str = "name a TOML file"
) -> dict[str, Any]:
    """Read a TOML file that a user has written.

    Args:
        path: The file.
        what: What messages call it.
        form: How to write it, where it is not TOML.
        place: How to name another one, where it cannot be read.

    Raises:
        BadSetting: It cannot be read, or is not TOML.
    """
    try:
        return tomllib.loads(decode(path.read_bytes()))
    except (OSError, UnicodeDecodeError) as error:
        reason = error.strerror if isinstance(error, OSError) else "not UTF-8 or UTF-16"
        raise BadSetting(f"{what} {path}", f"cannot be read ({reason})", place) from error
    except tomllib.TOMLDecodeError as error:
        raise BadSetting(f"{what} {path}", f"is not TOML ({error})", form) from error

"""Text files by their first bytes: UTF-8, UTF-16 and UTF-32, with or without a byte order mark."""

import tomllib
from json import detect_encoding
from pathlib import Path
from typing import Any

from qd_pipeline.errors import BadSetting


def decode(data: bytes) -> str:
    r"""Decode a text file by its byte order mark, by zeros as JSON is (RFC 4627), or as UTF-8.

    Raises:
        UnicodeDecodeError: It is not in the encoding that its first bytes show.

    >>> decode(b"\xef\xbb\xbfcat"), decode("cat".encode("utf-32-be"))
    ('cat', 'cat')
    """
    return data.decode(detect_encoding(data))


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

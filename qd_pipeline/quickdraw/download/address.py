"""Addresses of files: which ones are accepted, and what of them may be shown."""

import re
from pathlib import Path
from typing import Final
from urllib.parse import quote, unquote, urlsplit

from qd_pipeline.errors import BadSetting

FOLDER: Final = "full/simplified"
"""The bucket's folder of simplified drawings."""

_CHOICES: Final = (
    "give 'sample', 'quickdraw', or the URL of a mirror (http://, https://, file:///, s3:// or "
    "gs://)"
)
_BUCKETS: Final = frozenset({"s3", "gs"})


def masked(url: str) -> str:
    """Hide what may be a secret in a URL: the user and password, and every query's value.

    >>> masked("https://me:pass@example.org/mirror?token=abc")
    'https://***@example.org/mirror?token=***'
    """
    url = re.sub(r"(?<=://)[^/?#]*@", "***@", url)
    return re.sub(r"([?&][^=&#\s]*)=[^&#\s]*", r"\1=***", url)


def server_of(address: str) -> str:
    """Return the server of a file; of a local file the file itself.

    >>> server_of("https://example.org/mirror/cow.ndjson")
    'https://example.org'
    """
    parts = urlsplit(address)
    return f"{parts.scheme}://{parts.netloc}" if parts.netloc else address


def checked_category(category: str) -> str:
    """Return a category's name if it stays one name in a folder and in a URL.

    Raises:
        BadSetting: It does not.

    >>> checked_category("../../etc/passwd")
    Traceback (most recent call last):
        ...
    qd_pipeline.errors.BadSetting: category '../../etc/passwd' cannot be a name in the bucket: \
see `qd categories`.
    """
    if re.fullmatch(r"[A-Za-z0-9][A-Za-z0-9 '_-]{0,79}", category, re.ASCII):
        return category
    raise BadSetting(
        f"category {category[:80]!r}", "cannot be a name in the bucket", "see `qd categories`"
    )


def name_of(category: str) -> str:
    """Return the name of a category's file in the bucket.

    >>> name_of("The Eiffel Tower")
    'full/simplified/The Eiffel Tower.ndjson'
    """
    return f"{FOLDER}/{checked_category(category)}.ndjson"


def path_of(category: str) -> str:
    """Return a category's path in the bucket, as URLs spell it.

    >>> path_of("The Eiffel Tower")
    'full/simplified/The%20Eiffel%20Tower.ndjson'
    """
    return quote(name_of(category))


def checked_mirror(text: str) -> str:
    """Return a URL if a mirror can have it.

    Raises:
        BadSetting: No mirror can; the message shows no password.
    """
    try:
        parts = urlsplit(text)
        port, host = parts.port, parts.hostname
    except ValueError:
        raise _bad(text, "is not a valid URL") from None
    if re.search(r"[\x00-\x1f\x7f]", unquote(text)):
        raise _bad(text, "holds control characters")
    if parts.scheme not in {"http", "https", "file"} | _BUCKETS:
        raise _bad(text, "is not a source")
    if parts.fragment or (parts.scheme in {"file"} | _BUCKETS and parts.query):
        raise _bad(text, "holds '#' or '?' (in a name they are written %23 and %3F)")
    if parts.scheme == "file":
        if parts.netloc not in {"", "localhost"} or not parts.path.startswith("/"):
            raise _bad(text, "does not name a folder of this machine")
    elif not host or port == 0 or re.search(r"\s", text):
        raise _bad(text, "is not a valid URL")
    elif parts.scheme in _BUCKETS and (parts.username or parts.password or port):
        raise _bad(text, "holds a user or a port (credentials come from the environment)")
    return text


def _bad(text: str, cause: str) -> BadSetting:
    # What is no URL may still hold a password somewhere before an @.
    shown = masked(re.sub(r"^.*@", "***@", text, flags=re.DOTALL))[:200]
    remedy = _CHOICES
    if text.startswith(("/", "./", "../", "~/")):
        remedy = f"a folder is written as a URL: {Path(text).expanduser().absolute().as_uri()}"
    return BadSetting(f"source {shown!r}", cause, remedy)

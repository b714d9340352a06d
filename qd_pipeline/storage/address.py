"""Addresses of stores: which ones are accepted."""

from pathlib import Path
from typing import Final
from urllib.parse import unquote, urlsplit

from qd_pipeline.errors import BadSetting

CLOUD_SCHEMES: Final = frozenset({"s3", "gs", "az"})
SCHEMES: Final = CLOUD_SCHEMES | {"file", "memory"}


def check_url(url: str) -> str:
    """Check the address of a store; return its scheme.

    Raises:
        BadSetting: It is not such an address; the message shows no secret.

    >>> check_url("s3://drawings/qd")
    's3'
    """
    try:
        parts = urlsplit(url)
        valid = not (parts.query or parts.fragment or parts.username or parts.password)
    except ValueError:
        valid = False
    if not valid:
        raise BadSetting(
            "the address of the store",
            "is not a valid URL, or holds a user, '?' or '#'",
            "set one like s3://bucket/prefix; credentials come from the environment",
        )
    if parts.scheme not in SCHEMES:
        raise BadSetting(
            f"store {url[:80]!r}",
            "is not the address of a store",
            "set file:///folder, memory://name, s3://bucket/prefix, gs://bucket/prefix or "
            "az://account/container/prefix",
        )
    if parts.scheme == "file" and (parts.netloc not in {"", "localhost"} or len(parts.path) < 2):  # noqa: PLR2004
        raise BadSetting(
            f"store {url[:80]!r}",
            "does not name a folder of this machine",
            f"write the whole path, like {Path('store').absolute().as_uri()}",
        )
    if parts.scheme in CLOUD_SCHEMES and not parts.netloc:
        raise BadSetting(
            f"store {url[:80]!r}", "names no bucket", f"write {parts.scheme}://bucket/…"
        )
    return parts.scheme


def folder_of(url: str) -> Path:
    """Return the folder that a file URL names."""
    return Path(unquote(urlsplit(url).path))

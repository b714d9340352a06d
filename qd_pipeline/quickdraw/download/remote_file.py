"""What every source returns when one of its files is opened: bytes, and what identifies them."""

import base64
import binascii
from collections.abc import Iterator
from dataclasses import dataclass

CHUNK_BYTES = 2**18


@dataclass(frozen=True)
class FileVersion:
    """What distinguishes one version of a file from another, as far as its source says.

    Attributes:
        etag: The server's entity tag; of a local file or the sample, one that we compose.
        last_modified: The server's date, as it was sent.
        size: Bytes in the whole file.
        md5: MD5 of the whole file, 32 hexadecimal digits.
        crc32c: CRC32C of the whole file, 8 hexadecimal digits.
        validator: Proves in a later request (`If-Range`) that the file is still the same
            byte for byte; None where a download of it cannot be resumed.
    """

    etag: str | None = None
    last_modified: str | None = None
    size: int | None = None
    md5: str | None = None
    crc32c: str | None = None
    validator: str | None = None


@dataclass(frozen=True)
class RemoteFile:
    """An opened file of a source.

    Attributes:
        version: The file's version.
        start: Where in the file the first chunk begins: the offset requested, or 0.
        chunks: The bytes from there on, in pieces of about `CHUNK_BYTES` or less.
    """

    version: FileVersion
    start: int
    chunks: Iterator[bytes]


def google_hashes(header: str) -> tuple[str | None, str | None]:
    """Read the header `x-goog-hash` of Google's storage.

    Args:
        header: Its text: base64 of big-endian sums.

    Returns:
        MD5 and CRC32C in hexadecimal; None for what is not there.

    >>> google_hashes("crc32c=n03x6A==,md5=XrY7u+Ae7tCTyyK7j1rNww==")
    ('5eb63bbbe01eeed093cb22bb8f5acdc3', '9f4df1e8')
    """
    sums: dict[str, str] = {}
    for part in header.split(","):
        name, _, text = part.strip().partition("=")
        try:
            sums[name] = base64.b64decode(text, validate=True).hex()
        except binascii.Error:
            continue
    return sums.get("md5"), sums.get("crc32c")

"""A file's lines in blocks: whole lines, bounded memory, whatever the file."""

from collections.abc import Iterator
from dataclasses import dataclass
from io import BufferedIOBase
from typing import Final

import numpy as np
from numpy.typing import NDArray

BLOCK_BYTES: Final = 2 << 20
"""Bytes of a block and so of the longest line; a drawing of 10,000 strokes has 0.3 million."""

_BEGINNING: Final = 1024
_BOM: Final = b"\xef\xbb\xbf"


@dataclass(frozen=True)
class Block:
    """Some of a file's lines.

    Attributes:
        data: uint8, whole lines, the last byte a newline (added to a file that lacks it).
        overlong: `data` is only the beginning of one line that is longer than a block.
        end: Bytes of the file up to the end of this block.
    """

    data: NDArray[np.uint8]
    overlong: bool
    end: int


def _skip_line(file: BufferedIOBase, buffer: bytearray) -> tuple[bytes, int]:
    """Skip the rest of a line; return the bytes read after it, and how many were read in all."""
    read = 0
    while count := file.readinto(buffer):
        read += count
        newline = buffer.find(b"\n", 0, count)
        if newline >= 0:
            return bytes(buffer[newline + 1 : count]), read
    return b"", read


def _closed(buffer: bytearray, length: int) -> NDArray[np.uint8]:
    """Return the first bytes of a block; a newline is appended if they do not end in one."""
    if buffer[length - 1] != ord("\n"):
        buffer[length] = ord("\n")
        length += 1
    return np.frombuffer(buffer, np.uint8, length)


def read_blocks(file: BufferedIOBase, block_bytes: int = BLOCK_BYTES) -> Iterator[Block]:
    r"""Read a file block by block, without the byte order mark (BOM) that some editors write.

    Args:
        file: Open for reading bytes.
        block_bytes: Size of the largest block, and so of the longest line with its newline.

    >>> from io import BytesIO
    >>> [bytes(block.data) for block in read_blocks(BytesIO(b"one\ntwo\nthree"), 9)]
    [b'one\ntwo\n', b'three\n']
    """
    rest = file.read(len(_BOM))
    end = len(rest)
    rest = rest.removeprefix(_BOM)
    while True:
        buffer = bytearray(block_bytes + 1)
        buffer[: len(rest)] = rest
        with memoryview(buffer) as view:
            count = file.readinto(view[len(rest) : block_bytes])
        end += count
        length = len(rest) + count
        if length == 0:
            return
        # A block that is not full is the file's last.
        cut = length if length < block_bytes else buffer.rfind(b"\n", 0, length) + 1
        if cut == 0:
            beginning = buffer[: min(length, _BEGINNING)] + b"\n"
            yield Block(np.frombuffer(beginning, np.uint8), overlong=True, end=end)
            rest, count = _skip_line(file, buffer)
            end += count
        else:
            rest = bytes(buffer[cut:length])
            yield Block(_closed(buffer, cut), overlong=False, end=end - len(rest))

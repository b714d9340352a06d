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


def _skip_line(file: BufferedIOBase, room: bytearray) -> tuple[bytes, int]:
    """Read on to the end of a line: what was read behind it, and the bytes read in all."""
    read = 0
    while count := file.readinto(room):
        read += count
        newline = room.find(b"\n", 0, count)
        if newline >= 0:
            return bytes(room[newline + 1 : count]), read
    return b"", read


def _closed(room: bytearray, length: int) -> NDArray[np.uint8]:
    """Return the first bytes of a block, closed by a newline if they are not yet."""
    if room[length - 1] != ord("\n"):
        room[length] = ord("\n")
        length += 1
    return np.frombuffer(room, np.uint8, length)


def read_blocks(file: BufferedIOBase, block_bytes: int = BLOCK_BYTES) -> Iterator[Block]:
    r"""Read a file block by block, without the mark (BOM) that some editors put first.

    Args:
        file: Open for reading bytes.
        block_bytes: Most bytes of a block, and so of a line with its newline.

    >>> from io import BytesIO
    >>> [bytes(block.data) for block in read_blocks(BytesIO(b"one\ntwo\nthree"), 9)]
    [b'one\ntwo\n', b'three\n']
    """
    rest = file.read(len(_BOM))
    end = len(rest)
    rest = rest.removeprefix(_BOM)
    while True:
        room = bytearray(block_bytes + 1)
        room[: len(rest)] = rest
        with memoryview(room) as view:
            count = file.readinto(view[len(rest) : block_bytes])
        end += count
        length = len(rest) + count
        if length == 0:
            return
        # A block that is not full is the file's last.
        cut = length if length < block_bytes else room.rfind(b"\n", 0, length) + 1
        if cut == 0:
            beginning = room[: min(length, _BEGINNING)] + b"\n"
            yield Block(np.frombuffer(beginning, np.uint8), overlong=True, end=end)
            rest, count = _skip_line(file, room)
            end += count
        else:
            rest = bytes(room[cut:length])
            yield Block(_closed(room, cut), overlong=False, end=end - len(rest))

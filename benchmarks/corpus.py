"""Drawings to measure on: real ones where they are, the synthetic sample otherwise."""

import json
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import cycle
from pathlib import Path
from typing import Final

from qd_pipeline.quickdraw import sample

REAL_DRAWINGS: Final = Path(__file__).parents[2] / "shared" / "quickdraw" / "full" / "simplified"

_SAMPLE_DRAWINGS: Final = 500


@dataclass(frozen=True)
class Corpus:
    """Lines of NDJSON of many categories.

    Attributes:
        lines: One drawing each, without line feeds.
        synthetic: Whether our own generator made them.
    """

    lines: tuple[bytes, ...]
    synthetic: bool

    @classmethod
    def find(cls) -> "Corpus":
        """Take every real drawing there is, or else a sample."""
        files = sorted(REAL_DRAWINGS.glob("*.ndjson"))
        if files:
            texts = (line for path in files for line in path.read_bytes().splitlines())
            return cls(tuple(texts), synthetic=False)
        lines = (
            line.rstrip(b"\n")
            for animal in sample.ANIMALS
            for line in sample.ndjson_lines(animal, _SAMPLE_DRAWINGS, 0)
        )
        return cls(tuple(lines), synthetic=True)

    def one_category(self, category: str) -> Iterator[bytes]:
        """Return the drawings over and over as if of one category, each with a key of its own."""
        parts = []
        for line in self.lines:
            fields = json.loads(line)
            word = json.dumps(fields["word"]).encode()
            renamed = line.replace(b'"word":' + word, f'"word":"{category}"'.encode(), 1)
            head, _, tail = renamed.partition(f'"{fields["key_id"]}"'.encode())
            parts.append((head, tail))
        first = 2**52
        for place, (head, tail) in enumerate(cycle(parts)):
            yield b'%b"%d"%b\n' % (head, first + place, tail)

    def write(self, path: Path, category: str, *, size: int) -> int:
        """Write so many bytes of NDJSON, to the end of a line.

        Returns:
            Drawings written.
        """
        with path.open("wb") as stream:
            for written, line in enumerate(self.one_category(category), start=1):
                stream.write(line)
                if stream.tell() >= size:
                    return written
        raise AssertionError("the lines never end")

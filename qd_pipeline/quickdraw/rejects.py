"""The lines that are no drawings, kept beside the table: where each was, and why."""

import json
from collections import Counter
from collections.abc import Iterator
from typing import Final, TextIO

import numpy as np
from numpy.typing import NDArray

from qd_pipeline.quickdraw.ndjson.reasons import WORDS, Reason

WITH_TEXT: Final = 10_000
"""Rejects kept with the beginning of their text; later ones with line and reason only."""

KEPT: Final = 1_000_000
"""Rejects kept at all. Of those beyond, a last entry tells the number: the file stays small."""

TEXT_BYTES: Final = 200
"""Bytes of a rejected line that are kept."""


class Rejects:
    """Writes rejects as NDJSON: `line` (from 1), `reason` in words, `text` (its beginning).

    Args:
        file: Receives the lines.
    """

    def __init__(self, file: TextIO) -> None:
        self._file = file
        self._counts = np.zeros(max(Reason) + 1, np.int64)

    @property
    def count(self) -> int:
        """Lines rejected so far."""
        return int(self._counts.sum())

    @property
    def reasons(self) -> Counter[str]:
        """How many for each reason, in words."""
        return Counter(
            {
                words: int(self._counts[reason])
                for reason, words in WORDS.items()
                if self._counts[reason]
            }
        )

    def add(
        self,
        data: NDArray[np.uint8],
        starts: NDArray[np.int32],
        reasons: NDArray[np.uint8],
        first: int,
    ) -> None:
        """Keep those lines of a block that have a reason.

        Args:
            data: uint8, the block's bytes.
            starts: int32, where each line begins in them.
            reasons: uint8, each line's `Reason`.
            first: The number of the block's first line.
        """
        before = self.count
        counts = np.bincount(reasons, minlength=len(self._counts))
        counts[Reason.VALID] = 0
        if not counts.any():
            return
        self._counts += counts
        bad = np.flatnonzero(reasons)[: max(KEPT - before, 0)]
        with_text = max(WITH_TEXT - before, 0)
        self._file.writelines(_full(data, starts, reasons, bad[:with_text], first))
        self._file.writelines(
            f'{{"line": {line}, "reason": {_QUOTED[reason]}}}\n'
            for line, reason in zip(
                (bad[with_text:] + first).tolist(), reasons[bad[with_text:]].tolist(), strict=True
            )
        )

    def finish(self) -> None:
        """Report how many were not kept, if so."""
        if self.count > KEPT:
            more = f"{self.count - KEPT} more lines were rejected, and only counted"
            self._file.write(f'{{"line": null, "reason": "{more}"}}\n')


_QUOTED: Final = {int(reason): json.dumps(words) for reason, words in WORDS.items()}


def _full(
    data: NDArray[np.uint8],
    starts: NDArray[np.int32],
    reasons: NDArray[np.uint8],
    bad: NDArray[np.intp],
    first: int,
) -> Iterator[str]:
    """Write out rejects with the beginning of their text; what is not UTF-8 becomes U+FFFD."""
    for place in bad.tolist():
        start = int(starts[place])
        stop = int(starts[place + 1]) if place + 1 < len(starts) else len(data)
        text = data[start : min(stop - 1, start + TEXT_BYTES)].tobytes().decode(errors="replace")
        entry = {"line": first + place, "reason": WORDS[Reason(reasons[place])], "text": text}
        yield json.dumps(entry) + "\n"

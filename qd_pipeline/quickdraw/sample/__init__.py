"""The embedded sample: our own doodles of eight animals, in the public dataset's format.

No drawing here was drawn by a person: metrics on the sample say whether the pipeline works, not
how people draw. A drawing depends on the seed, the category and its index alone, and is the same
on every machine as far as their sines agree in the last bits (coordinates are integers).
"""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from json import dumps
from typing import Final

import numpy as np

from qd_pipeline.errors import BadSetting
from qd_pipeline.quickdraw.sample.animals import DRAW

ANIMALS: Final = tuple(DRAW)
"""The categories of the sample, in the notebook's order."""

VERSION: Final = 1
"""Incremented whenever the same seed yields other drawings; part of the data version."""

_KEY_BITS: Final = 51
_JANUARY: Final = 0.3


def ndjson_lines(category: str, count: int, seed: int) -> Iterator[bytes]:
    r"""Yield drawings as the lines of the dataset's simplified files.

    Args:
        category: One of `ANIMALS`.
        count: Number of lines.
        seed: From 0.

    Yields:
        One JSON object with its line feed, in UTF-8.

    Raises:
        BadSetting: The sample does not hold the category, or a number is negative.

    >>> line = next(ndjson_lines("duck", 1, seed=0))
    >>> line.startswith(b'{"word":"duck","countrycode":"'), line.endswith(b"]]]}\n")
    (True, True)
    """
    if category not in DRAW:
        raise BadSetting(
            f"category {category!r}",
            "is not in the synthetic sample",
            f"choose from {', '.join(ANIMALS)}, or another source",
        )
    for name, number in (("seed", seed), ("count", count)):
        if number < 0:
            raise BadSetting(f"the sample's {name}", f"is {number}", "give a number from 0")
    return (_line(category, index, seed) for index in range(count))


def _line(category: str, index: int, seed: int) -> bytes:
    # Numba takes a second to import, and what only names the sample should not wait for it.
    from qd_pipeline.quickdraw.sample.doodle import doodle  # noqa: PLC0415

    place = ANIMALS.index(category)
    # Streams of bit generators are fixed by numpy's compatibility policy (NEP 19).
    chances = np.random.Generator(np.random.PCG64(np.random.SeedSequence([seed, place, index])))
    moment = _moment(*chances.random(3).tolist())
    drawn = doodle(category, chances)
    drawing = {
        "word": category,
        "countrycode": drawn.country,
        "timestamp": moment,
        "recognized": drawn.recognized,
        "key_id": str(_key_id(place, index, seed)),
        "drawing": drawn.strokes,
    }
    return dumps(drawing, separators=(",", ":")).encode() + b"\n"


def _moment(month: float, second: float, fraction: float) -> str:
    """Return a time in January or March 2017, as nearly all drawings of the dataset have."""
    begin = datetime(2017, 1 if month < _JANUARY else 3, 1, tzinfo=UTC)
    moment = begin + timedelta(seconds=int(second * 31 * 86400))
    digits = f"{int(fraction * 100_000):05}".rstrip("0") or "0"
    return f"{moment:%Y-%m-%d %H:%M:%S}.{digits} UTC"


def _key_id(place: int, index: int, seed: int) -> int:
    """Return a 16-digit key in the dataset's range, [2**52, 2**52 + 2**51).

    Place, index and seed take 3, 24 and 24 bits and are scrambled one to one, so no two
    drawings share a key while index and seed are below 2**24.
    """
    mask = (1 << _KEY_BITS) - 1
    key = (place | index << 3 | seed << 27) & mask
    for factor in (0x2545_F491_4F6C_DD1D, 0x9E37_79B9_7F4A_7C15):
        key ^= key >> 26
        key = key * factor & mask
    return (1 << 52) + (key ^ key >> 26)

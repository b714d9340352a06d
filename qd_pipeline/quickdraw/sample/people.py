"""Who draws: where they live, what they are used to, how well it went.

The shares of countries and of unrecognised drawings are about those of the dataset. The
habits are invented: they follow from the letters of a country's code and say nothing of
the people who live there.
"""

from dataclasses import dataclass
from functools import cache
from itertools import accumulate
from typing import Final
from zlib import crc32

import numpy as np

_SHARES: Final = {
    "US": 443, "GB": 70, "CA": 38, "DE": 29, "RU": 24, "AU": 24, "BR": 19, "FI": 18, "SE": 18,
    "CZ": 16, "FR": 16, "IT": 15, "KR": 14, "PL": 13, "TH": 13, "PH": 12, "SA": 11, "HU": 11,
    "NL": 11, "ID": 8, "RO": 8, "IN": 8, "SK": 7, "JP": 7, "VN": 7, "AE": 6, "UA": 6, "MY": 6,
    "NO": 5, "NZ": 5, "TW": 5, "TR": 5, "HK": 4, "IE": 4, "BG": 4, "AT": 4, "HR": 4, "RS": 4,
    "MX": 4, "CH": 4, "DK": 3, "ES": 3, "IL": 3, "PT": 3, "BE": 3, "EE": 3, "AR": 3, "SG": 2,
    "IQ": 2, "ZA": 2, "LT": 2, "GR": 2, "SI": 2, "EG": 2, "LV": 2, "CO": 1, "CL": 1, "PK": 1,
    "KE": 1, "IS": 1,
}  # fmt: skip
COUNTRIES: Final = tuple(_SHARES)
"""Country codes, the most frequent first."""

COUNTRY_LIMITS: Final = np.array(list(accumulate(_SHARES.values()))) / sum(_SHARES.values())
"""Cumulative shares of `COUNTRIES`, ascending to 1."""


@dataclass(frozen=True)
class Habits:
    """What people of a country tend to do.

    Attributes:
        face_only: Share who draw only the face.
        facing_right: Share who draw animals facing right.
        one_line: Share of outlines drawn in one go.
        clockwise: Share who draw loops clockwise.
        head_first: Share who draw from head to tail.
        joined: Share who do not lift the pen between strokes whose ends are near.
        care: How likely small parts are drawn, 0-1.
        haste: How unsteady the pen is, around 1.
    """

    face_only: float
    facing_right: float
    one_line: float
    clockwise: float
    head_first: float
    joined: float
    care: float
    haste: float


_LEAST: Final = (0.05, 0.1, 0.1, 0.1, 0.0, 0.0, 0.7, 0.5)
_MOST: Final = (0.65, 0.7, 0.5, 0.6, 0.5, 0.5, 1.0, 1.2)


@cache
def habits(country: str) -> Habits:
    """Return a country's habits, the same for ever.

    >>> habits("GB") == habits("GB") != habits("US")
    True
    """
    chances = np.random.Generator(np.random.PCG64(crc32(country.encode())))
    shares = chances.random(len(_MOST)).tolist()
    return Habits(
        *(
            least + share * (most - least)
            for least, share, most in zip(_LEAST, shares, _MOST, strict=True)
        )
    )

"""Why a line is not a valid drawing."""

from enum import IntEnum
from typing import Final

MAX_DEPTH: Final = 32
"""Deepest nesting of brackets in a line; a drawing needs four."""

MAX_TEXT: Final = 256
"""Most bytes of UTF-8 in a drawing's country or word."""


class Reason(IntEnum):
    """Reason why a line is rejected; `VALID`: it is not."""

    VALID = 0
    BLANK = 1
    OVERLONG = 2
    NUL = 3
    ENCODING = 4
    CUT_SHORT = 5
    NOT_JSON = 6
    DEPTH = 7
    NOT_OBJECT = 8
    NO_WORD = 9
    NO_COUNTRY = 10
    NO_TIMESTAMP = 11
    NO_RECOGNIZED = 12
    NO_KEY_ID = 13
    NO_DRAWING = 14
    WORD = 15
    COUNTRY = 16
    TIMESTAMP = 17
    RECOGNIZED = 18
    KEY_ID = 19
    DRAWING = 20
    NO_STROKE = 21
    STROKE = 22
    NO_POINT = 23
    UNEQUAL = 24
    NOT_INTEGER = 25
    RANGE = 26
    DUPLICATE = 27


WORDS: Final = {
    Reason.BLANK: "blank line",
    Reason.OVERLONG: "the line is too long",
    Reason.NUL: "holds a NUL byte",
    Reason.ENCODING: "not UTF-8",
    Reason.CUT_SHORT: "cut short: the line ends before its JSON does",
    Reason.NOT_JSON: "not JSON",
    Reason.DEPTH: f"nested deeper than {MAX_DEPTH} brackets",
    Reason.NOT_OBJECT: "not a JSON object",
    Reason.NO_WORD: "has no word",
    Reason.NO_COUNTRY: "has no countrycode",
    Reason.NO_TIMESTAMP: "has no timestamp",
    Reason.NO_RECOGNIZED: "has no recognized",
    Reason.NO_KEY_ID: "has no key_id",
    Reason.NO_DRAWING: "has no drawing",
    Reason.WORD: "the word is not the category",
    Reason.COUNTRY: f"countrycode is not a text of at most {MAX_TEXT} bytes",
    Reason.TIMESTAMP: "timestamp is not like '2017-03-04 23:08:55.37556 UTC'",
    Reason.RECOGNIZED: "recognized is neither true nor false",
    Reason.KEY_ID: "key_id is not a text holding a whole number of 64 bits",
    Reason.DRAWING: "drawing is not a list of strokes",
    Reason.NO_STROKE: "the drawing has no stroke",
    Reason.STROKE: "a stroke is not a pair of x and y",
    Reason.NO_POINT: "a stroke has no point",
    Reason.UNEQUAL: "x and y differ in length",
    Reason.NOT_INTEGER: "a coordinate is not an integer",
    Reason.RANGE: "a coordinate is outside 0 to 255",
    Reason.DUPLICATE: "duplicate key_id",
}
"""Each reason in words, as the rejects give it."""

"""What the texts of a drawing may say (`texts`): its key_id, its timestamp."""

import numpy as np

from qd_pipeline.quickdraw.kernels import kernel
from qd_pipeline.quickdraw.ndjson.reasons import MAX_TEXT
from qd_pipeline.quickdraw.ndjson.tokens import POINT, ZERO, Bytes, is_digit

_SECOND = 1_000_000


@kernel
def read_key_id(text: Bytes, length: int) -> tuple[bool, np.uint64]:
    """Read a uint64 in decimal digits without leading zeros: (is it one, its value)."""
    value = np.uint64(0)
    if not 1 <= length <= 20 or (text[0] == ZERO and length > 1):
        return False, value
    most = np.uint64(0xFFFFFFFFFFFFFFFF)
    ten = np.uint64(10)
    for place in range(length):
        if not is_digit(text[place]):
            return False, value
        digit = np.uint64(text[place] - ZERO)
        if value > (most - digit) // ten:
            return False, value
        value = value * ten + digit
    return True, value


@kernel
def _number(text: Bytes, start: int, stop: int) -> int:
    """Read decimal digits, at most 18; -1 where something else stands among them."""
    value = 0
    for place in range(start, stop):
        if not is_digit(text[place]):
            return -1
        value = value * 10 + text[place] - ZERO
    return value


@kernel
def _days(year: int, month: int, day: int) -> int:
    """Count the days from 1970-01-01 in the proleptic Gregorian calendar.

    Years begin in March here, which puts the leap day last (H. Hinnant, "chrono-Compatible
    Low-Level Date Algorithms").
    """
    year -= month <= 2
    of_era = year % 400
    of_year = (153 * ((month + 9) % 12) + 2) // 5 + day - 1
    return year // 400 * 146_097 + of_era * 365 + of_era // 4 - of_era // 100 + of_year - 719_468


@kernel
def _month_length(year: int, month: int) -> int:
    if month == 2:
        return 29 if year % 4 == 0 and (year % 100 != 0 or year % 400 == 0) else 28
    return 30 if month == 4 or month == 6 or month == 9 or month == 11 else 31


@kernel
def _fraction(text: Bytes, start: int, stop: int) -> int:
    """Read a second's decimals as whole microseconds, later digits dropped; -1 if it has none."""
    if start == stop:
        return -1
    micros = 0
    unit = _SECOND
    for place in range(start, stop):
        if not is_digit(text[place]):
            return -1
        unit //= 10
        micros += (text[place] - ZERO) * unit
    return micros


@kernel
def read_timestamp(text: Bytes, length: int) -> tuple[bool, int]:
    """Read `2017-03-04 23:08:55.37556 UTC`: (is it one, microseconds since 1970).

    The decimals, any number of them, and their point may be absent.
    """
    if not 23 <= length <= MAX_TEXT:
        return False, 0
    shape = b"0000-00-00 00:00:00"
    for place in range(len(shape)):
        if not (is_digit(text[place]) if shape[place] == ZERO else text[place] == shape[place]):
            return False, 0
    zone = b" UTC"
    for place in range(len(zone)):
        if text[length - len(zone) + place] != zone[place]:
            return False, 0
    year, month, day = _number(text, 0, 4), _number(text, 5, 7), _number(text, 8, 10)
    hour, minute, second = _number(text, 11, 13), _number(text, 14, 16), _number(text, 17, 19)
    if year < 1 or not 1 <= month <= 12 or not 1 <= day <= _month_length(year, month):
        return False, 0
    if hour > 23 or minute > 59 or second > 59:
        return False, 0
    micros = 0
    if length > 23:
        micros = _fraction(text, 20, length - 4) if text[19] == POINT else -1
        if micros < 0:
            return False, 0
    seconds = ((_days(year, month, day) * 24 + hour) * 60 + minute) * 60 + second
    return True, seconds * _SECOND + micros

"""What a line of NDJSON holds, read the slow and obvious way."""

import json
import re
from datetime import UTC, datetime
from typing import Any, NamedTuple

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
TIME = re.compile(r"(\d{4})-(\d\d)-(\d\d) (\d\d):(\d\d):(\d\d)(?:\.(\d+))? UTC", re.ASCII)
KEY_ID = re.compile("0|[1-9][0-9]{0,19}")
STRING = re.compile(r'"(?:[^"\\]|\\.)*"')


class Drawing(NamedTuple):
    """A valid drawing."""

    key_id: int
    countrycode: str
    micros: int
    recognized: bool
    strokes: list[list[list[int]]]


def _refuse(constant: str) -> float:
    raise ValueError(constant)


def _whole(digits: str) -> int:
    return -1 if digits.startswith("-") or len(digits) > 3 else int(digits)


def _depth(text: str) -> int:
    depth = deepest = 0
    for mark in STRING.sub("", text):
        depth += (mark in "[{") - (mark in "]}")
        deepest = max(deepest, depth)
    return deepest


def _micros(text: str) -> int:
    match = TIME.fullmatch(text)
    if not match or len(text) > 256:
        raise ValueError(text)
    fraction = int((match[7] or "")[:6].ljust(6, "0"))
    moment = datetime(*map(int, match.groups()[:6]), tzinfo=UTC)  # type: ignore[misc, arg-type] # six numbers
    gone = moment - EPOCH
    return (gone.days * 86_400 + gone.seconds) * 1_000_000 + fraction


def _valid(line: bytes, category: str | None) -> Drawing:
    text = line.decode()
    fields = json.loads(text, parse_constant=_refuse, parse_int=_whole)
    assert _depth(text) <= 32
    assert isinstance(fields["word"], str)
    assert category in (None, fields["word"])
    country = fields["countrycode"]
    assert isinstance(country, str)
    assert len(country.encode()) <= 256
    assert isinstance(fields["recognized"], bool)
    assert KEY_ID.fullmatch(fields["key_id"])
    assert int(fields["key_id"]) < 2**64
    drawing = fields["drawing"]
    assert isinstance(drawing, list)
    assert drawing
    for stroke in drawing:
        assert isinstance(stroke, list)
        x, y = stroke
        assert isinstance(x, list)
        assert isinstance(y, list)
        assert len(x) == len(y) > 0
        assert all(type(value) is int and 0 <= value <= 255 for value in x + y)
    time = _micros(fields["timestamp"])
    return Drawing(int(fields["key_id"]), country, time, fields["recognized"], drawing)


def read(line: bytes, category: str | None) -> Drawing | None:
    """Read a line, without its newline: a drawing, or None if it is no valid one."""
    try:
        return _valid(line, category)
    except (ValueError, AssertionError, KeyError, TypeError, RecursionError):
        return None


def drawings(batch: Any) -> list[Drawing]:
    """Give the rows of a stroke table the same shape."""
    columns = batch.to_pydict()
    return [
        Drawing(
            key_id,
            country,
            (time - EPOCH).days * 86_400_000_000
            + (time - EPOCH).seconds * 1_000_000
            + time.microsecond,
            recognized,
            [[stroke["x"], stroke["y"]] for stroke in drawing],
        )
        for key_id, country, time, recognized, drawing in zip(
            *(columns[name] for name in columns), strict=True
        )
    ]

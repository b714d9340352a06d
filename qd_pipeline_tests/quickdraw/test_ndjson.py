"""The compiled reader against `json.loads`, on lines of every kind."""

import json
import os
import random
from collections.abc import Callable
from io import BytesIO
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from qd_pipeline.quickdraw.ndjson.blocks import BLOCK_BYTES, Block, read_blocks
from qd_pipeline.quickdraw.ndjson.columns import empty_columns, parse, parsed_blocks
from qd_pipeline.quickdraw.ndjson.lines import Lines, count_lines, read_lines
from qd_pipeline.quickdraw.ndjson.objects import Columns
from qd_pipeline_tests.quickdraw import plain_ndjson

LINE = (
    b'{"word":"cat","countrycode":"VE","timestamp":"2017-03-02 23:25:10.07453 UTC",'
    b'"recognized":true,"key_id":"5201136883597312",'
    b'"drawing":[[[130,113,9],[72,40,255]],[[76],[136]],[[0,7],[0,0]]]}'
)
TOKENS = [
    b'"', b"\\", b'\\"', b"\\u", b"\\u0041", b"\\ud83d\\ude00", b"\\ud800", b"\\n", b"\\x",
    b"[", b"]", b"{", b"}", b"[]", b"{}", b"[[", b"]]", b",", b":", b" ", b"\t", b"\r", b"\n",
    b"0", b"00", b"-0", b"-1", b"7", b"255", b"256", b"300", b"1e2", b"1.0", b".", b"e", b"E+1",
    b"18446744073709551615", b"18446744073709551616", b"99999999999999999999999", b"1e999",
    b"NaN", b"Infinity", b"null", b"true", b"false", b'"1"', b'"word":"cat",', b'"key_id":"7",',
    b'"drawing":[[[1],[2]]],', b'"drawing":0,', b'"other":[{"a":[1.5e-3]}],', b"\x00", b"\x1f",
    b"\x7f", b"\x80", b"\xc3", b"\xc3\xa9", b"\xe2\x82\xac", b"\xed\xa0\x80", b"\xf0\x9f\x98\x80",
    b"\xf4\x90\x80\x80", b"\xff", b"\xef\xbb\xbf", b"[" * 40, b"]" * 40, b"9" * 300, b"a" * 300,
]  # fmt: skip
STRESS = bool(os.environ.get("QD_STRESS"))


def mutated(seed: int, count: int) -> list[bytes]:
    """Break lines at random, each in one to three places; some stay whole."""
    chance = random.Random(seed)  # noqa: S311 - breaks lines, hides nothing
    lines = []
    for _ in range(count):
        line = bytearray(LINE)
        for _ in range(chance.choice((0, 1, 1, 1, 1, 2, 3))):
            start = chance.randrange(len(line) + 1)
            stop = min(len(line), start + chance.choice((0, 0, 1, 1, 2, 5, 40)))
            new = chance.choice(
                (b"", chance.choice(TOKENS), chance.choice(TOKENS), chance.randbytes(1), line[:60])
            )
            line[start:stop] = new
        lines += bytes(line).split(b"\n")
    return lines


def changed(lines: list[bytes]) -> int:
    """Count the lines that are not whole."""
    return sum(line != LINE for line in lines)


def block(lines: list[bytes]) -> Block:
    data = np.frombuffer(bytearray(b"".join(line + b"\n" for line in lines)), np.uint8)
    return Block(data, overlong=False, end=len(data))


def assert_read_as_json_reads(lines: list[bytes], category: str | None = "cat") -> int:
    """Compare line by line; give the number of valid ones."""
    parsed = parse(block(lines), category)
    expected = [plain_ndjson.read(line, category) for line in lines]
    wrong = [
        line
        for line, reason, drawing in zip(lines, parsed.reasons, expected, strict=True)
        if (reason == 0) != (drawing is not None)
    ]
    assert not wrong
    valid = [drawing for drawing in expected if drawing]
    assert plain_ndjson.drawings(parsed.drawings) == valid
    parsed.drawings.validate(full=True)
    return len(valid)


@pytest.mark.parametrize("seed", range(250 if STRESS else 3))
def test_mutated_lines_are_read_as_json_reads_them(
    seed: int, record_property: Callable[[str, object], None]
) -> None:
    lines = mutated(seed, 1000)
    assert 100 < assert_read_as_json_reads(lines) < 900
    record_property("times", changed(lines))


def test_any_word_will_do_where_no_category_is_given() -> None:
    lines = mutated(-1, 500) + [
        LINE.replace(b"cat", word) for word in (b"", b"x" * 999, b"\\ud800")
    ]
    assert_read_as_json_reads(lines, None)


@pytest.mark.parametrize("seed", range(20 if STRESS else 1))
def test_the_size_of_blocks_changes_nothing(seed: int) -> None:
    lines = [line for line in mutated(seed, 300) if len(line) < 500]
    whole = parse(block(lines), "cat")
    for block_bytes in (501, 777, 5000, BLOCK_BYTES):
        parts = list(parsed_blocks(BytesIO(b"\n".join(lines)), "cat", block_bytes))
        rows = [row for part in parts for row in plain_ndjson.drawings(part.drawings)]
        assert rows == plain_ndjson.drawings(whole.drawings)
        reasons = np.concatenate([part.reasons for part in parts])
        count = len(lines) - (lines[-1] == b"")
        assert reasons.tolist() == whole.reasons[:count].tolist()


def guarded(like: np.ndarray[Any, Any]) -> tuple[np.ndarray[Any, Any], np.ndarray[Any, Any]]:
    """Make an array, and the larger one that it is the middle of, full of 0xA5."""
    around = 4096 // like.itemsize
    whole = np.frombuffer(bytearray(b"\xa5" * (like.nbytes + 8192)), like.dtype)
    return whole[around:-around], whole


@pytest.mark.parametrize("seed", range(20 if STRESS else 1))
def test_nothing_is_read_or_written_beyond_the_arrays(
    seed: int, record_property: Callable[[str, object], None]
) -> None:
    word = np.frombuffer(bytearray(b"cat"), np.uint8)
    lines = mutated(seed, 500)
    record_property("times", changed(lines))
    for line in lines:
        results = []
        for behind in (b'"]}0', b"\n   ", b"\xff\x00\x80["):
            data = np.frombuffer(bytearray(line + b"\n" + behind * 8), np.uint8)[: len(line) + 1]
            count = count_lines(data)
            like: list[np.ndarray[Any, Any]] = [*empty_columns(len(data), count)]
            like += [np.empty(count, np.int32), np.empty(count, np.uint8)]
            arrays, wholes = zip(*map(guarded, like), strict=True)
            found = read_lines(data, word, Columns(*arrays[:-2]), Lines(*arrays[-2:]))
            for array, whole in zip(arrays, wholes, strict=True):
                edges = whole.view(np.uint8)
                edges = np.concatenate([edges[:4096], edges[4096 + array.nbytes :]])
                assert (edges == 0xA5).all()
            results.append((found, [array.tobytes() for array in arrays]))
        assert results[0] == results[1] == results[2]


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=9),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner),
    max_leaves=8,
)
COORDINATES = st.lists(st.integers(0, 255), min_size=1, max_size=9)
STROKES = COORDINATES.flatmap(
    lambda x: st.lists(st.integers(0, 255), min_size=len(x), max_size=len(x)).map(lambda y: [x, y])
)
FIELDS = {
    "word": st.just("cat"),
    "countrycode": st.text(st.characters(exclude_categories=["Cs"])),
    "timestamp": st.datetimes().map(lambda time: f"{time:%Y-%m-%d %H:%M:%S.%f} UTC"),
    "recognized": st.booleans(),
    "key_id": st.integers(0, 2**64).map(str),
    "drawing": st.lists(STROKES, min_size=1, max_size=4),
}


@st.composite
def written(draw: st.DrawFn) -> bytes:
    """An object of the right fields and others, in any order, written in any style."""
    pairs = [
        (name, draw(value if draw(st.integers(0, 15)) else JSON)) for name, value in FIELDS.items()
    ]
    others = st.tuples(st.text(max_size=4) | st.sampled_from(sorted(FIELDS)), JSON)
    pairs += draw(st.lists(others, max_size=2))
    separators = draw(st.sampled_from([(",", ":"), (" , ", "\t: "), (",\r ", " :")]))
    ascii_only = draw(st.booleans())
    parts = [
        json.dumps(name, ensure_ascii=ascii_only)
        + separators[1]
        + json.dumps(value, ensure_ascii=ascii_only, separators=separators)
        for name, value in draw(st.permutations(pairs))
    ]
    return ("{" + separators[0].join(parts) + "}").encode()


@settings(max_examples=5000 if STRESS else 150)
@given(written())
def test_however_json_is_written_it_is_read_the_same(line: bytes) -> None:
    assert_read_as_json_reads([line])


@settings(max_examples=2000 if STRESS else 200)
@given(st.binary().filter(lambda line: b"\n" not in line))
def test_bytes_of_no_sense_are_refused(line: bytes) -> None:
    assert_read_as_json_reads([line])


def test_lines_longer_than_a_block_are_skipped_as_they_stream_by() -> None:
    lines = [b"short", b"x" * 95, b"y" * 1000, b"also short", b"z" * 60]
    blocks = list(read_blocks(BytesIO(b"\n".join(lines)), 64))
    assert [(bytes(each.data[:5]), each.overlong) for each in blocks] == [
        (b"short", False),
        (b"xxxxx", True),
        (b"yyyyy", True),
        (b"also ", False),
        (b"zzzzz", False),
    ]
    assert blocks[-1].end == len(b"\n".join(lines))
    assert max(len(each.data) for each in blocks) <= 65

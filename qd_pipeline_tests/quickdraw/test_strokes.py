"""NDJSON to the stroke table: what is valid, what is rejected and how it is told."""

import json
import resource
import tracemalloc
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pandas as pd
import pyarrow.parquet as pq
import pytest

from qd_pipeline.errors import BadDrawing, HomeFailed
from qd_pipeline.quickdraw import rejects as rejects_module
from qd_pipeline.quickdraw.strokes import BLOCK_BYTES, SCHEMA, StrokeMetadata, convert, read_ndjson
from qd_pipeline_tests.quickdraw import plain_ndjson

FIELDS: dict[str, Any] = {
    "word": "cat",
    "countrycode": "VE",
    "timestamp": "2017-03-02 23:25:10.07453 UTC",
    "recognized": True,
    "key_id": "5201136883597312",
    "drawing": [[[130, 113, 9], [72, 40, 255]], [[76], [136]]],
}


def line(**changed: Any) -> bytes:
    """Write a drawing as the dataset writes it, with some fields changed."""
    return json.dumps(FIELDS | changed, separators=(",", ":")).encode()


def without(name: str) -> bytes:
    return json.dumps({key: value for key, value in FIELDS.items() if key != name}).encode()


def of(x: str, y: str = "[1]") -> bytes:
    """Write a drawing of one stroke with these lists of coordinates."""
    return line(drawing="?").replace(b'"?"', f"[[{x},{y}]]".encode())


GOOD = line(key_id="1")
CUT = "cut short: the line ends before its JSON does"
KEY_ID = "key_id is not a text holding a whole number of 64 bits"
TIMESTAMP = "timestamp is not like '2017-03-04 23:08:55.37556 UTC'"
COUNTRY = "countrycode is not a text of at most 256 bytes"
RANGE = "a coordinate is outside 0 to 255"
NOT_INTEGER = "a coordinate is not an integer"
UNEQUAL = "x and y differ in length"
PAIR = "a stroke is not a pair of x and y"

BAD = [
    (b"", "blank line"),
    (b" \t\r", "blank line"),
    (line()[:-1], CUT),
    (line()[:60], CUT),
    (line()[:100] + b"\r", CUT),
    (b"{" + b'"word":"cat",' * 2, CUT),
    (b"<html>", "not JSON"),
    (line() + line(), "not JSON"),
    (line() + b",", "not JSON"),
    (line().replace(b"true", b"True"), "not JSON"),
    (line().replace(b'"cat"', b"'cat'"), "not JSON"),
    (b"\xef\xbb\xbf" + line(), "not JSON"),
    (line().replace(b"cat", b"c\x00t"), "holds a NUL byte"),
    (b"\x00" * 50, "holds a NUL byte"),
    (line().replace(b"VE", b"V\xff"), "not UTF-8"),
    (line().replace(b"VE", b"\xc0\x80"), "not UTF-8"),
    (line().replace(b"VE", b"\xed\xa0\x80"), "not UTF-8"),
    (line(other="?").replace(b'"?"', b"[" * 32 + b"]" * 32), "nested deeper than 32 brackets"),
    (b"[" * 100_000, "nested deeper than 32 brackets"),
    (b"[" + line() + b"]", "not a JSON object"),
    (b"7", "not a JSON object"),
    (b"{}", "has no word"),
    *((without(name), f"has no {name}") for name in FIELDS),
    (line(word="dog"), "the word is not the category"),
    (line(word="cats"), "the word is not the category"),
    (line(word=None), "the word is not the category"),
    (line(countrycode=None), COUNTRY),
    (line(countrycode="x" * 257), COUNTRY),
    (line(countrycode="\ud800"), COUNTRY),
    (line(timestamp="2017-02-29 23:25:10.07453 UTC"), TIMESTAMP),
    (line(timestamp="2017-03-02T23:25:10Z"), TIMESTAMP),
    (line(timestamp="2017-03-02 24:00:00 UTC"), TIMESTAMP),
    (line(timestamp="2017-03-02 23:25:10. UTC"), TIMESTAMP),
    (line(timestamp="2017-03-02 23:25:10.5"), TIMESTAMP),
    (line(timestamp=1488497110), TIMESTAMP),
    (line(recognized="true"), "recognized is neither true nor false"),
    (line(recognized=1), "recognized is neither true nor false"),
    (line(key_id="18446744073709551616"), KEY_ID),
    (line(key_id="99999999999999999999999"), KEY_ID),
    (line(key_id="-1"), KEY_ID),
    (line(key_id="01"), KEY_ID),
    (line(key_id=""), KEY_ID),
    (line(key_id=5), KEY_ID),
    (line(drawing={}), "drawing is not a list of strokes"),
    (line(drawing="[]"), "drawing is not a list of strokes"),
    (line(drawing=[]), "the drawing has no stroke"),
    (line(drawing=[[]]), PAIR),
    (line(drawing=[[[1]]]), PAIR),
    (line(drawing=[[[1], [2], [0]]]), PAIR),
    (line(drawing=[[[1], [2]], 3]), PAIR),
    (line(drawing=[[[], []]]), "a stroke has no point"),
    (of("[1,2]", "[1]"), UNEQUAL),
    (of("[1]", "[1,2]"), UNEQUAL),
    (of("[]", "[1]"), UNEQUAL),
    (of("[256]"), RANGE),
    (of("[-1]"), RANGE),
    (of("[18446744073709551617]"), RANGE),
    (of('["1"]'), NOT_INTEGER),
    (of("[1.0]"), NOT_INTEGER),
    (of("[1e2]"), NOT_INTEGER),
    (of("[null]"), NOT_INTEGER),
    (of("[[1]]"), NOT_INTEGER),
    (of("[NaN]"), "not JSON"),
    (of("[01]"), "not JSON"),
    (of("[1,]"), "not JSON"),
    (line(key_id="1"), "duplicate key_id"),
]


class Converted:
    """What `convert` made of some lines."""

    def __init__(self, folder: Path, content: bytes, **options: Any) -> None:
        (folder / "cat.ndjson").write_bytes(content)
        paths = folder / "table.parquet", folder / "rejects.ndjson"
        self.facts: StrokeMetadata = convert(folder / "cat.ndjson", "cat", *paths, **options)
        self.table = pq.read_table(paths[0])
        self.drawings = plain_ndjson.drawings(self.table)
        self.key_ids = [drawing.key_id for drawing in self.drawings]
        self.rejects = [json.loads(entry) for entry in paths[1].read_text().splitlines()]


@pytest.mark.parametrize(("bad", "reason"), BAD, ids=range(len(BAD)))
def test_a_bad_line_costs_only_itself(tmp_path: Path, bad: bytes, reason: str) -> None:
    made = Converted(tmp_path, b"\n".join([GOOD, bad, line(key_id="2")]))
    assert made.key_ids == [1, 2]
    text = bad[:200].decode(errors="replace")
    assert made.rejects == [{"line": 2, "reason": reason, "text": text}]
    assert made.facts.reasons == {reason: 1}


def test_a_truncated_last_line_is_told_as_such(tmp_path: Path) -> None:
    made = Converted(tmp_path, GOOD + b"\n" + line()[:100])
    assert [(entry["line"], entry["reason"]) for entry in made.rejects] == [(2, CUT)]


GOOD_LINES = [
    (line(drawing=[[[7], [9]]]), "a single dot"),
    (line(drawing=[[[i % 256], [0]] for i in range(10_000)]), "10,000 strokes"),
    (line() + b"\r", "a carriage return"),
    (json.dumps(FIELDS, indent=1).replace("\n", "\r\t ").encode(), "any blanks"),
    (json.dumps(dict(reversed(FIELDS.items()))).encode(), "any order of fields"),
    (line(extra=[None, {"a": "]}"}, -1.5e300]), "fields that we do not know"),
    (line().replace(b'"word"', b'"w\\u006Frd"').replace(b"cat", b"\\u0063at"), "escapes"),
    (line(drawing=0).replace(b"}", b"," + line()[1:]), "a field that comes again, and counts"),
    (line(countrycode="<script>"), "a country that is just text"),
    (line(countrycode="Côte 🐈"), "a country in any script"),
    (line(countrycode=""), "no country"),
    (line(timestamp="2017-03-02 23:25:10 UTC"), "whole seconds"),
    (line(timestamp="0001-01-01 00:00:00.1234567 UTC"), "more digits than microseconds"),
    (line(key_id="0"), "the smallest key_id"),
    (line(key_id="18446744073709551615"), "the largest key_id"),
]


@pytest.mark.parametrize("good", [pair[0] for pair in GOOD_LINES], ids=[p[1] for p in GOOD_LINES])
def test_a_valid_line_is_read_as_json_reads_it(tmp_path: Path, good: bytes) -> None:
    made = Converted(tmp_path, good + b"\n")
    assert made.drawings == [plain_ndjson.read(good, "cat")]
    assert made.rejects == []


def test_a_byte_order_mark_is_passed_over_at_the_beginning(tmp_path: Path) -> None:
    assert Converted(tmp_path, b"\xef\xbb\xbf" + GOOD).key_ids == [1]


def test_of_duplicates_the_first_stays(tmp_path: Path) -> None:
    keys = [5, 6, 5, 7, 6, 5]
    lines = [line(key_id=str(key), drawing=[[[i], [i]]]) for i, key in enumerate(keys)]
    made = Converted(tmp_path, b"\n".join(lines))
    assert [(row.key_id, row.strokes[0][0][0]) for row in made.drawings] == [(5, 0), (6, 1), (7, 3)]
    assert [entry["line"] for entry in made.rejects] == [3, 5, 6]
    assert len(read_ndjson(tmp_path / "cat.ndjson")) == 3


def test_every_line_is_counted_in_its_place(tmp_path: Path) -> None:
    lines = [
        line(key_id=str(i)) if i % 3 else BAD[i % (len(BAD) - 1)][0][:5000] for i in range(3000)
    ]
    made = Converted(tmp_path, b"\n".join(lines) + b"\n")
    assert made.key_ids == [i for i in range(3000) if i % 3]
    assert [entry["line"] - 1 for entry in made.rejects] == list(range(0, 3000, 3))
    assert made.facts.rejected == sum(made.facts.reasons.values()) == 1000


def test_the_facts_are_those_of_the_drawings(tmp_path: Path) -> None:
    lines = [
        line(key_id="1"),
        b"?",
        line(key_id="2", countrycode="IT", recognized=False, drawing=[[[1], [1]]]),
        line(key_id="3", countrycode="IT", timestamp="2017-01-02 03:04:05 UTC"),
    ]
    facts = Converted(tmp_path, b"\n".join(lines)).facts
    assert (facts.drawings, facts.strokes, facts.points, facts.recognized) == (3, 5, 9, 2)
    assert facts.countries == {"IT": 2, "VE": 1}
    assert facts.first == datetime(2017, 1, 2, 3, 4, 5, tzinfo=UTC)
    assert facts.last == datetime(2017, 3, 2, 23, 25, 10, 74530, tzinfo=UTC)
    assert facts.ndjson_bytes == sum(len(each) + 1 for each in lines) - len(b"?\n")
    assert facts.table_bytes == (tmp_path / "table.parquet").stat().st_size
    assert (facts.rejected, facts.reasons) == (1, {"not JSON": 1})
    assert json.loads(json.dumps(facts.to_json()))["last"] == "2017-03-02T23:25:10.074530+00:00"
    assert facts.metrics()["recognized_share"] == pytest.approx(2 / 3)


def test_the_table_reads_back_by_its_schema(tmp_path: Path) -> None:
    made = Converted(tmp_path, GOOD)
    assert made.table.schema == SCHEMA == read_ndjson(tmp_path / "cat.ndjson").schema
    frame = pd.read_parquet(tmp_path / "table.parquet")
    assert frame["drawing"][0][0]["x"].tolist() == [130, 113, 9]


def test_a_file_without_a_drawing_is_one_clear_error(tmp_path: Path) -> None:
    with pytest.raises(BadDrawing) as raised:
        Converted(tmp_path, b"?\n" + line(word="dog") + b"\n" + line(word="bear") + b"\n")
    assert str(raised.value) == (
        f"{tmp_path / 'cat.ndjson'} has no valid drawing among 3 lines (most common reason: "
        "the word is not the category): make sure that it is the dataset's simplified NDJSON of "
        "'cat'."
    )
    assert not (tmp_path / "table.parquet").exists()
    with pytest.raises(BadDrawing, match="is empty"):
        Converted(tmp_path, b"")


def test_a_category_longer_than_any_text_is_no_drawings_word(tmp_path: Path) -> None:
    path = tmp_path / "long.ndjson"
    path.write_bytes(line(word="x" * 300))
    assert len(read_ndjson(path)) == 1
    assert len(read_ndjson(path, "x" * 300)) == 0
    path.write_bytes(b"")
    assert read_ndjson(path).schema == SCHEMA


def test_the_rejects_stay_small(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(rejects_module, "WITH_TEXT", 2)
    monkeypatch.setattr(rejects_module, "KEPT", 4)
    made = Converted(tmp_path, b"?" * 300 + b"\n" + b"?\n" * 6 + GOOD)
    assert made.rejects == [
        {"line": 1, "reason": "not JSON", "text": "?" * 200},
        {"line": 2, "reason": "not JSON", "text": "?"},
        {"line": 3, "reason": "not JSON"},
        {"line": 4, "reason": "not JSON"},
        {"line": None, "reason": "3 more lines were rejected, and only counted"},
    ]
    assert made.facts.rejected == 7


def test_a_line_of_100_mb_streams_by(tmp_path: Path) -> None:
    with (tmp_path / "cat.ndjson").open("wb") as file:
        file.write(line(key_id="1") + b"\n" + b'{"word":"')
        for _ in range(100):
            file.write(b"x" * 1_000_000)
        file.write(b"\n" + line(key_id="2"))
    tracemalloc.start()
    facts = convert(tmp_path / "cat.ndjson", "cat", tmp_path / "table", tmp_path / "rejects")
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert (facts.drawings, facts.reasons) == (2, {"the line is too long": 1})
    assert peak < 8 * BLOCK_BYTES
    assert json.loads((tmp_path / "rejects").read_text())["line"] == 2


def test_progress_is_told_in_bytes(tmp_path: Path) -> None:
    told: list[tuple[int, int]] = []
    content = b"\n".join(line(key_id=str(i), other="x" * 10_000) for i in range(1000))
    Converted(tmp_path, content, on_progress=lambda done, total: told.append((done, total)))
    assert len(told) == -(-len(content) // BLOCK_BYTES)
    assert told == sorted(set(told))
    assert told[-1] == (len(content), len(content))


@contextmanager
def files_of_at_most(size: int) -> Iterator[None]:
    old = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, old[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, old)


def test_a_table_that_cannot_be_written_leaves_nothing_half_done(tmp_path: Path) -> None:
    ndjson, table = tmp_path / "cat.ndjson", tmp_path / "table.parquet"
    ndjson.write_bytes(b"\n".join(line(key_id=str(i)) for i in range(1000)))
    with files_of_at_most(2000), pytest.raises(HomeFailed, match=r"written \(File too large\)"):
        convert(ndjson, "cat", table, tmp_path / "rejects")
    assert not table.exists()
    with pytest.raises(HomeFailed, match="No such file"):
        convert(ndjson, "cat", tmp_path / "none" / "table", tmp_path / "none" / "rejects")
    with pytest.raises(HomeFailed, match="cannot be read"):
        convert(tmp_path / "none.ndjson", "cat", table, tmp_path / "rejects")
    with pytest.raises(HomeFailed, match="cannot be read"):
        read_ndjson(tmp_path)


def test_real_files_are_read_whole_and_in_order(real_drawings: Path) -> None:
    paths = sorted((real_drawings / "full" / "simplified").glob("*.ndjson"))
    assert len(paths) == 345
    for path in paths:
        table = read_ndjson(path, path.stem)
        lines = path.read_bytes().splitlines()
        assert plain_ndjson.drawings(table) == [
            plain_ndjson.read(each, path.stem) for each in lines
        ]


def test_a_real_table_is_a_quarter_of_its_ndjson(real_drawings: Path, tmp_path: Path) -> None:
    path = real_drawings / "full" / "simplified" / "cat.ndjson"
    made = Converted(tmp_path, path.read_bytes())
    assert made.facts.drawings == 2000
    assert made.rejects == []
    assert made.facts.table_bytes_per_drawing <= 0.25 * made.facts.ndjson_bytes_per_drawing
    assert made.table == read_ndjson(path)

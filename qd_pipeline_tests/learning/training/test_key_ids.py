import json
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from qd_pipeline.errors import BadSetting
from qd_pipeline.learning.training import key_ids

KEYS = [5347693347995648, 4931015187365888, 6704679843004416]


def test_every_format_of_the_same_key_ids_is_the_same_to_a_fingerprint(tmp_path: Path) -> None:
    pq.write_table(pa.table({"key_id": pa.array(KEYS, pa.uint64())}), tmp_path / "keys.parquet")
    # As the dataset writes its lines: a key_id is text there.
    lines = [
        json.dumps({"word": "cow", "key_id": str(key), "drawing": [[[0], [1]]]}) for key in KEYS
    ]
    (tmp_path / "keys.ndjson").write_text("\n".join(lines))
    (tmp_path / "keys.csv").write_text("word,key_id\n" + "".join(f"cow,{key}\n" for key in KEYS))
    (tmp_path / "keys.txt").write_text("".join(f"{key}\n" for key in [*reversed(KEYS), KEYS[0]]))
    paths = [str(path) for path in tmp_path.iterdir()]
    assert [key_ids.read(path).tolist() for path in paths] == [sorted(KEYS)] * 4
    (described,) = {key_ids.describe(path) for path in paths}
    (tmp_path / "keys.txt").write_text(f"{KEYS[0]}\n{KEYS[1]}\n7\n")
    assert key_ids.describe(str(tmp_path / "keys.txt")) != described


def test_a_table_without_label_issues_excludes_nothing(tmp_path: Path) -> None:
    table = pa.table({"key_id": pa.array(KEYS, pa.uint64()), "is_label_issue": [False] * 3})
    pq.write_table(table, tmp_path / "keys.parquet")
    assert len(key_ids.read(str(tmp_path / "keys.parquet"))) == 0


@pytest.mark.parametrize(
    ("name", "text", "complaint"),
    [
        ("gone.txt", None, r"exclude .*gone.txt cannot be read \(.*No such file"),
        ("empty.txt", "", "cannot be read"),
        ("other.csv", "word,drawing\ncow,1\n", "has no column key_id: give a Parquet, NDJSON"),
        ("words.txt", "1\ncow\n", "cannot be read"),
        ("text.parquet", "1\n", "cannot be read"),
        ("text.ndjson", "1\n", "cannot be read"),
    ],
)
def test_what_is_no_file_of_key_ids_is_refused(
    tmp_path: Path, name: str, text: str | None, complaint: str
) -> None:
    path = tmp_path / name
    if text is not None:
        path.write_text(text)
    with pytest.raises(BadSetting, match=complaint):
        key_ids.read(str(path))

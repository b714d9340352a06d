from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from qd_pipeline.learning.studies.label_quality import LabelQuality, label_quality, write
from qd_pipeline.learning.training import key_ids

CLASS_SET = ("circle", "line", "square")
WRONG = 12


@pytest.fixture(scope="module")
def found() -> LabelQuality:
    """Assess 300 drawings, of which the last 12 have the label of the next category."""
    drawn = np.arange(300) % 3
    probabilities = np.full((300, 3), 0.03, np.float32)
    probabilities[np.arange(300), drawn] = 0.94
    labels = np.where(np.arange(300) < 300 - WRONG, drawn, (drawn + 1) % 3)
    names = np.asarray(CLASS_SET)
    ink = np.full((28, 28), 7, np.uint8).tobytes()
    predictions = pa.table(
        {
            "key_id": pa.array(1000 + np.arange(300), pa.uint64()),
            "true": pa.array(names[labels]).dictionary_encode(),
            "predicted": pa.array(names[drawn]).dictionary_encode(),
            **{name: probabilities[:, place] for place, name in enumerate(CLASS_SET)},
            "bitmap": [ink if wrong else None for wrong in labels != drawn],
            "recognized": labels == drawn,
        }
    )
    return label_quality(predictions, CLASS_SET)


def test_wrong_labels_are_found_and_come_first(found: LabelQuality) -> None:
    rows = found.table.to_pylist()
    assert {row["key_id"] for row in rows[:WRONG]} == set(range(1300 - WRONG, 1300))
    assert all(row["is_label_issue"] for row in rows[:WRONG])
    assert not any(row["is_label_issue"] for row in rows[WRONG:])
    assert all(row["category"] != row["predicted"] for row in rows[:WRONG])
    assert rows[0]["label_quality"] == pytest.approx(0.03)
    assert (found.issues.hits, found.issues.count) == (WRONG, 300)
    assert found.unrecognized.share == 1
    assert sum(issues.hits for issues in found.categories.values()) == WRONG


def test_label_issues_are_a_page_of_pictures_and_a_table_to_exclude(
    found: LabelQuality, tmp_path: Path
) -> None:
    write(tmp_path, found, source="synthetic sample", synthetic=True)
    page = (tmp_path / "label_quality.html").read_text()
    assert page.count("data:image/png") == WRONG
    assert "labelled circle" in page
    assert "Synthetic sample" in page
    assert "http" not in page
    table = tmp_path / "label_quality.parquet"
    assert len(pq.read_table(table)) == 300
    assert key_ids.read(str(table)).tolist() == list(range(1300 - WRONG, 1300))

import json
import re
from collections.abc import Sequence
from datetime import UTC, datetime

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from qd_pipeline.learning.evaluation.intervals import Proportion
from qd_pipeline.learning.evaluation.run_comparison import EXAMPLES, ComparedRun, stand
from qd_pipeline.learning.reports import comparison_report as comparison_page

CLASS_SET = ("circle", "line")


def bitmap_of(place: int) -> NDArray[np.uint8]:
    """Give a bitmap that tells its drawing's place."""
    return np.full((28, 28), place, np.uint8)


def predictions(answers: str, *, first_key: int = 1, sureness: Sequence[float] = ()) -> pa.Table:
    """Predict circles and lines by turns: `c` for circle, `l` for line."""
    taken = [{"c": "circle", "l": "line"}[answer] for answer in answers]
    truth = [CLASS_SET[place % 2] for place in range(len(answers))]
    sure = list(sureness) or [0.8] * len(answers)
    circle = [s if t == "circle" else 1 - s for s, t in zip(sure, taken, strict=True)]
    return pa.table(
        {
            "key_id": pa.array(range(first_key, first_key + len(answers)), pa.uint64()),
            "true": pa.array(truth).dictionary_encode(),
            "predicted": pa.array(taken).dictionary_encode(),
            "circle": pa.array(circle, pa.float32()),
            "line": pa.array([1 - share for share in circle], pa.float32()),
            "bitmap": [
                None if answer == right else bitmap_of(place).tobytes()
                for place, (answer, right) in enumerate(zip(taken, truth, strict=True))
            ],
        }
    )


def contestant(
    number: int, table: pa.Table | None, *, synthetic: bool = False, **settings: str
) -> ComparedRun:
    return ComparedRun(
        id=f"run{number}",
        link=f"https://mlflow.example/{number}",
        started=datetime(2025, 1, number, tzinfo=UTC),
        settings={"network": "seed_cnn", **settings},
        accuracy=Proportion(8, 10),
        log_loss=0.5,
        seconds=float(number),
        source="somewhere",
        synthetic=synthetic,
        predictions=table,
    )


def test_the_drawings_that_one_gets_right_and_the_other_wrong_are_found() -> None:
    newest, other = predictions("clclll"), predictions("llcccl")
    runs = [contestant(2, newest), contestant(1, other)]
    (duel,) = stand("2", CLASS_SET, runs).duels
    assert duel.other == 1
    assert duel.comparison is not None
    assert duel.comparison.drawings == 6
    assert (duel.comparison.test.only_first, duel.comparison.test.only_second) == (2, 1)
    newest_alone = {drawing.key_id: drawing for drawing in duel.only_newest}
    assert set(newest_alone) == {1, 4}
    assert (newest_alone[1].category, newest_alone[1].wrong) == ("circle", "line")
    assert [drawing.key_id for drawing in duel.only_other] == [5]
    for drawing in (*duel.only_newest, *duel.only_other):
        assert drawing.bitmap is not None
        assert np.array_equal(drawing.bitmap, bitmap_of(drawing.key_id - 1))


def test_those_that_they_differ_most_about_come_first_and_not_all_are_shown() -> None:
    count = 2 * EXAMPLES
    sureness = [0.5 + place / 100 for place in range(count)]
    newest = predictions("cl" * EXAMPLES, sureness=sureness)
    other = predictions("lc" * EXAMPLES)
    runs = [contestant(2, newest), contestant(1, other)]
    (duel,) = stand("2", CLASS_SET, runs).duels
    shown = [drawing.key_id for drawing in duel.only_newest]
    assert shown == list(range(count, count - EXAMPLES, -1))
    assert duel.only_other == ()


def test_only_shared_drawings_are_compared_whatever_their_order() -> None:
    newest = predictions("clcl").take([3, 1, 0, 2])
    other = predictions("cccccc", first_key=3)
    (duel,) = stand("2", CLASS_SET, [contestant(2, newest), contestant(1, other)]).duels
    assert duel.comparison is not None
    assert duel.comparison.drawings == 2
    assert [drawing.key_id for drawing in duel.only_newest] == [4]


def test_what_cannot_be_compared_says_why() -> None:
    table = predictions("clcl")
    swapped = table.set_column(1, "true", table["predicted"].take([1, 0, 3, 2]))
    runs = [
        contestant(4, table),
        contestant(3, None),
        contestant(2, predictions("cl", first_key=100)),
        contestant(1, swapped),
    ]
    standings = stand("2", CLASS_SET, runs)
    assert [duel.obstacle for duel in standings.duels] == [
        "The predictions of one of them are not in MLflow any more.",
        "They share no test drawing.",
        "They were tested on drawings of different categories.",
    ]
    page = comparison_page.html([standings], made=datetime(2025, 1, 5, tzinfo=UTC))
    assert all(duel.obstacle in page for duel in standings.duels)


def test_the_settings_that_differ_are_named_for_each_run() -> None:
    table = predictions("clcl")
    runs = [
        contestant(3, table, epochs="5", units="None"),
        contestant(2, table, epochs="2", units="16"),
        contestant(1, table, epochs="2"),
    ]
    assert stand("2", CLASS_SET, runs).differences == (
        "epochs 5, units –",
        "epochs 2, units 16",
        "epochs 2, units –",
    )
    assert stand("2", CLASS_SET, runs[:1]).differences == ("",)


def test_the_page_shows_every_class_set_and_needs_nothing_from_elsewhere() -> None:
    kept_no_pictures = predictions("clll").drop_columns("bitmap")
    two = [contestant(2, kept_no_pictures, synthetic=True), contestant(1, predictions("llcl"))]

    shown = [stand("2", CLASS_SET, two), stand("4", ("<b>", "line"), [])]
    page = comparison_page.html(shown, made=datetime(2025, 1, 5, 12, 30, tzinfo=UTC))
    assert "2025-01-05 12:30 UTC" in page
    assert "Synthetic sample" in page
    assert "No run has trained and evaluated" in page
    assert "&lt;b&gt;" in page
    assert page.count("data:image/png;base64,") == 1
    assert page.count("its picture was not kept") == 1
    assert "seconds of training" in page
    links = set(re.findall(r'(?:href|src)="(?!data:)([^"]*)"', page))
    assert links == {"https://mlflow.example/1", "https://mlflow.example/2"}


def test_the_figures_are_json() -> None:
    runs = [contestant(2, predictions("clcl")), contestant(1, predictions("cccc"))]
    facts = json.loads(json.dumps(stand("2", CLASS_SET, runs).to_json()))
    assert [run["run"] for run in facts["runs"]] == ["run2", "run1"]
    (duel,) = facts["newest_against"]
    assert duel["comparison"]["test"]["only_first"] == 2
    assert sorted(duel["only_newest"]) == ["2", "4"]

import json
import re
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from qd_pipeline.learning import comparison_page
from qd_pipeline.learning.intervals import Proportion
from qd_pipeline.learning.standings import EXAMPLES, Contestant, stand

CLASS_SET = ("circle", "line")
BITMAP = np.eye(28, dtype=np.uint8) * 255


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
        }
    )


def contestant(
    number: int, table: pa.Table | None, *, synthetic: bool = False, **settings: str
) -> Contestant:
    return Contestant(
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


def all_there(_category: str, keys: Sequence[int]) -> Mapping[int, NDArray[np.uint8]]:
    return dict.fromkeys(keys, BITMAP)


def test_the_drawings_that_one_gets_right_and_the_other_wrong_are_found() -> None:
    newest, other = predictions("clclll"), predictions("llcccl")
    asked: list[tuple[str, int]] = []

    def bitmaps(category: str, keys: Sequence[int]) -> Mapping[int, NDArray[np.uint8]]:
        asked.extend((category, key) for key in keys)
        return {key: BITMAP for key in keys if key != 4}

    runs = [contestant(2, newest), contestant(1, other)]
    (duel,) = stand("2", CLASS_SET, runs, bitmaps).duels
    assert duel.other == 1
    assert duel.comparison is not None
    assert duel.comparison.drawings == 6
    assert (duel.comparison.test.only_first, duel.comparison.test.only_second) == (2, 1)
    newest_alone = {drawing.key_id: drawing for drawing in duel.only_newest}
    assert set(newest_alone) == {1, 4}
    assert (newest_alone[1].category, newest_alone[1].wrong) == ("circle", "line")
    assert newest_alone[4].bitmap is None
    assert newest_alone[1].bitmap is BITMAP
    assert [drawing.key_id for drawing in duel.only_other] == [5]
    assert set(asked) == {("circle", 1), ("line", 4), ("circle", 5)}


def test_those_that_they_differ_most_about_come_first_and_not_all_are_shown() -> None:
    count = 2 * EXAMPLES
    sureness = [0.5 + place / 100 for place in range(count)]
    newest = predictions("cl" * EXAMPLES, sureness=sureness)
    other = predictions("lc" * EXAMPLES)
    runs = [contestant(2, newest), contestant(1, other)]
    (duel,) = stand("2", CLASS_SET, runs, all_there).duels
    shown = [drawing.key_id for drawing in duel.only_newest]
    assert shown == list(range(count, count - EXAMPLES, -1))
    assert duel.only_other == ()


def test_only_shared_drawings_are_compared_whatever_their_order() -> None:
    newest = predictions("clcl").take([3, 1, 0, 2])
    other = predictions("cccccc", first_key=3)
    (duel,) = stand("2", CLASS_SET, [contestant(2, newest), contestant(1, other)], all_there).duels
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
    standings = stand("2", CLASS_SET, runs, all_there)
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
    assert stand("2", CLASS_SET, runs, all_there).differences == (
        "epochs 5, units –",
        "epochs 2, units 16",
        "epochs 2, units –",
    )
    assert stand("2", CLASS_SET, runs[:1], all_there).differences == ("",)


def test_the_page_shows_every_class_set_and_needs_nothing_from_elsewhere() -> None:
    two = [contestant(2, predictions("clll"), synthetic=True), contestant(1, predictions("llcl"))]

    def one_is_gone(_category: str, keys: Sequence[int]) -> Mapping[int, NDArray[np.uint8]]:
        return {key: BITMAP for key in keys if key == 1}

    shown = [stand("2", CLASS_SET, two, one_is_gone), stand("4", ("<b>", "line"), [], all_there)]
    page = comparison_page.html(shown, made=datetime(2025, 1, 5, 12, 30, tzinfo=UTC))
    assert "2025-01-05 12:30 UTC" in page
    assert "Synthetic sample" in page
    assert "No run has trained and evaluated" in page
    assert "&lt;b&gt;" in page
    assert page.count("data:image/png;base64,") == 1
    assert page.count("not in the store any more") == 1
    assert "seconds of training" in page
    links = set(re.findall(r'(?:href|src)="(?!data:)([^"]*)"', page))
    assert links == {"https://mlflow.example/1", "https://mlflow.example/2"}


def test_the_figures_are_json() -> None:
    runs = [contestant(2, predictions("clcl")), contestant(1, predictions("cccc"))]
    facts = json.loads(json.dumps(stand("2", CLASS_SET, runs, all_there).to_json()))
    assert [run["run"] for run in facts["runs"]] == ["run2", "run1"]
    (duel,) = facts["newest_against"]
    assert duel["comparison"]["test"]["only_first"] == 2
    assert sorted(duel["only_newest"]) == ["2", "4"]

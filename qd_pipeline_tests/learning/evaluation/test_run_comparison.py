import dataclasses
import json
import re
from collections.abc import Sequence
from datetime import UTC, datetime

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from qd_pipeline.learning.evaluation.intervals import Proportion
from qd_pipeline.learning.evaluation.run_comparison import EXAMPLES, ComparedRun, compare_runs
from qd_pipeline.learning.reports import comparison_report

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


def compared_run(
    number: int,
    table: pa.Table | None,
    *,
    class_set: tuple[str, ...] = CLASS_SET,
    synthetic: bool = False,
    **settings: str,
) -> ComparedRun:
    return ComparedRun(
        id=f"run{number}",
        link=f"https://mlflow.example/{number}",
        started=datetime(2025, 1, number, tzinfo=UTC),
        class_set=class_set,
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
    runs = [compared_run(2, newest), compared_run(1, other)]
    (pair,) = compare_runs("2", CLASS_SET, runs).pairs
    assert pair.other == 1
    assert pair.comparison is not None
    assert pair.comparison.drawings == 6
    assert (pair.comparison.test.only_first, pair.comparison.test.only_second) == (2, 1)
    newest_alone = {drawing.key_id: drawing for drawing in pair.only_newest}
    assert set(newest_alone) == {1, 4}
    assert (newest_alone[1].category, newest_alone[1].wrong) == ("circle", "line")
    assert [drawing.key_id for drawing in pair.only_other] == [5]
    for drawing in (*pair.only_newest, *pair.only_other):
        assert drawing.bitmap is not None
        assert np.array_equal(drawing.bitmap, bitmap_of(drawing.key_id - 1))


def test_those_that_they_differ_most_about_come_first_and_not_all_are_shown() -> None:
    count = 2 * EXAMPLES
    sureness = [0.5 + place / 100 for place in range(count)]
    newest = predictions("cl" * EXAMPLES, sureness=sureness)
    other = predictions("lc" * EXAMPLES)
    runs = [compared_run(2, newest), compared_run(1, other)]
    (pair,) = compare_runs("2", CLASS_SET, runs).pairs
    shown = [drawing.key_id for drawing in pair.only_newest]
    assert shown == list(range(count, count - EXAMPLES, -1))
    assert pair.only_other == ()


def test_only_shared_drawings_are_compared_whatever_their_order() -> None:
    newest = predictions("clcl").take([3, 1, 0, 2])
    other = predictions("cccccc", first_key=3)
    (pair,) = compare_runs("2", CLASS_SET, [compared_run(2, newest), compared_run(1, other)]).pairs
    assert pair.comparison is not None
    assert pair.comparison.drawings == 2
    assert [drawing.key_id for drawing in pair.only_newest] == [4]


def test_what_cannot_be_compared_says_why() -> None:
    table = predictions("clcl")
    swapped = table.set_column(1, "true", table["predicted"].take([1, 0, 3, 2]))
    runs = [
        compared_run(4, table),
        compared_run(3, None),
        compared_run(2, predictions("cl", first_key=100)),
        compared_run(1, swapped),
    ]
    compared = compare_runs("2", CLASS_SET, runs)
    assert [pair.obstacle for pair in compared.pairs] == [
        "The predictions of one of them are not in MLflow any more.",
        "They share no test drawing.",
        "They disagree about the categories of the drawings that they share.",
    ]
    page = comparison_report.html([compared], made=datetime(2025, 1, 5, tzinfo=UTC))
    assert all(pair.obstacle in page for pair in compared.pairs)


def test_runs_of_other_categories_are_shown_with_them_and_not_compared() -> None:
    table = predictions("clcl" * 10)
    runs = [
        compared_run(3, table, class_set=("circle", "eye")),
        compared_run(2, table, class_set=("line", "circle")),
        compared_run(1, table, class_set=("circle", "<eye>")),
        compared_run(1, table),
    ]
    compared = compare_runs("2", CLASS_SET, runs)
    assert compared.newest == 1
    assert [(pair.other, pair.comparison is not None) for pair in compared.pairs] == [
        (0, False),
        (2, False),
        (3, True),
    ]
    assert compared.pairs[0].obstacle == "It tells other categories apart: circle, eye."
    assert compared.differences == (
        "other categories: circle, eye",
        "",
        "other categories: circle, <eye>",
        "",
    )
    page = comparison_report.html([compared], made=datetime(2025, 1, 5, tzinfo=UTC))
    assert "2 against 4" in page
    assert "It tells other categories apart: circle, &lt;eye&gt;." in page


def test_predictions_that_keep_the_true_categorys_probability_alone_are_compared_the_same() -> None:
    tables = [predictions("clcl" * 10), predictions("llcl" * 10)]
    few = [table.drop_columns(list(CLASS_SET)) for table in tables]
    own = [[row[row["true"]] for row in table.to_pylist()] for table in tables]
    kept = [
        table.append_column("probability_of_true", pa.array(each, pa.float32()))
        for table, each in zip(few, own, strict=True)
    ]
    first, second = (
        compare_runs("2", CLASS_SET, [compared_run(2, new), compared_run(1, old)]).pairs
        for old, new in (tables, kept)
    )
    assert str(first) == str(second)


def test_without_a_run_of_the_categories_nothing_is_compared() -> None:
    runs = [compared_run(2, None, class_set=("a", "b")), compared_run(1, None, class_set=())]
    compared = compare_runs("2", CLASS_SET, runs)
    assert compared.newest is None
    assert compared.pairs == ()
    assert compared.differences[1] == "other categories: not known"
    assert comparison_report.html([compared], made=datetime(2025, 1, 5, tzinfo=UTC))


def test_a_handful_of_shared_drawings_has_no_p_value() -> None:
    runs = [compared_run(2, predictions("clcl" * 2)), compared_run(1, predictions("clcl" * 2))]
    compared = compare_runs("2", CLASS_SET, runs)
    page = comparison_report.html([compared], made=datetime(2025, 1, 5, tzinfo=UTC))
    assert "8 shared test drawings; p not shown, for too few drawings" in page
    assert "p = 1" not in page


def test_unequal_categories_are_said_with_the_figures_that_tell_more() -> None:
    unequal = dataclasses.replace(
        compared_run(1, None), chance=0.988, balanced_accuracy=0.5, macro_f1=0.497
    )
    page = comparison_report.html(
        [compare_runs("2", CLASS_SET, [unequal])], made=datetime(2025, 1, 5, tzinfo=UTC)
    )
    assert "Unequal categories" in page
    assert "seconds of training" not in page
    for figure in ("98.8", "50.0", "49.7"):
        assert f"<td>{figure}\xa0%</td>" in page


def test_figures_that_are_not_numbers_are_null() -> None:
    run = dataclasses.replace(compared_run(1, None), log_loss=float("nan"))
    facts = compare_runs("2", CLASS_SET, [run]).to_json()
    assert json.loads(json.dumps(facts, allow_nan=False))["runs"][0]["log_loss"] is None


def test_the_settings_that_differ_are_named_for_each_run() -> None:
    table = predictions("clcl")
    runs = [
        compared_run(3, table, epochs="5", units="None"),
        compared_run(2, table, epochs="2", units="16"),
        compared_run(1, table, epochs="2"),
    ]
    assert compare_runs("2", CLASS_SET, runs).differences == (
        "epochs 5, units –",
        "epochs 2, units 16",
        "epochs 2, units –",
    )
    assert compare_runs("2", CLASS_SET, runs[:1]).differences == ("",)


def test_the_page_shows_every_class_set_and_needs_nothing_from_elsewhere() -> None:
    kept_no_pictures = predictions("clll").drop_columns("bitmap")
    two = [compared_run(2, kept_no_pictures, synthetic=True), compared_run(1, predictions("llcl"))]
    two[1] = dataclasses.replace(two[1], is_champion=True)
    shown = [compare_runs("2", CLASS_SET, two), compare_runs("4", ("<b>", "line"), [])]
    page = comparison_report.html(shown, made=datetime(2025, 1, 5, 12, 30, tzinfo=UTC))
    assert "2025-01-05 12:30 UTC" in page
    assert "Synthetic sample" in page
    assert "No run has trained and evaluated" in page
    assert "&lt;b&gt;" in page
    assert page.count("data:image/png;base64,") == 1
    assert page.count("its picture was not kept") == 1
    assert page.count("★ champion") == 1
    assert "2 ★" in page
    assert "seconds of training" in page
    links = set(re.findall(r'(?:href|src)="(?!data:|#)([^"]*)"', page))
    assert links == {"https://mlflow.example/1", "https://mlflow.example/2"}


def test_the_figures_are_json() -> None:
    runs = [compared_run(2, predictions("clcl")), compared_run(1, predictions("cccc"))]
    facts = json.loads(json.dumps(compare_runs("2", CLASS_SET, runs).to_json()))
    assert [run["run"] for run in facts["runs"]] == ["run2", "run1"]
    (pair,) = facts["newest_against"]
    assert pair["comparison"]["test"]["only_first"] == 2
    assert sorted(pair["only_newest"]) == ["2", "4"]

import json
from math import exp, isnan, log
from pathlib import Path

import numpy as np
import pytest

from qd_pipeline.errors import BadSetting
from qd_pipeline.learning.classifier import Classifier
from qd_pipeline.learning.data import ClassSetData
from qd_pipeline.learning.evaluation.error_analysis import Slice
from qd_pipeline.learning.evaluation.evaluate import Evaluation, evaluate
from qd_pipeline.learning.evaluation.intervals import Proportion
from qd_pipeline.learning.evaluation.metrics import headline, metrics_of
from qd_pipeline.learning.evaluation.promotion import decide
from qd_pipeline_tests.learning.shapes import keys_by_side, marks, reader_of_marks, write_category

CLASS_SET = ("circle", "line", "square")

# A mark in place i is taken for category i % 3, the more surely the smaller i is.
LOGITS: list[list[float]] = [[4, 0, 1], [1, 4, 0], [0, 1, 4], [3, 0, 1], [0, 3, 1], [0, 1, 3]]

# What the test side holds: places of the marks, by category.
TEST_MARKS = {"circle": [0, 3, 3, 1, 4], "line": [1, 2], "square": [2, 5, 5, 0]}


def softmax(logits: list[float]) -> list[float]:
    powers = [exp(logit) for logit in logits]
    return [power / sum(powers) for power in powers]


def write(folder: Path, test_marks: dict[str, list[int]]) -> ClassSetData:
    """Write categories of one drawing to train on, and the marks on the test side."""
    return ClassSetData.split(
        [
            write_category(
                folder,
                category,
                marks([9, *places]),
                key_ids=keys_by_side(1, 0, len(places), seed=seed),
                recognized=[True, *(place < 3 for place in places)],
                strokes=[1, *(1 + place for place in places)],
            )
            for seed, (category, places) in enumerate(test_marks.items())
        ]
    )


@pytest.fixture(scope="module")
def reader() -> Classifier:
    return reader_of_marks(CLASS_SET, LOGITS)


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> ClassSetData:
    return write(tmp_path_factory.mktemp("marks"), TEST_MARKS)


@pytest.fixture(scope="module")
def evaluation(reader: Classifier, data: ClassSetData) -> Evaluation:
    return evaluate(reader, data)


def test_accuracy_and_confusion_are_counted_on_the_test_side(evaluation: Evaluation) -> None:
    assert evaluation.accuracy == Proportion(7, 11)
    assert evaluation.confusion == ((3, 2, 0), (0, 1, 1), (1, 0, 3))


def test_top_two_counts_the_second_most_probable(evaluation: Evaluation) -> None:
    # Of the four mistakes, only the circle's mark 4 gives the right category less than another.
    assert evaluation.top == {2: Proportion(10, 11)}


def test_log_loss_is_the_mean_surprise(evaluation: Evaluation) -> None:
    surprises = [
        -log(softmax(LOGITS[place])[CLASS_SET.index(category)])
        for category, places in TEST_MARKS.items()
        for place in places
    ]
    assert evaluation.log_loss == pytest.approx(sum(surprises) / 11, rel=1e-5)


def test_confidence_is_held_against_accuracy(evaluation: Evaluation) -> None:
    assert evaluation.calibration is not None
    assert sum(each.count for each in evaluation.calibration.bins) == 11
    sure = [max(softmax(LOGITS[place])) for places in TEST_MARKS.values() for place in places]
    assert evaluation.calibration.error >= abs(7 / 11 - sum(sure) / 11) - 1e-6


def test_each_category_has_precision_recall_f1_and_support(evaluation: Evaluation) -> None:
    circle, line, square = evaluation.scores
    assert (circle.precision, circle.recall, circle.support) == (3 / 4, 3 / 5, 5)
    assert (line.precision, line.recall, line.support) == (1 / 3, 1 / 2, 2)
    assert (square.precision, square.recall, square.support) == (3 / 4, 3 / 4, 4)
    assert circle.f1 == pytest.approx(2 * 3 / (4 + 5))


def test_the_metrics_hold_every_figure_under_its_name(
    reader: Classifier, evaluation: Evaluation
) -> None:
    figures = metrics_of(evaluation, reader.training)
    assert figures["test_accuracy"] == 7 / 11
    assert figures["test_chance"] == evaluation.chance == 5 / 11
    assert figures["test_balanced_accuracy"] == pytest.approx((3 / 5 + 1 / 2 + 3 / 4) / 3)
    assert figures["test_macro_f1"] == pytest.approx((6 / 9 + 2 / 5 + 6 / 8) / 3)
    assert evaluation.calibration is not None
    assert figures["test_ece"] == evaluation.calibration.error
    assert figures["test_top2_accuracy"] == 10 / 11
    assert figures["recall/line"] == 1 / 2
    assert figures["training_seconds"] == 1.5
    assert evaluation.is_imbalanced


def test_a_large_category_sets_the_chance_and_the_rare_one_is_not_hidden(tmp_path: Path) -> None:
    reader = reader_of_marks(("cat", "dog"), [[3, 0]] * 2)  # calls everything a cat
    evaluation = evaluate(reader, write(tmp_path, {"cat": [0] * 80, "dog": [1]}))
    assert evaluation.accuracy == Proportion(80, 81)
    assert evaluation.chance == 80 / 81
    assert evaluation.balanced_accuracy == 0.5
    assert evaluation.macro_f1 == pytest.approx(160 / 161 / 2)
    assert evaluation.is_imbalanced
    figures = metrics_of(evaluation, reader.training)
    assert (figures["recall/cat"], figures["recall/dog"]) == (1, 0)
    assert headline(figures) == (
        "98.8 % (93.3–99.8); unequal categories: balanced accuracy 50.0 %, macro F1 49.7 %, "
        "chance 98.8 %"
    )
    assert headline({**figures, "test_chance": 0.5}) == "98.8 % (93.3–99.8)"


def test_probabilities_that_are_not_numbers_give_null_and_no_traceback(tmp_path: Path) -> None:
    nan = float("nan")
    diverged = reader_of_marks(CLASS_SET, [[nan] * 3] * 6)
    evaluation = evaluate(diverged, write(tmp_path, TEST_MARKS))
    assert (evaluation.log_loss, evaluation.calibration, evaluation.top) == (None, None, {})
    figures = json.loads(json.dumps(evaluation.to_json(), allow_nan=False))
    assert figures["log_loss"] is None
    assert figures["mistakes"][0]["probability"] is None
    assert not any(isnan(value) for value in metrics_of(evaluation, diverged.training).values())
    assert not decide(None, evaluation.predictions, synthetic=False).promoted


def test_confusions_come_most_frequent_first_with_their_drawings(evaluation: Evaluation) -> None:
    first, *rest = evaluation.confusions
    assert (first.category, first.predicted, first.proportion) == (
        "circle",
        "line",
        Proportion(2, 5),
    )
    assert [int(example.bitmap[0].argmax()) for example in first.examples] == [1, 4]
    assert {(each.category, each.predicted) for each in rest} == {
        ("line", "square"),
        ("square", "circle"),
    }


def test_mistakes_come_with_the_highest_confidence_first(evaluation: Evaluation) -> None:
    assert not any(mistake.correct for mistake in evaluation.mistakes)
    sure, less = softmax(LOGITS[0])[0], softmax(LOGITS[3])[0]
    assert [mistake.probability for mistake in evaluation.mistakes] == pytest.approx(
        [sure, sure, sure, less], rel=1e-5
    )


def test_random_drawings_are_the_same_each_time(
    reader: Classifier, data: ClassSetData, evaluation: Evaluation
) -> None:
    assert evaluate(reader, data).random == evaluation.random
    keys = {prediction.key_id for prediction in evaluation.random}
    assert keys == set(data.test.column("key_ids").tolist())


def test_accuracy_is_told_by_slice(evaluation: Evaluation) -> None:
    assert evaluation.recognized == (
        Slice("recognised", Proportion(3, 6)),
        Slice("not recognised", Proportion(4, 5)),
    )
    assert evaluation.countries == ()
    assert evaluation.stroke_counts[0] == Slice("1", Proportion(1, 2))
    assert {part.name for part in evaluation.category_pairs} == {
        "circle – line",
        "circle – square",
        "line – square",
    }


def test_predictions_hold_every_test_drawing_with_all_probabilities(
    reader: Classifier, data: ClassSetData, evaluation: Evaluation
) -> None:
    table = evaluation.predictions
    assert table.column_names == ["key_id", "true", "predicted", *CLASS_SET, "bitmap"]
    assert table["key_id"].to_pylist() == data.test.column("key_ids").tolist()
    true, predicted = table["true"].to_pylist(), table["predicted"].to_pylist()
    assert true == ["circle"] * 5 + ["line"] * 2 + ["square"] * 4
    assert sum(map(str.__eq__, true, predicted)) == 7
    bitmaps = data.test.bitmaps(slice(None))
    expected = reader.predict(bitmaps)
    assert (np.column_stack([table[name] for name in CLASS_SET]) == expected).all()
    # Those of the mistakes, so that runs can be compared without the store.
    assert table["bitmap"].to_pylist() == [
        None if one == other else bitmap.tobytes()
        for one, other, bitmap in zip(true, predicted, bitmaps, strict=True)
    ]


def test_the_json_holds_the_same_figures(evaluation: Evaluation) -> None:
    figures = json.loads(json.dumps(evaluation.to_json(), allow_nan=False))
    low, high = evaluation.accuracy.interval
    assert figures["accuracy"] == {
        "hits": 7,
        "count": 11,
        "share": 7 / 11,
        "low": low,
        "high": high,
    }
    assert figures["confusion_matrix"] == [[3, 2, 0], [0, 1, 1], [1, 0, 3]]
    assert figures["scores"][1]["precision"] == 1 / 3
    assert figures["confusions"][0]["hits"] == 2
    assert figures["mistakes"][0]["key_id"] == str(evaluation.mistakes[0].key_id)
    assert figures["recognized"][0]["name"] == "recognised"


def test_one_test_drawing_is_enough(reader: Classifier, tmp_path: Path) -> None:
    evaluation = evaluate(reader, write(tmp_path, {"circle": [0], "line": [], "square": []}))
    assert evaluation.accuracy == Proportion(1, 1)
    assert (evaluation.scores[0].recall, evaluation.scores[1].recall) == (1.0, None)
    assert not evaluation.confusions
    assert not evaluation.mistakes
    assert json.dumps(evaluation.to_json(), allow_nan=False)


def test_no_test_drawing_is_an_error(reader: Classifier, tmp_path: Path) -> None:
    data = write(tmp_path, {category: [] for category in CLASS_SET})
    with pytest.raises(BadSetting, match="has no drawing in the test split"):
        evaluate(reader, data)


def test_another_class_sets_drawings_are_refused(data: ClassSetData) -> None:
    reader = reader_of_marks(("line", "circle", "square"), LOGITS)
    with pytest.raises(BadSetting, match="was given drawings of circle, line, square"):
        evaluate(reader, data)

import numpy as np

from qd_pipeline.learning.evaluation import error_analysis
from qd_pipeline.learning.evaluation.error_analysis import Slice
from qd_pipeline.learning.evaluation.intervals import Proportion


def test_drawings_that_the_game_recognised_are_compared_with_the_rest() -> None:
    correct = np.array([True, True, False, False, True])
    recognized = np.array([True, True, True, False, False])
    assert error_analysis.by_recognized(correct, recognized) == (
        Slice("recognised", Proportion(2, 3)),
        Slice("not recognised", Proportion(1, 2)),
    )


def test_a_category_pair_asks_which_of_the_two_is_more_probable() -> None:
    labels = np.array([0, 0, 1, 2])
    probabilities = np.array(
        [[0.5, 0.3, 0.2], [0.1, 0.3, 0.6], [0.2, 0.1, 0.7], [0.3, 0.3, 0.4]], np.float32
    )
    assert error_analysis.by_category_pair(("cow", "dog", "fish"), labels, probabilities) == (
        Slice("cow – dog", Proportion(1, 3)),
        Slice("dog – fish", Proportion(1, 2)),
        Slice("cow – fish", Proportion(2, 3)),
    )


def test_equal_probabilities_are_a_mistake() -> None:
    (pair,) = error_analysis.by_category_pair(
        ("cow", "dog"), np.array([0, 1]), np.full((2, 2), 0.5)
    )
    assert pair.correct == Proportion(0, 2)


def test_countries_of_thirty_drawings_come_weakest_first() -> None:
    countries = np.array(["DE"] * 29 + ["FR"] * 30 + ["US"] * 31 + [""] * 40, np.object_)
    correct = np.zeros(130, np.bool_)
    correct[29:39] = True
    assert error_analysis.by_country(correct, countries) == (
        Slice("US", Proportion(0, 31)),
        Slice("FR", Proportion(10, 30)),
    )


def test_numbers_of_strokes_are_grouped_as_named() -> None:
    counts = np.array([1, 1, 5, 6, 7, 15, 16, 99])
    correct = np.array([True, False, True, True, False, True, False, False])
    assert error_analysis.by_stroke_count(correct, counts) == (
        Slice("1", Proportion(1, 2)),
        Slice("5", Proportion(1, 1)),
        Slice("6–7", Proportion(1, 2)),
        Slice("11–15", Proportion(1, 1)),
        Slice("16 or more", Proportion(0, 2)),
    )

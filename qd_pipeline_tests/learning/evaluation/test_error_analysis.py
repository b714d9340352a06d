import numpy as np

from qd_pipeline.learning.evaluation import error_analysis as guesses
from qd_pipeline.learning.evaluation.error_analysis import Group
from qd_pipeline.learning.evaluation.intervals import Proportion


def test_quality_compares_what_the_game_recognised_with_the_rest() -> None:
    correct = np.array([True, True, False, False, True])
    recognized = np.array([True, True, True, False, False])
    assert guesses.by_quality(correct, recognized) == (
        Group("recognised", Proportion(2, 3)),
        Group("not recognised", Proportion(1, 2)),
    )


def test_species_asks_which_of_two_is_more_probable() -> None:
    labels = np.array([0, 0, 1, 2])
    probabilities = np.array(
        [[0.5, 0.3, 0.2], [0.1, 0.3, 0.6], [0.2, 0.1, 0.7], [0.3, 0.3, 0.4]], np.float32
    )
    assert guesses.by_pair(("cow", "dog", "fish"), labels, probabilities) == (
        Group("cow – dog", Proportion(1, 3)),
        Group("dog – fish", Proportion(1, 2)),
        Group("cow – fish", Proportion(2, 3)),
    )


def test_equal_probabilities_tell_nothing_apart() -> None:
    (pair,) = guesses.by_pair(("cow", "dog"), np.array([0, 1]), np.full((2, 2), 0.5))
    assert pair.correct == Proportion(0, 2)


def test_a_country_takes_thirty_drawings() -> None:
    countries = np.array(["DE"] * 29 + ["FR"] * 30 + ["US"] * 31 + [""] * 40, np.object_)
    correct = np.zeros(130, np.bool_)
    correct[29:39] = True
    assert guesses.by_country(correct, countries) == (
        Group("US", Proportion(0, 31)),
        Group("FR", Proportion(10, 30)),
    )


def test_numbers_of_strokes_are_grouped_as_named() -> None:
    counts = np.array([1, 1, 5, 6, 7, 15, 16, 99])
    correct = np.array([True, False, True, True, False, True, False, False])
    assert guesses.by_strokes(correct, counts) == (
        Group("1", Proportion(1, 2)),
        Group("5", Proportion(1, 1)),
        Group("6–7", Proportion(1, 2)),
        Group("11–15", Proportion(1, 1)),
        Group("16 or more", Proportion(0, 2)),
    )

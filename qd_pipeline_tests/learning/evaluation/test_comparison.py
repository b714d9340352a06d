from math import comb

import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from qd_pipeline.errors import BadSetting
from qd_pipeline.learning.evaluation.comparison import compare, mcnemar

counts = st.integers(0, 60)


def predictions(*rows: tuple[int, str, str]) -> pa.Table:
    keys, true, predicted = zip(*rows, strict=True) if rows else ((), (), ())
    return pa.table(
        {
            "key_id": pa.array(keys, pa.uint64()),
            "true": pa.array(true, pa.string()).dictionary_encode(),
            "predicted": pa.array(predicted, pa.string()).dictionary_encode(),
            "cow": pa.array([0.5] * len(keys), pa.float32()),
        }
    )


# The first example imports SciPy's statistics.
@given(counts, counts)
def test_the_p_values_are_sums_of_binomial_probabilities(first: int, second: int) -> None:
    both = first + second
    ways = [comb(both, hits) / 2**both for hits in range(both + 1)]
    test = mcnemar(first, second)
    assert test.first_better == pytest.approx(sum(ways[first:]))
    assert test.second_better == pytest.approx(sum(ways[second:]))
    assert test.different == pytest.approx(min(1, 2 * min(sum(ways[first:]), sum(ways[second:]))))


def test_predictions_are_joined_by_drawing_whatever_their_order() -> None:
    first = predictions((1, "cow", "cow"), (2, "panda", "cow"), (3, "cow", "cow"))
    second = predictions((3, "cow", "cow"), (2, "panda", "panda"), (1, "cow", "panda"))
    found = compare(first, second)
    assert (found.drawings, found.first_correct, found.second_correct) == (3, 2, 2)
    assert (found.test.only_first, found.test.only_second) == (1, 1)


def test_drawings_of_one_classifier_alone_do_not_count() -> None:
    found = compare(predictions((1, "cow", "cow")), predictions((2, "cow", "panda")))
    assert (found.drawings, found.first_correct, found.second_correct) == (0, 0, 0)
    assert found.test.different == 1


def test_two_tables_that_disagree_about_a_drawing_are_refused() -> None:
    with pytest.raises(BadSetting, match="not of the same categories"):
        compare(predictions((1, "cow", "cow")), predictions((1, "panda", "cow")))

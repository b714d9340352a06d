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


@pytest.mark.parametrize(("drawings", "shown"), [(8, False), (29, False), (30, True)])
def test_a_p_value_takes_thirty_shared_drawings(drawings: int, *, shown: bool) -> None:
    table = predictions(*((key, "cow", "cow") for key in range(drawings)))
    found = compare(table, table)
    assert found.p_value == (1 if shown else None)
    assert found.to_json()["test"]["different"] == found.p_value
    assert found.p_text == ("= 1.000" if shown else "not shown, for too few drawings")


def test_the_gain_of_the_second_is_the_interval_of_the_paired_difference() -> None:
    first = predictions(*((key, "cow", "cow" if key < 50 else "panda") for key in range(100)))
    second = predictions(*((key, "cow", "cow" if key < 80 else "panda") for key in range(100)))
    found = compare(first, second)
    low, high = found.gain()
    assert 0.2 < low < 0.3 < high < 0.4
    assert (str(found.first), str(found.second)) == ("50.0 % (40.4–59.6)", "80.0 % (71.1–86.7)")


def test_two_tables_that_disagree_about_a_drawing_are_refused() -> None:
    with pytest.raises(BadSetting, match="not of the same categories"):
        compare(predictions((1, "cow", "cow")), predictions((1, "panda", "cow")))

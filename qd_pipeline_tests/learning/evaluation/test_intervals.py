from math import sqrt

import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import binomtest

from qd_pipeline.learning.evaluation.intervals import Proportion, tango, wilson


# Newcombe, "Two-sided confidence intervals for the single proportion", 1998, table I, method 3.
@pytest.mark.parametrize(
    ("hits", "count", "low", "high"),
    [
        (81, 263, 0.2553, 0.3662),
        (15, 148, 0.0624, 0.1605),
        (0, 20, 0, 0.1611),
        (1, 29, 0.0061, 0.1718),
    ],
)
def test_the_interval_is_the_published_one(hits: int, count: int, low: float, high: float) -> None:
    assert wilson(hits, count) == pytest.approx((low, high), abs=5e-5)


@pytest.mark.parametrize("hits", [0, 1, 17, 50])
@pytest.mark.parametrize("confidence", [0.5, 0.95, 0.99])
def test_the_interval_agrees_with_scipys(hits: int, confidence: float) -> None:
    reference = binomtest(hits, 50).proportion_ci(confidence, method="wilson")
    assert wilson(hits, 50, confidence) == pytest.approx((reference.low, reference.high))


# Fagerland, Lydersen and Laake, "Recommended tests and confidence intervals for paired binomial
# proportions", 2014: airway hyper-responsiveness before and after a transplantation.
def test_the_interval_of_a_paired_difference_is_the_published_one() -> None:
    assert tango(1, 7, 21) == pytest.approx((-0.517, -0.026), abs=5e-4)


@given(st.integers(0, 40), st.integers(0, 40), st.integers(1, 400))
def test_the_interval_of_a_paired_difference_excludes_zero_when_mcnemars_statistic_does(
    first: int, second: int, others: int
) -> None:
    low, high = tango(first, second, first + second + others)
    assert -1 <= low <= (first - second) / (first + second + others) <= high <= 1
    statistic = (first - second) / sqrt(max(first + second, 1))
    assert (low > 0) == (statistic > 1.96)
    mirrored = tango(second, first, first + second + others)
    assert mirrored == pytest.approx((-high, -low), abs=1e-8)


@pytest.mark.parametrize(("count", "narrow"), [(8, False), (396, True), (10_000, True)])
def test_agreement_on_every_drawing_excludes_a_point_only_on_enough_of_them(
    count: int, *, narrow: bool
) -> None:
    assert (tango(0, 0, count)[0] > -0.01) is narrow


def test_nothing_counted_tells_nothing() -> None:
    assert tango(0, 0, 0) == (-1, 1)
    assert Proportion(0, 0).share is None
    assert Proportion(0, 0).interval == (0, 1)
    assert str(Proportion(0, 0)) == "–"


def test_a_figure_is_spelled_with_its_interval() -> None:
    assert str(Proportion(77, 84)) == "91.7 % (83.8–95.9)"

import pytest
from scipy.stats import binomtest

from qd_pipeline.learning.evaluation.intervals import Proportion, wilson


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


def test_nothing_counted_tells_nothing() -> None:
    assert Proportion(0, 0).share is None
    assert Proportion(0, 0).interval == (0, 1)
    assert str(Proportion(0, 0)) == "– (n = 0)"

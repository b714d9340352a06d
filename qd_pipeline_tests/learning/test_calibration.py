import numpy as np
import pytest
from scipy.special import softmax

from qd_pipeline.learning.calibration import BINS, calibration, fit_temperature


def test_each_drawing_is_in_the_bin_of_its_confidence() -> None:
    probabilities = np.array([[0.5, 0.5], [0.3, 0.7], [1.0, 0.0], [0.95, 0.05]])
    measured = calibration(probabilities, np.array([1, 1, 0, 1]))
    assert len(measured.bins) == BINS
    filled = {place: each for place, each in enumerate(measured.bins) if each.count}
    assert set(filled) == {7, 10, 14}
    assert (filled[7].confidence, filled[7].accuracy) == (0.5, 0.0)
    assert (filled[10].confidence, filled[10].accuracy) == (0.7, 1.0)
    assert filled[14].confidence == pytest.approx(0.975)
    assert filled[14].accuracy == 0.5
    assert measured.bins[0].accuracy is None
    assert measured.error == pytest.approx((0.5 + 0.3 + 2 * 0.475) / 4)


def test_confidence_that_equals_accuracy_has_no_error() -> None:
    probabilities = np.array([[0.75, 0.25]] * 4)
    assert calibration(probabilities, np.array([0, 0, 0, 1])).error == pytest.approx(0)


@pytest.mark.parametrize("temperature", [0.4, 1.0, 2.5])
def test_the_temperature_that_distorted_the_probabilities_is_found(temperature: float) -> None:
    random = np.random.default_rng(3)
    logits = random.normal(0, 2, (20_000, 5))
    labels = np.array([random.choice(5, p=row) for row in softmax(logits, axis=1)])
    distorted = softmax(logits * temperature, axis=1)
    assert fit_temperature(distorted, labels) == pytest.approx(temperature, rel=0.05)
    if temperature != 1:
        calibrated = softmax(np.log(distorted) / temperature, axis=1)
        assert calibration(calibrated, labels).error < calibration(distorted, labels).error / 5


@pytest.mark.parametrize(("count", "found"), [(50, 0.6), (500_000, 1.0)])
def test_few_drawings_hardly_change_the_expected_temperature(count: int, found: float) -> None:
    random = np.random.default_rng(5)
    probabilities = softmax(random.normal(0, 2, (count, 3)), axis=1)
    labels = (random.random((count, 1)) > probabilities.cumsum(axis=1)).sum(axis=1)
    temperature = fit_temperature(probabilities, labels, expected=0.6)
    assert temperature == pytest.approx(found, rel=0.05)


def test_an_expected_temperature_is_given_up_where_a_few_drawings_contradict_it() -> None:
    wrong = np.tile([0.99, 0.005, 0.005], (22, 1))
    assert fit_temperature(wrong, np.arange(22) % 3, expected=0.6) > 10


def test_the_temperature_of_correct_certainties_stays_in_its_range() -> None:
    temperature = fit_temperature(np.eye(3, dtype=np.float32), np.arange(3))
    assert 0.05 <= temperature <= 20

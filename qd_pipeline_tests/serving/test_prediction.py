from dataclasses import replace

import numpy as np
import pytest

from qd_pipeline.quickdraw.sketches.sketch import to_column
from qd_pipeline.serving.drawing_forms import sketch_of
from qd_pipeline.serving.prediction import Predictor, Ranking
from qd_pipeline_tests.learning.shapes import reader_of_marks

HOOK = [[[0, 255, 255], [0, 127, 0]]]
CROSS = np.full((40, 40), 250, np.uint8)
CROSS[8:32, 18:22] = CROSS[8:12, 10:30] = 20


def chances(ranking: Ranking) -> list[float]:
    found = dict(zip(ranking.categories, ranking.probabilities, strict=True))
    return [found[category] for category in sorted(found)]


def test_categories_are_ranked_by_probability_and_ties_by_the_class_set() -> None:
    # No ink in the marks' row of pixels: all logits are 0.
    classifier = reader_of_marks(("line", "circle", "square"), [[0, 0, 0]])
    drawings = to_column(
        [sketch_of(HOOK).strokes, sketch_of([[[0, 255, 255], [255, 0, 9]]]).strokes]
    )
    rankings = Predictor(classifier).predict(drawings)
    assert [ranking.categories for ranking in rankings] == [("line", "circle", "square")] * 2
    assert rankings[0].probabilities == pytest.approx((1 / 3, 1 / 3, 1 / 3))
    assert rankings[0].bitmap.shape == (28, 28)
    assert (rankings[0].bitmap != rankings[1].bitmap).any()


def test_the_most_probable_category_comes_first() -> None:
    ink = np.ones((28 * 28, 3), np.float32) * [0.01, 0.03, 0.02]
    classifier = reader_of_marks(("line", "circle", "square"), ink.tolist())
    (ranking,) = Predictor(classifier).predict([sketch_of(HOOK)])
    assert ranking.categories == ("circle", "square", "line")
    assert list(ranking.probabilities) == sorted(ranking.probabilities, reverse=True)
    assert sum(ranking.probabilities) == pytest.approx(1)


def test_a_picture_is_answered_by_the_mean_over_its_tracings() -> None:
    ink = np.random.default_rng(0).normal(0, 0.02, (28 * 28, 3))
    # Without augmentation in its training, so that nothing is varied.
    predictor = Predictor(reader_of_marks(("line", "circle", "square"), ink.tolist()))
    picture, line = sketch_of(CROSS), sketch_of(HOOK)
    alone = predictor.predict(to_column([picture.strokes, *picture.tracings]))
    together = predictor.predict([line, picture, line])
    assert chances(together[1]) == pytest.approx(np.mean([*map(chances, alone)], axis=0))
    assert (together[1].bitmap == alone[0].bitmap).all()
    assert together[0].probabilities == together[2].probabilities
    assert len({each.probabilities for each in alone}) > 1
    assert predictor.predict([]) == []


def test_a_picture_is_varied_as_in_the_training_and_a_drawing_is_not() -> None:
    ink = np.random.default_rng(0).normal(0, 0.02, (28 * 28, 3))
    plain = reader_of_marks(("line", "circle", "square"), ink.tolist())
    config = plain.training.config.with_settings(augmentation=1.0)
    varying = replace(plain, training=replace(plain.training, config=config))
    sketches = [sketch_of(CROSS), sketch_of(HOOK)]
    before, after = (Predictor(each).predict(sketches) for each in (plain, varying))
    assert chances(after[0]) != pytest.approx(chances(before[0]), abs=1e-4)
    assert chances(after[1]) == chances(before[1])
    (alone,) = Predictor(varying).predict(sketches[:1])
    assert alone.probabilities == after[0].probabilities

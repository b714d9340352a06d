import numpy as np
import pytest

from qd_pipeline.learning import networks
from qd_pipeline.learning.classifier import Classifier, Training
from qd_pipeline.learning.inputs import prepare
from qd_pipeline.learning.training.config import TrainingConfig
from qd_pipeline.quickdraw.sketches.ink_bitmap import rasterize_ink
from qd_pipeline.quickdraw.sketches.simplify import simplify_points
from qd_pipeline.quickdraw.sketches.skeleton import strokes_of_ink
from qd_pipeline.quickdraw.sketches.sketch import to_column
from qd_pipeline.quickdraw.sketches.turned import turned
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


def test_a_picture_is_answered_by_the_mean_over_its_turns_and_shown_as_its_ink() -> None:
    marks = np.random.default_rng(0).normal(0, 0.02, (28 * 28, 3))
    predictor = Predictor(reader_of_marks(("line", "circle", "square"), marks.tolist()))
    picture, line = sketch_of(CROSS), sketch_of(HOOK)
    assert picture.ink is not None
    bitmaps = np.stack([rasterize_ink(ink, 28) for ink in turned(picture.ink)])
    alone = predictor.classifier.predict(bitmaps)
    first, second, third = predictor.predict([line, picture, line])
    assert (second.bitmap == bitmaps[0]).all()
    names = predictor.classifier.class_set
    found = dict(zip(second.categories, second.probabilities, strict=True))
    assert [found[name] for name in names] == pytest.approx(alone.mean(axis=0))
    assert first.probabilities == third.probabilities
    assert len(set(map(tuple, alone.tolist()))) == 5
    assert predictor.predict([]) == []


def test_the_strokes_of_a_picture_are_traced_at_each_turn_for_networks_of_sequences() -> None:
    class_set = ("line", "circle")
    network = networks.build("stroke_cnn", len(class_set))
    predictor = Predictor(Classifier(network, class_set, Training(TrainingConfig(), (), 0, 0, 0)))
    picture = sketch_of(CROSS)
    assert picture.ink is not None
    traced = to_column([simplify_points(strokes_of_ink(ink)) for ink in turned(picture.ink)])
    inputs = prepare(traced, predictor.classifier.spec)
    (ranking,) = predictor.predict([picture])
    found = dict(zip(ranking.categories, ranking.probabilities, strict=True))
    expected = predictor.classifier.predict(inputs).mean(axis=0)
    assert [found[name] for name in class_set] == pytest.approx(expected)
    assert (ranking.bitmap == rasterize_ink(picture.ink, 28)).all()

"""Evaluation of a classifier on the test split: metrics, mistakes, a table of predictions."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final

import numpy as np

from qd_pipeline.errors import BadSetting
from qd_pipeline.learning.calibration import Calibration, calibration
from qd_pipeline.learning.evaluation import error_analysis
from qd_pipeline.learning.evaluation.averages import Average, macro_averages, map_at_3
from qd_pipeline.learning.evaluation.coverage import Coverage, coverage
from qd_pipeline.learning.evaluation.examples import Predictions
from qd_pipeline.learning.evaluation.intervals import Proportion
from qd_pipeline.learning.evaluation.metrics import are_imbalanced
from qd_pipeline.learning.evaluation.predictions_table import FEW, table_of
from qd_pipeline.learning.figures import Figures, as_json

if TYPE_CHECKING:
    from collections.abc import Sequence

    import pyarrow as pa
    from numpy.typing import NDArray

    from qd_pipeline.learning.classifier import Classifier
    from qd_pipeline.learning.data import ClassSetData, LabelledDrawings
    from qd_pipeline.learning.evaluation.error_analysis import Slice
    from qd_pipeline.learning.evaluation.examples import Confusion, Prediction

TOP: Final = (2, 3, 5)
"""Top-k accuracies besides the accuracy itself."""

_PREDICT_AT_ONCE: Final = 10_000
_PAIRS: Final = 50
_FIGURES: Final = (
    *("class_set", "accuracy", "chance", "balanced_accuracy", "macro_f1", "top", "log_loss"),
    *("calibration", "coverage", "scores", "confusions", "mistakes", "random"),
    *("recognized", "category_pairs", "countries", "stroke_counts"),
)
"""Attributes of an evaluation that its JSON has under their names."""


@dataclass(frozen=True)
class CategoryScores(Figures):
    """Precision, recall and F1 of one category; None where there is nothing to divide by.

    Args:
        category: Its name.
        precision: Share of the drawings predicted as it that are of it, 0–1.
        recall: Share of its drawings that are predicted as it, 0–1.
        f1: Harmonic mean of the two.
        support: Test drawings of it.
    """

    category: str
    precision: float | None
    recall: float | None
    f1: float | None
    support: int


@dataclass(frozen=True)
class Evaluation:
    """A classifier's figures on the test split.

    Figures of probabilities are None where some probability is not finite.

    Args:
        class_set: Categories, in the order of the confusion matrix.
        accuracy: Of all test drawings.
        chance: Accuracy of always naming the largest category of the test drawings, 0–1.
        top: Top-k accuracy, by k.
        map_at_3: Mean average precision of the three most probable categories.
        balanced: Mean recall of the categories that have test drawings.
        macro: Mean F1 of the categories that occur among the true or predicted ones.
        log_loss: Mean of -ln(probability of the true category), clipped at 10⁻⁷.
        calibration: How its confidence agrees with its accuracy.
        coverage: Accuracy on growing shares of the drawings, the most confident first.
        scores: By category, in the class set's order.
        confusion: Drawings by true (row) and predicted (column) category.
        confusions: Its cells off the diagonal, most frequent first, with drawings.
        mistakes: The wrong predictions of highest confidence, highest first.
        random: Random test drawings (the same ones for the same test split).
        galleries: By category, some drawings that were classified correctly.
        missed: By category, those of its mistakes that have the highest confidence.
        recognized: Accuracy by whether the game recognised the drawing.
        category_pairs: Accuracy between two categories at a time, the hardest pair first; of
            many categories, only pairs that are taken for one another most often.
        countries: Accuracy by country, the weakest first.
        stroke_counts: Accuracy by the number of strokes.
        predictions: Table of `key_id` (uint64), `true` and `predicted` (dictionary of text),
            the probability of each category (float32, a column named after it), and of the
            mistakes the `bitmap` (side² bytes) that the classifier saw. Beyond `FEW` categories,
            the ten most probable (`top`, of `category` and `probability`) and the
            `probability_of_true` stand in place of a column a category.
    """

    class_set: tuple[str, ...]
    accuracy: Proportion
    chance: float
    top: dict[int, Proportion]
    map_at_3: Average | None
    balanced: Average
    macro: Average
    log_loss: float | None
    calibration: Calibration | None
    coverage: tuple[Coverage, ...]
    scores: tuple[CategoryScores, ...]
    confusion: tuple[tuple[int, ...], ...]
    confusions: tuple[Confusion, ...]
    mistakes: tuple[Prediction, ...]
    random: tuple[Prediction, ...]
    galleries: tuple[tuple[Prediction, ...], ...]
    missed: tuple[tuple[Prediction, ...], ...]
    recognized: tuple[Slice, ...]
    category_pairs: tuple[Slice, ...]
    countries: tuple[Slice, ...]
    stroke_counts: tuple[Slice, ...]
    predictions: pa.Table = field(compare=False, repr=False)

    @property
    def balanced_accuracy(self) -> float:
        """Mean recall of the categories that have test drawings, 0–1."""
        return self.balanced.value

    @property
    def macro_f1(self) -> float:
        """Mean F1 of the categories that occur among the true or predicted ones, 0–1."""
        return self.macro.value

    @property
    def is_imbalanced(self) -> bool:
        """Whether the categories' test drawings differ so much that accuracy misleads."""
        return are_imbalanced(self.chance, len(self.class_set))

    def to_json(self) -> dict[str, Any]:
        """Return all figures but the predictions, as JSON takes them."""
        figures = {name: getattr(self, name) for name in _FIGURES}
        figures["intervals"] = {
            "balanced_accuracy": self.balanced,
            "macro_f1": self.macro,
            "map_at_3": self.map_at_3,
        }
        figures["confusion_matrix"] = self.confusion
        return dict(as_json(figures))


def evaluate(classifier: Classifier, data: ClassSetData) -> Evaluation:
    """Evaluate a classifier on the test split of its class set's drawings.

    Args:
        classifier: The classifier.
        data: The drawings of the same class set, in the same order.

    Raises:
        BadSetting: when the class sets differ, or the test split is empty.
    """
    class_set = classifier.class_set
    if data.class_set != class_set:
        raise BadSetting(
            f"classifier of {', '.join(class_set)}",
            f"was given drawings of {', '.join(data.class_set)}",
            "evaluate it on its own class set",
        )
    test = data.test
    if not len(test):
        raise BadSetting(
            f"class set {', '.join(class_set)}",
            "has no drawing in the test split",
            "take more drawings per category",
        )
    return evaluate_predictions(class_set, test, _predict(classifier, test), classifier.side)


def evaluate_predictions(
    class_set: tuple[str, ...],
    test: LabelledDrawings,
    probabilities: NDArray[np.float32],
    side: int,
) -> Evaluation:
    """Evaluate what was predicted for some drawings.

    Args:
        class_set: Categories, in the order of the probabilities.
        test: The n drawings, from 1.
        probabilities: `(n, classes)`.
        side: Height and width of the bitmaps that the classifier saw, in pixels.
    """
    labels, predicted = test.labels, probabilities.argmax(axis=1)
    correct = predicted == labels
    of_truth = probabilities[np.arange(len(test)), labels]
    rank = (probabilities > of_truth[:, np.newaxis]).sum(axis=1)
    finite = bool(np.isfinite(probabilities).all())
    # scikit-learn takes a second to import, and loading the definitions should not.
    from sklearn.metrics import confusion_matrix  # noqa: PLC0415

    matrix = confusion_matrix(labels, predicted, labels=range(len(class_set)))
    confidence = probabilities.max(axis=1)
    examples = Predictions(test, predicted, confidence, side)
    balanced, macro = macro_averages(matrix)
    pairs = None if len(class_set) <= FEW else error_analysis.confused_pairs(matrix, _PAIRS)
    return Evaluation(
        class_set=class_set,
        accuracy=Proportion(int(correct.sum()), len(test)),
        chance=float(np.bincount(labels).max() / len(test)),
        top={
            count: Proportion(int((rank < count).sum()), len(test))
            for count in TOP
            if count < len(class_set) and finite
        },
        map_at_3=map_at_3(rank) if finite else None,
        balanced=balanced,
        macro=macro,
        log_loss=_log_loss(of_truth) if finite else None,
        calibration=calibration(probabilities, labels) if finite else None,
        coverage=coverage(confidence, correct) if finite else (),
        scores=_scores(class_set, labels, predicted),
        confusion=tuple(tuple(int(count) for count in row) for row in matrix),
        confusions=examples.confusions(matrix),
        mistakes=examples.mistakes,
        random=examples.random,
        galleries=examples.galleries,
        missed=examples.missed,
        recognized=error_analysis.by_recognized(correct, test.column("recognized").astype(bool)),
        category_pairs=error_analysis.by_category_pair(class_set, labels, probabilities, pairs),
        countries=error_analysis.by_country(correct, test.column("countrycodes")),
        stroke_counts=error_analysis.by_stroke_count(
            correct, test.column("stroke_counts").astype(np.int64)
        ),
        predictions=table_of(class_set, test, probabilities, side),
    )


def _log_loss(of_truth: NDArray[np.float32]) -> float:
    return float(-np.log(np.maximum(of_truth.astype(np.float64), 1e-7)).mean())


def _predict(classifier: Classifier, drawings: LabelledDrawings) -> NDArray[np.float32]:
    chunks = [
        classifier.predict(drawings.inputs(slice(start, start + _PREDICT_AT_ONCE), classifier.spec))
        for start in range(0, len(drawings), _PREDICT_AT_ONCE)
    ]
    return np.concatenate(chunks)


def _scores(
    class_set: Sequence[str], labels: NDArray[np.integer], predicted: NDArray[np.integer]
) -> tuple[CategoryScores, ...]:
    from sklearn.metrics import precision_recall_fscore_support  # noqa: PLC0415 (as above)

    *scores, support = precision_recall_fscore_support(
        labels, predicted, labels=range(len(class_set)), zero_division=np.nan
    )

    def defined(score: float) -> float | None:
        return None if np.isnan(score) else float(score)

    return tuple(
        CategoryScores(name, defined(precision), defined(recall), defined(f1), int(count))
        for name, precision, recall, f1, count in zip(class_set, *scores, support, strict=True)
    )

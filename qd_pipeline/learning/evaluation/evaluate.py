"""What a classifier makes of the test side: figures, mistakes, and a table of predictions."""

from __future__ import annotations

from dataclasses import dataclass, field, fields
from typing import TYPE_CHECKING, Any, Final

import numpy as np
import pyarrow as pa

from qd_pipeline.errors import BadSetting
from qd_pipeline.learning.calibration import Calibration, calibration
from qd_pipeline.learning.evaluation import error_analysis as guesses
from qd_pipeline.learning.evaluation.examples import Answers
from qd_pipeline.learning.evaluation.intervals import Proportion

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from qd_pipeline.learning.classifier import Classifier
    from qd_pipeline.learning.data import ClassSetData, LabelledDrawings
    from qd_pipeline.learning.evaluation.error_analysis import Group
    from qd_pipeline.learning.evaluation.examples import Confusion, Prediction

TOP: Final = (2, 3, 5)
"""Besides accuracy: is the right category among this many most probable?"""

_PREDICT_AT_ONCE: Final = 10_000


@dataclass(frozen=True)
class CategoryScores:
    """How one category came off; None where nothing was there to divide by.

    Args:
        category: Its name.
        precision: Share of the drawings taken for it that are of it.
        recall: Share of its drawings that are taken for it.
        f1: Harmonic mean of the two.
        support: Test drawings of it.
    """

    category: str
    precision: float | None
    recall: float | None
    f1: float | None
    support: int

    def to_json(self) -> dict[str, Any]:
        """Give the figures by name."""
        return {each.name: getattr(self, each.name) for each in fields(self)}


@dataclass(frozen=True)
class Evaluation:
    """A classifier's figures on the test side.

    Args:
        class_set: Categories, in the order of the confusion matrix.
        accuracy: Of all test drawings.
        top: By how many most probable categories count: is the right one among them?
        log_loss: Mean of -ln(probability of the right category), that cut off at 10⁻⁷.
        calibration: How its confidence agrees with its accuracy.
        scores: By category, in the class set's order.
        confusion: Drawings by what they are (row) and were taken for (column).
        confusions: The most frequent kinds of mistake, most frequent first.
        mistakes: The mistakes that the classifier was surest of, surest first.
        random: Drawings by chance (the same ones for the same test side).
        quality: Accuracy by whether the game recognised the drawing.
        species: Accuracy between two categories at a time, the hardest pair first.
        culture: Accuracy by country, largest first.
        strokes: Accuracy by the number of strokes.
        predictions: Table of `key_id` (uint64), `true` and `predicted` (dictionary of text),
            the probability of each category (float32, a column named after it), and of the
            mistakes the `bitmap` (side² bytes) that the classifier saw.
    """

    class_set: tuple[str, ...]
    accuracy: Proportion
    top: dict[int, Proportion]
    log_loss: float
    calibration: Calibration
    scores: tuple[CategoryScores, ...]
    confusion: tuple[tuple[int, ...], ...]
    confusions: tuple[Confusion, ...]
    mistakes: tuple[Prediction, ...]
    random: tuple[Prediction, ...]
    quality: tuple[Group, ...]
    species: tuple[Group, ...]
    culture: tuple[Group, ...]
    strokes: tuple[Group, ...]
    predictions: pa.Table = field(compare=False, repr=False)

    def to_json(self) -> dict[str, Any]:
        """Give all figures, as JSON takes them; the predictions are a table of their own."""
        return {
            "class_set": list(self.class_set),
            "accuracy": self.accuracy.to_json(),
            "top": {str(count): right.to_json() for count, right in self.top.items()},
            "log_loss": self.log_loss,
            "calibration": self.calibration.to_json(),
            "confusion_matrix": [list(row) for row in self.confusion],
            **{
                name: [each.to_json() for each in getattr(self, name)]
                for name in (
                    "scores",
                    "confusions",
                    "mistakes",
                    "random",
                    "quality",
                    "species",
                    "culture",
                    "strokes",
                )
            },
        }


def evaluate(classifier: Classifier, data: ClassSetData) -> Evaluation:
    """Measure a classifier on the test side of its class set's drawings.

    Args:
        classifier: The classifier.
        data: The drawings of the same class set, in the same order.

    Raises:
        BadSetting: when the class sets differ, or no drawing is on the test side.
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
            "has no drawing on the test side of the split",
            "take more drawings per category",
        )
    probabilities = _predict(classifier, test)
    labels, predicted = test.labels, probabilities.argmax(axis=1)
    correct = predicted == labels
    own = probabilities[np.arange(len(test)), labels]
    rank = (probabilities > own[:, np.newaxis]).sum(axis=1)
    # scikit-learn takes a second to import, and loading the definitions should not.
    from sklearn.metrics import confusion_matrix  # noqa: PLC0415

    matrix = confusion_matrix(labels, predicted, labels=range(len(class_set)))
    answers = Answers(test, predicted, probabilities.max(axis=1), classifier.side)
    return Evaluation(
        class_set=class_set,
        accuracy=Proportion(int(correct.sum()), len(test)),
        top={
            count: Proportion(int((rank < count).sum()), len(test))
            for count in TOP
            if count < len(class_set)
        },
        log_loss=float(-np.log(np.maximum(own.astype(np.float64), 1e-7)).mean()),
        calibration=calibration(probabilities, labels),
        scores=_scores(class_set, labels, predicted),
        confusion=tuple(tuple(int(count) for count in row) for row in matrix),
        confusions=answers.confusions(matrix),
        mistakes=answers.mistakes,
        random=answers.random,
        quality=guesses.by_quality(correct, test.column("recognized").astype(np.bool_)),
        species=guesses.by_pair(class_set, labels, probabilities),
        culture=guesses.by_country(correct, test.column("countrycodes")),
        strokes=guesses.by_strokes(correct, test.column("stroke_counts").astype(np.int64)),
        predictions=_table(class_set, test, predicted, probabilities, classifier.side),
    )


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


def categories_of(predictions: pa.Table) -> frozenset[str]:
    """Give the categories that a table of predictions has the probabilities of."""
    others = {"key_id", "true", "predicted", "bitmap"}
    return frozenset(predictions.column_names) - others


def _table(
    class_set: Sequence[str],
    drawings: LabelledDrawings,
    predicted: NDArray[np.integer],
    probabilities: NDArray[np.float32],
    side: int,
) -> pa.Table:
    def names(places: NDArray[np.integer]) -> pa.DictionaryArray:
        return pa.DictionaryArray.from_arrays(places.astype(np.int16), list(class_set))

    wrong = np.flatnonzero(predicted != drawings.labels)
    bitmaps = np.full(len(predicted), None, dtype=np.object_)
    bitmaps[wrong] = [bitmap.tobytes() for bitmap in drawings.bitmaps(wrong, side)]
    return pa.table(
        {
            "key_id": pa.array(drawings.column("key_ids"), pa.uint64()),
            "true": names(drawings.labels),
            "predicted": names(predicted),
            **{name: pa.array(probabilities[:, place]) for place, name in enumerate(class_set)},
            "bitmap": pa.array(bitmaps, pa.binary()),
        }
    )

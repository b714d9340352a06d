"""Example drawings with what was predicted for them."""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import cached_property
from typing import TYPE_CHECKING, Any, Final

import numpy as np

from qd_pipeline.learning.evaluation.error_analysis import largest_cells
from qd_pipeline.learning.evaluation.intervals import Proportion
from qd_pipeline.learning.figures import Figures

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from qd_pipeline.learning.data import LabelledDrawings

_CONFUSIONS: Final = 150
_EXAMPLES: Final = 6
_MISTAKES: Final = 18
_RANDOM: Final = 24
_GALLERY: Final = 12
_MISSED: Final = 3


@dataclass(frozen=True)
class Prediction(Figures):
    """One test drawing and what was predicted for it.

    Args:
        key_id: The drawing's identity.
        category: The true category.
        predicted: The predicted one.
        probability: Of `predicted`, 0–1.
        bitmap: `uint8 (side, side)`, as the classifier saw it.
    """

    key_id: int
    category: str
    predicted: str
    probability: float
    bitmap: NDArray[np.uint8] = field(compare=False, repr=False)

    @property
    def correct(self) -> bool:
        """Whether the prediction is right."""
        return self.category == self.predicted

    def to_json(self) -> dict[str, Any]:
        """Return all but the bitmap; the key as text, since JavaScript would round it."""
        return {**super().to_json(), "key_id": str(self.key_id)}


@dataclass(frozen=True)
class Confusion:
    """One cell off the diagonal of the confusion matrix.

    Args:
        category: The true category.
        predicted: The predicted one.
        proportion: How many of the category's test drawings.
        examples: Those with the highest confidence.
    """

    category: str
    predicted: str
    proportion: Proportion
    examples: tuple[Prediction, ...]

    def to_json(self) -> dict[str, Any]:
        """Return the figures by name."""
        return {
            "category": self.category,
            "predicted": self.predicted,
            **self.proportion.to_json(),
            "examples": [example.to_json() for example in self.examples],
        }


@dataclass(frozen=True)
class Predictions:
    """What a classifier predicted for each of some drawings.

    Args:
        drawings: The drawings.
        predicted: `(n,)`, places of the predicted categories.
        confidence: `(n,)`, probabilities of those, 0–1.
        side: Height and width of the bitmaps that the classifier saw, in pixels.
    """

    drawings: LabelledDrawings
    predicted: NDArray[np.integer]
    confidence: NDArray[np.floating]
    side: int

    @property
    def mistakes(self) -> tuple[Prediction, ...]:
        """The mistakes of highest confidence, highest first."""
        return self._predictions(self._mistaken[:_MISTAKES])

    @property
    def random(self) -> tuple[Prediction, ...]:
        """Random drawings, the same for the same test split."""
        places = np.random.default_rng(0).permutation(len(self.predicted))
        return self._predictions(places[:_RANDOM])

    @property
    def galleries(self) -> tuple[tuple[Prediction, ...], ...]:
        """By category, some of its drawings that were classified correctly."""
        places = np.random.default_rng(0).permutation(len(self.predicted))
        right = self.predicted[places] == self.drawings.labels[places]
        return self._by_category(places[right], _GALLERY)

    @property
    def missed(self) -> tuple[tuple[Prediction, ...], ...]:
        """By category, its wrongly classified drawings with the highest confidence."""
        return self._by_category(self._mistaken, _MISSED)

    def confusions(self, matrix: NDArray[np.integer]) -> tuple[Confusion, ...]:
        """Return the cells of the confusion matrix off its diagonal, most frequent first.

        Args:
            matrix: `(classes, classes)`, drawings by true (row) and predicted category.
        """
        names = self._names()
        wrong = self._mistaken
        labels, predicted = self.drawings.labels[wrong], self.predicted[wrong]
        return tuple(
            Confusion(
                names[true],
                names[other],
                Proportion(int(matrix[true, other]), int(matrix[true].sum())),
                self._predictions(wrong[(labels == true) & (predicted == other)][:_EXAMPLES]),
            )
            for true, other in largest_cells(matrix - np.diag(np.diag(matrix)), _CONFUSIONS)
        )

    @cached_property
    def _mistaken(self) -> NDArray[np.integer]:
        """The places of all mistakes, highest confidence first."""
        order = np.argsort(-self.confidence, kind="stable")
        wrong: NDArray[np.integer] = order[self.predicted[order] != self.drawings.labels[order]]
        return wrong

    def _by_category(
        self, places: NDArray[np.integer], most: int
    ) -> tuple[tuple[Prediction, ...], ...]:
        labels = self.drawings.labels[places]
        all_labels = range(len(self._names()))
        return tuple(self._predictions(places[labels == label][:most]) for label in all_labels)

    def _names(self) -> tuple[str, ...]:
        return tuple(category.category for category in self.drawings.categories)

    def _predictions(self, places: NDArray[np.integer]) -> tuple[Prediction, ...]:
        names, drawings = self._names(), self.drawings
        return tuple(
            Prediction(
                int(drawings.categories[label].key_ids[row]),
                names[label],
                names[self.predicted[place]],
                float(self.confidence[place]),
                bitmap,
            )
            for place, label, row, bitmap in zip(
                places,
                drawings.labels[places],
                drawings.rows[places],
                drawings.bitmaps(places, self.side),
                strict=True,
            )
        )

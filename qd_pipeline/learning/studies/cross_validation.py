"""Cross-validation: how a recipe does on drawings held out, fold by fold.

The folds divide the training and the validation side. The test side takes no part: what is
chosen by these figures can still be measured on drawings that no choice has seen. So each
fold leaves fewer drawings to learn from than a training has, and the figures lie somewhat
below those of a test.
"""

from __future__ import annotations

from dataclasses import dataclass
from math import isfinite, nan
from statistics import fmean, stdev
from typing import TYPE_CHECKING, Any, Final, Self

from qd_pipeline.errors import BadSetting
from qd_pipeline.learning import backend
from qd_pipeline.learning.data import ClassSetData, LabelledDrawings
from qd_pipeline.learning.evaluation.evaluate import evaluate
from qd_pipeline.learning.evaluation.intervals import Proportion
from qd_pipeline.learning.training.train import train
from qd_pipeline.quickdraw.split import TEST, TRAINING, VALIDATION, folds, sides

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence

    from qd_pipeline.learning.training.config import TrainingConfig

FOLDS: Final = 5
"""As many as the notebook's."""

_MOST_FOLDS: Final = 255


@dataclass(frozen=True)
class Fold:
    """How a network did on the fold that it did not learn from.

    Args:
        accuracy: On the fold's drawings.
        loss: Log loss on them; not a number where the training diverged.
        seconds: Wall time of the training.
        training_drawings: Drawings learned from.
    """

    accuracy: Proportion
    loss: float
    seconds: float
    training_drawings: int

    def to_json(self) -> dict[str, Any]:
        """Give the figures by name; a loss that is not a number as None."""
        return {
            "accuracy": self.accuracy.to_json(),
            "loss": self.loss if isfinite(self.loss) else None,
            "seconds": self.seconds,
            "training_drawings": self.training_drawings,
        }

    @classmethod
    def from_json(cls, facts: Mapping[str, Any]) -> Self:
        """Read what `to_json` gave."""
        return cls(
            accuracy=Proportion(facts["accuracy"]["hits"], facts["accuracy"]["count"]),
            loss=nan if facts["loss"] is None else facts["loss"],
            seconds=facts["seconds"],
            training_drawings=facts["training_drawings"],
        )


@dataclass(frozen=True)
class CrossValidation:
    """The figures of the folds, in their order, and what they come to.

    Args:
        folds: One or more of them: a search may stop before the last.
    """

    folds: tuple[Fold, ...]

    @property
    def accuracies(self) -> tuple[float, ...]:
        """Accuracy on each fold."""
        return tuple(fold.accuracy.share or 0.0 for fold in self.folds)

    @property
    def figures(self) -> dict[str, float]:
        """Mean and spread (standard deviation over the folds), for comparison with others.

        The seconds are those of all folds together.

        >>> fold = Fold(Proportion(8, 10), 0.5, 2.0, 40)
        >>> both = CrossValidation((fold, Fold(Proportion(9, 10), 0.5, 2.5, 40)))
        >>> {name: round(value, 4) for name, value in both.figures.items()}
        {'cv_accuracy': 0.85, 'cv_accuracy_sd': 0.0707, 'cv_loss': 0.5, 'cv_loss_sd': 0.0, \
'training_seconds': 4.5}
        """
        losses = [fold.loss for fold in self.folds]
        return {
            "cv_accuracy": fmean(self.accuracies),
            "cv_accuracy_sd": _spread(self.accuracies),
            "cv_loss": fmean(losses),
            "cv_loss_sd": _spread(losses),
            "training_seconds": sum(fold.seconds for fold in self.folds),
        }

    def to_json(self) -> dict[str, Any]:
        """Give the figures, what is not a number as None, and those of each fold."""
        return {
            **{name: value if isfinite(value) else None for name, value in self.figures.items()},
            "folds": [fold.to_json() for fold in self.folds],
        }


def check_folds(count: int) -> None:
    """See that drawings can be dealt to so many folds.

    Raises:
        BadSetting: They cannot.
    """
    if not 1 < count <= _MOST_FOLDS:
        raise BadSetting("folds", f"is {count}", f"give a number from 2 to {_MOST_FOLDS}")


def cross_validate(
    data: ClassSetData,
    recipe: TrainingConfig,
    *,
    count: int = FOLDS,
    on_fold: Callable[[int, Fold], None] | None = None,
    on_progress: Callable[[int, int], None] | None = None,
) -> CrossValidation:
    """Train once for each fold, on the others, and measure on the one held out.

    Args:
        data: The drawings.
        recipe: The settings of every training, its seed included.
        count: Number of folds, 2–255.
        on_fold: Called after each fold with its number, from 0, and its figures.
        on_progress: Called with the drawings learned from so far and altogether.

    Raises:
        BadSetting: The number of folds is out of range, or there are too few drawings.
    """
    done = []
    for number, fold in enumerate(each_fold(data, recipe, count=count, on_progress=on_progress)):
        done.append(fold)
        if on_fold:
            on_fold(number, fold)
    return CrossValidation(tuple(done))


def each_fold(
    data: ClassSetData,
    recipe: TrainingConfig,
    *,
    count: int,
    on_progress: Callable[[int, int], None] | None = None,
) -> Iterator[Fold]:
    """Train and measure fold by fold, as `cross_validate` does; a caller may stop early."""
    check_folds(count)
    parts = [hold_out(data, fold, count) for fold in range(count)]
    total = recipe.epochs * sum(len(part.training) for part in parts)
    before = 0
    for part in parts:

        def progress(done: int, _: int, before: int = before) -> None:
            if on_progress:
                on_progress(before + done, total)

        classifier = train(part, recipe, on_progress=progress)
        measured = evaluate(classifier, part)
        yield Fold(
            measured.accuracy,
            measured.log_loss,
            classifier.training.seconds,
            len(part.training),
        )
        before += recipe.epochs * len(part.training)
        # Keras would keep the graphs of every network that a search trains.
        backend.keras.utils.clear_session()


def hold_out(data: ClassSetData, fold: int, count: int) -> ClassSetData:
    """Give the drawings with one fold of the training and validation sides as the test side.

    Args:
        data: The drawings.
        fold: Which, from 0.
        count: Number of folds.

    Raises:
        BadSetting: A category has no drawing in the fold, or none outside it to train on.
    """
    categories = data.training.categories
    placed = [sides(category.key_ids) for category in categories]
    held = [folds(category.key_ids, count) == fold for category in categories]
    pairs = list(zip(placed, held, strict=True))
    part = ClassSetData(
        training=LabelledDrawings.where(categories, [(s == TRAINING) & ~h for s, h in pairs]),
        validation=LabelledDrawings.where(categories, [(s == VALIDATION) & ~h for s, h in pairs]),
        test=LabelledDrawings.where(categories, [(s != TEST) & h for s, h in pairs]),
    )
    for drawings in (part.training, part.test):
        present = set(drawings.labels.tolist())
        for place, category in enumerate(categories):
            if place not in present:
                raise BadSetting(
                    f"category {category.category}",
                    f"has too few drawings for {count} folds",
                    "take more drawings per category, or fewer folds",
                )
    return part


def _spread(values: Sequence[float]) -> float:
    """Give the sample standard deviation; 0 of a single value, not a number of such."""
    if not all(map(isfinite, values)):
        return nan
    return stdev(values) if len(values) > 1 else 0.0

"""Cross-validation of a training configuration.

The folds divide the training and validation splits; the test split takes no part, so that what
is chosen by these figures can still be tested on unseen drawings. Each fold trains on fewer
drawings than a training does, so the figures lie somewhat below those of a test.
"""

from __future__ import annotations

from dataclasses import dataclass, field, fields
from math import nan
from statistics import fmean, stdev
from typing import TYPE_CHECKING, Any, Final, Self

import pyarrow as pa

from qd_pipeline.errors import BadSetting
from qd_pipeline.learning import backend
from qd_pipeline.learning.bounds import Bounds
from qd_pipeline.learning.data import ClassSetData, LabelledDrawings
from qd_pipeline.learning.evaluation.evaluate import evaluate
from qd_pipeline.learning.evaluation.intervals import Proportion
from qd_pipeline.learning.training.selection import training_drawings
from qd_pipeline.learning.training.train import train
from qd_pipeline.quickdraw.split import TEST, TRAIN, VALIDATION, folds, split_of

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence

    from qd_pipeline.learning.training.config import TrainingConfig

FOLDS: Final = 5
"""As many as the notebook's."""

FOLD_BOUNDS: Final = Bounds(ge=2, le=255)
"""How many folds there can be."""


@dataclass(frozen=True)
class Fold:
    """Figures of one fold, of a network trained on the others.

    Args:
        accuracy: On the fold's drawings.
        loss: Log loss on them.
        seconds: Wall time of the training.
        training_drawings: Drawings trained on.
        chance: Accuracy of always naming the fold's largest category.
        balanced_accuracy: Mean recall of the categories.
        macro_f1: Mean F1 of the categories.
    """

    accuracy: Proportion
    loss: float
    seconds: float
    training_drawings: int
    chance: float
    balanced_accuracy: float
    macro_f1: float

    def to_json(self) -> dict[str, Any]:
        """Return the figures by name."""
        return {**vars(self), "accuracy": self.accuracy.to_json()}

    @classmethod
    def from_json(cls, values: Mapping[str, Any]) -> Self:
        """Read the JSON object of `to_json`, which may stand among other facts."""
        own = {each.name: values[each.name] for each in fields(cls)}
        return cls(**{**own, "accuracy": Proportion.from_json(values["accuracy"])})


@dataclass(frozen=True)
class CrossValidation:
    """Figures of the folds, in their order, with mean and standard deviation.

    Args:
        folds: Those that were trained; a search may stop before the last, or before any.
        predictions: Out-of-fold predictions, each drawing's by the network that was not trained
            on it: the table of `Evaluation.predictions`, and `recognized` (bool). None in a
            search, which has no use for those of every trial.
    """

    folds: tuple[Fold, ...]
    predictions: pa.Table | None = field(default=None, compare=False, repr=False)

    @property
    def accuracies(self) -> tuple[float, ...]:
        """Accuracy on each fold."""
        return tuple(fold.accuracy.share or 0.0 for fold in self.folds)

    @property
    def figures(self) -> dict[str, float]:
        """Mean and sample standard deviation over the folds; empty without folds.

        The seconds are the sum over all folds. The standard deviation of a single fold is 0.

        >>> fold = Fold(Proportion(8, 10), 0.5, 2.0, 40, 0.5, 0.8, 0.79)
        >>> both = CrossValidation((fold, Fold(Proportion(9, 10), 0.5, 2.5, 40, 0.5, 0.9, 0.89)))
        >>> {name: round(value, 4) for name, value in both.figures.items()}
        {'cv_accuracy': 0.85, 'cv_accuracy_sd': 0.0707, 'cv_loss': 0.5, 'cv_loss_sd': 0.0, \
'cv_chance': 0.5, 'cv_balanced_accuracy': 0.85, 'cv_macro_f1': 0.84, 'training_seconds': 4.5}
        """
        if not self.folds:
            return {}
        losses = [fold.loss for fold in self.folds]
        return {
            "cv_accuracy": fmean(self.accuracies),
            "cv_accuracy_sd": _spread(self.accuracies),
            "cv_loss": fmean(losses),
            "cv_loss_sd": _spread(losses),
            "cv_chance": fmean(fold.chance for fold in self.folds),
            "cv_balanced_accuracy": fmean(fold.balanced_accuracy for fold in self.folds),
            "cv_macro_f1": fmean(fold.macro_f1 for fold in self.folds),
            "training_seconds": sum(fold.seconds for fold in self.folds),
        }

    def to_json(self) -> dict[str, Any]:
        """Return the figures by name, and those of each fold."""
        return {**self.figures, "folds": [fold.to_json() for fold in self.folds]}


def cross_validate(
    data: ClassSetData,
    config: TrainingConfig,
    *,
    count: int = FOLDS,
    on_fold: Callable[[int, Fold], None] | None = None,
    on_progress: Callable[[int, int], None] | None = None,
) -> CrossValidation:
    """Train once for each fold, on the others, and evaluate on the one held out.

    Args:
        data: The drawings.
        config: The settings of every training, its seed included.
        count: Number of folds, 2–255.
        on_fold: Called after each fold with its number, from 0, and its figures.
        on_progress: Called with the drawings processed so far and altogether.

    Raises:
        BadSetting: The number of folds is out of range, or there are too few drawings.
        TrainingDiverged: A training diverged.
    """
    done, predictions = [], []
    each = each_fold(data, config, count=count, on_progress=on_progress)
    for number, (fold, predicted) in enumerate(each):
        done.append(fold)
        predictions.append(predicted)
        if on_fold:
            on_fold(number, fold)
    return CrossValidation(tuple(done), pa.concat_tables(predictions))


def each_fold(
    data: ClassSetData,
    config: TrainingConfig,
    *,
    count: int,
    on_progress: Callable[[int, int], None] | None = None,
) -> Iterator[tuple[Fold, pa.Table]]:
    """Train and evaluate fold by fold, as `cross_validate` does; yield figures and predictions."""
    parts = hold_out_each(data, count)
    drawings = [len(training_drawings(part, config)) for part in parts]
    total = config.epochs * sum(drawings)
    before = 0
    for part, learned in zip(parts, drawings, strict=True):

        def progress(done: int, _: int, before: int = before) -> None:
            if on_progress:
                on_progress(before + done, total)

        yield train_fold(part, config, on_progress=progress)
        before += config.epochs * learned


def train_fold(
    part: ClassSetData,
    config: TrainingConfig,
    *,
    on_progress: Callable[[int, int], None] | None = None,
) -> tuple[Fold, pa.Table]:
    """Train on the other folds, and evaluate on the one held out.

    Args:
        part: The drawings as `hold_out` returns them.
        config: The settings of the training.
        on_progress: Called with the drawings processed so far and altogether.

    Returns:
        Its figures, and its part of `CrossValidation.predictions`.

    Raises:
        TrainingDiverged: The training diverged.
    """
    classifier = train(part, config, on_progress=on_progress)
    measured = evaluate(classifier, part)
    fold = Fold(
        measured.accuracy,
        nan if measured.log_loss is None else measured.log_loss,
        classifier.training.seconds,
        len(training_drawings(part, config)),
        measured.chance,
        measured.balanced_accuracy,
        measured.macro_f1,
    )
    recognized = pa.array(part.test.column("recognized"))
    # Keras would keep the graphs of every network that a search trains.
    backend.keras.utils.clear_session()
    return fold, measured.predictions.append_column("recognized", recognized)


def hold_out_each(data: ClassSetData, count: int) -> list[ClassSetData]:
    """Return the drawings with each fold held out in turn, as `hold_out` does.

    Raises:
        BadSetting: The number of folds is out of range, or there are too few drawings.
    """
    FOLD_BOUNDS.check("folds", count)
    return [hold_out(data, fold, count) for fold in range(count)]


def hold_out(data: ClassSetData, fold: int, count: int) -> ClassSetData:
    """Return the drawings with one fold of the training and validation splits as test split.

    Args:
        data: The drawings.
        fold: Which, from 0.
        count: Number of folds.

    Raises:
        BadSetting: A category has no drawing in the fold, or none outside it to train on.
    """
    categories = data.train.categories
    splits = [split_of(category.key_ids) for category in categories]
    held = [folds(category.key_ids, count) == fold for category in categories]
    pairs = list(zip(splits, held, strict=True))
    select = LabelledDrawings.from_masks
    part = ClassSetData(
        train=select(categories, [(split == TRAIN) & ~out for split, out in pairs]),
        validation=select(categories, [(split == VALIDATION) & ~out for split, out in pairs]),
        test=select(categories, [(split != TEST) & out for split, out in pairs]),
    )
    for drawings in (part.train, part.test):
        if drawings.missing_category:
            raise BadSetting(
                f"category {drawings.missing_category}",
                f"has too few drawings for {count} folds",
                "take more drawings per category, or fewer folds",
            )
    return part


def _spread(values: Sequence[float]) -> float:
    return stdev(values) if len(values) > 1 else 0.0

"""Data study: accuracy by the number of training drawings, and without unrecognised ones."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final, Self

from qd_pipeline.errors import BadSetting
from qd_pipeline.learning import backend
from qd_pipeline.learning.data import ClassSetData
from qd_pipeline.learning.evaluation.evaluate import evaluate
from qd_pipeline.learning.evaluation.intervals import Proportion
from qd_pipeline.learning.evaluation.metrics import are_imbalanced
from qd_pipeline.learning.figures import Figures, write_json
from qd_pipeline.learning.reports import charts
from qd_pipeline.learning.reports import page as pages
from qd_pipeline.learning.training.config import TrainingConfig
from qd_pipeline.learning.training.selection import training_drawings
from qd_pipeline.learning.training.train import train
from qd_pipeline.quickdraw.split import folds

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence
    from pathlib import Path

    import numpy as np
    from matplotlib.figure import Figure
    from numpy.typing import NDArray

    from qd_pipeline.learning.data import CategoryData

SHARES: Final = (10, 30, 100)
"""Per cent of the training drawings, each share within the next."""

_ALL: Final = 100

PAGE: Final = "data_study.html"
FIGURES: Final = "data_study.json"


@dataclass(frozen=True)
class Trained(Figures):
    """Test figures of a classifier that was trained on some of the drawings.

    Args:
        name: Which drawings it was trained on.
        drawings: How many.
        accuracy: Of all test drawings.
        balanced_accuracy: Mean recall of the categories.
        macro_f1: Mean F1 of the categories.
        chance: Accuracy of always naming the largest category.
        recognized: Of those that the game recognised.
        unrecognized: Of the others.
        seconds: Wall time of the training.
    """

    name: str
    drawings: int
    accuracy: Proportion
    balanced_accuracy: float
    macro_f1: float
    chance: float
    recognized: Proportion
    unrecognized: Proportion
    seconds: float

    @classmethod
    def from_json(cls, values: Mapping[str, Any]) -> Self:
        """Read the JSON object of `to_json`."""
        names = ("accuracy", "recognized", "unrecognized")
        return cls(**{**values, **{name: Proportion.from_json(values[name]) for name in names}})


@dataclass(frozen=True)
class DataStudy(Figures):
    """The trainings of a study.

    Args:
        class_set: The categories.
        config: The settings of every training.
        curve: By share of the training drawings, rising; the last was trained on all.
        only_recognized: Trained without the drawings that the game did not recognise.
    """

    class_set: tuple[str, ...]
    config: TrainingConfig
    curve: tuple[Trained, ...]
    only_recognized: Trained

    @property
    def trainings(self) -> tuple[Trained, ...]:
        """All trainings, in their order."""
        return (*self.curve, self.only_recognized)

    @property
    def is_imbalanced(self) -> bool:
        """Whether accuracy misleads, because the categories are unequal."""
        return are_imbalanced(self.only_recognized.chance, len(self.class_set))

    @classmethod
    def from_json(cls, values: Mapping[str, Any]) -> Self:
        """Read the JSON object of `to_json`."""
        return cls(
            tuple(values["class_set"]),
            TrainingConfig.from_json(values["config"]),
            tuple(Trained.from_json(each) for each in values["curve"]),
            Trained.from_json(values["only_recognized"]),
        )


def check_shares(shares: Sequence[int]) -> None:
    """Check that shares are rising percentages.

    Raises:
        BadSetting: They are not.
    """
    if list(shares) != sorted(set(shares)) or not all(0 < share <= _ALL for share in shares):
        given = ", ".join(map(str, shares))
        raise BadSetting("shares", f"are {given}", "give rising percentages, as 10, 30, 100")


def study(
    data: ClassSetData,
    config: TrainingConfig,
    *,
    shares: Sequence[int] = SHARES,
    on_progress: Callable[[int, int], None] | None = None,
) -> DataStudy:
    """Train on rising shares of the drawings, and without the unrecognised ones.

    Each classifier is evaluated on the whole test split. A training on fewer drawings takes
    fewer steps, as it would for a user who has fewer.

    Args:
        data: The drawings.
        config: The settings of every training, its seed included.
        shares: Percentages of the training and validation drawings, 1–100, rising; 100 is
            always added.
        on_progress: Called with the drawings processed so far and altogether.

    Raises:
        BadSetting: The shares are no rising percentages, or one leaves a category without
            drawings.
        TrainingDiverged: A training diverged.
    """
    check_shares(shares)
    parts = {f"{share} %": _share(data, share) for share in shares if share < _ALL}
    whole = config.with_settings(only_recognized=False)
    trainings = [(name, part, whole) for name, part in (*parts.items(), ("all", data))]
    trainings.append(("recognised only", data, whole.with_settings(only_recognized=True)))
    total = config.epochs * sum(len(training_drawings(part, how)) for _, part, how in trainings)
    done: list[Trained] = []
    before = 0
    for name, part, how in trainings:

        def progress(learned: int, _: int, before: int = before) -> None:
            if on_progress:
                on_progress(before + learned, total)

        done.append(_train(name, part, how, progress))
        before += config.epochs * done[-1].drawings
    *curve, recognized = done
    return DataStudy(data.class_set, config, tuple(curve), recognized)


def write(folder: Path, done: DataStudy, *, source: str, synthetic: bool) -> None:
    """Write `data_study.html` and `data_study.json` into a folder that exists.

    Args:
        folder: The folder.
        done: The study.
        source: Where the drawings are from.
        synthetic: Whether they were generated rather than drawn by people.
    """
    page = pages.render(
        "data_study.html.j2",
        source=source,
        synthetic=synthetic,
        **shown(done),
    )
    (folder / PAGE).write_text(page, encoding="utf-8")
    write_json(folder / FIGURES, {"source": source, "synthetic": synthetic, **done.to_json()})


def shown(done: DataStudy) -> dict[str, Any]:
    """Return the variables of the template `data_study_sections.html.j2`."""
    return {
        "study": done,
        "study_chart": _chart(done),
        "study_low": pages.axis_from(
            proportion
            for trained in (done.curve[-1], done.only_recognized)
            for proportion in (trained.recognized, trained.unrecognized)
        ),
    }


def _chart(done: DataStudy) -> Figure:
    points = [
        charts.Point(trained.name, trained.drawings, trained.accuracy) for trained in done.curve
    ]
    return charts.accuracy_against("training drawings", points, joined=True)


def _share(data: ClassSetData, share: int) -> ClassSetData:
    """Return a share of the training and validation splits, and the whole test split."""

    def mask(category: CategoryData) -> NDArray[np.bool_]:
        return folds(category.key_ids, _ALL) < share

    part = ClassSetData(data.train.filtered(mask), data.validation.filtered(mask), data.test)
    if part.train.missing_category:
        raise BadSetting(
            f"category {part.train.missing_category}",
            f"has no training drawing among: {share} %",
            "take more drawings per category",
        )
    return part


def _train(
    name: str, part: ClassSetData, config: TrainingConfig, on_progress: Callable[[int, int], None]
) -> Trained:
    classifier = train(part, config, on_progress=on_progress)
    measured = evaluate(classifier, part)
    recognized, unrecognized = (part.correct for part in measured.recognized)
    # Keras would keep the graphs of every network.
    backend.keras.utils.clear_session()
    return Trained(
        name,
        classifier.training.training_drawings,
        measured.accuracy,
        measured.balanced_accuracy,
        measured.macro_f1,
        measured.chance,
        recognized,
        unrecognized,
        classifier.training.seconds,
    )

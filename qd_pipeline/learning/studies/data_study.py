"""What more drawings bring, and what the drawings that the game did not recognise cost."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final, Self

from qd_pipeline.errors import BadSetting
from qd_pipeline.learning import backend
from qd_pipeline.learning.data import ClassSetData, LabelledDrawings
from qd_pipeline.learning.evaluation.evaluate import evaluate
from qd_pipeline.learning.evaluation.intervals import Proportion
from qd_pipeline.learning.reports import page as pages
from qd_pipeline.learning.reports import scatter
from qd_pipeline.learning.training.config import TrainingConfig
from qd_pipeline.learning.training.train import train
from qd_pipeline.quickdraw.split import TRAINING, VALIDATION, folds, sides

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence
    from pathlib import Path

    import numpy as np
    from numpy.typing import NDArray

    from qd_pipeline.learning.data import CategoryData

SHARES: Final = (10, 30, 100)
"""Per cent of the training drawings, each share within the next."""

_ALL: Final = 100

PAGE: Final = "data_study.html"
FIGURES: Final = "data_study.json"


@dataclass(frozen=True)
class Trained:
    """How a classifier of some of the drawings does on the whole test side.

    Args:
        name: Which drawings it learned from.
        drawings: How many.
        accuracy: Of all test drawings.
        recognized: Of those that the game recognised.
        unrecognized: Of the others.
        seconds: Wall time of the training.
    """

    name: str
    drawings: int
    accuracy: Proportion
    recognized: Proportion
    unrecognized: Proportion
    seconds: float

    def to_json(self) -> dict[str, Any]:
        """Give the figures by name."""
        return {
            "name": self.name,
            "drawings": self.drawings,
            "accuracy": self.accuracy.to_json(),
            "recognized": self.recognized.to_json(),
            "unrecognized": self.unrecognized.to_json(),
            "seconds": self.seconds,
        }

    @classmethod
    def from_json(cls, facts: Mapping[str, Any]) -> Self:
        """Take what `to_json` gave."""
        accuracies = {
            name: Proportion(facts[name]["hits"], facts[name]["count"])
            for name in ("accuracy", "recognized", "unrecognized")
        }
        return cls(facts["name"], facts["drawings"], **accuracies, seconds=facts["seconds"])


@dataclass(frozen=True)
class DataStudy:
    """The trainings of a study.

    Args:
        class_set: The categories.
        recipe: How each was trained.
        curve: By share of the training drawings, rising; the last learned from all.
        only_recognized: Trained without the drawings that the game did not recognise.
    """

    class_set: tuple[str, ...]
    recipe: TrainingConfig
    curve: tuple[Trained, ...]
    only_recognized: Trained

    @property
    def trainings(self) -> tuple[Trained, ...]:
        """All of them."""
        return (*self.curve, self.only_recognized)

    def to_json(self) -> dict[str, Any]:
        """Give the figures by name."""
        return {
            "class_set": list(self.class_set),
            "recipe": self.recipe.to_json(),
            "curve": [trained.to_json() for trained in self.curve],
            "only_recognized": self.only_recognized.to_json(),
        }

    @classmethod
    def from_json(cls, facts: Mapping[str, Any]) -> Self:
        """Take what `to_json` gave."""
        return cls(
            tuple(facts["class_set"]),
            TrainingConfig(**facts["recipe"]),
            tuple(Trained.from_json(each) for each in facts["curve"]),
            Trained.from_json(facts["only_recognized"]),
        )


def check_shares(shares: Sequence[int]) -> None:
    """See that shares of the drawings are per cents, each above the one before.

    Raises:
        BadSetting: They are not.
    """
    if list(shares) != sorted(set(shares)) or not all(0 < share <= _ALL for share in shares):
        given = ", ".join(map(str, shares))
        raise BadSetting("shares", f"are {given}", "give rising percentages, as 10, 30, 100")


def study(
    data: ClassSetData,
    recipe: TrainingConfig,
    *,
    shares: Sequence[int] = SHARES,
    on_training: Callable[[Trained], None] | None = None,
    on_progress: Callable[[int, int], None] | None = None,
) -> DataStudy:
    """Train on rising shares of the drawings, and without the unrecognised ones.

    Each is evaluated on the same whole test side. A training on fewer drawings takes fewer
    steps: what is compared is what users would get who had fewer, or filtered them.

    Args:
        data: The drawings.
        recipe: The settings of every training, its seed included.
        shares: Per cent of the training and validation drawings, 1–100, rising; the whole is
            always there.
        on_training: Called after each training.
        on_progress: Called with the drawings learned from so far and altogether.

    Raises:
        BadSetting: The shares are no rising percentages, or one leaves a category without
            drawings.
    """
    check_shares(shares)
    parts = {f"{share} %": _share(data, share) for share in shares if share < _ALL}
    parts |= {"all": data, "recognised only": _recognized(data)}
    for name, part in parts.items():
        _check(name, part)
    total = recipe.epochs * sum(len(part.training) for part in parts.values())
    done: list[Trained] = []
    before = 0
    for name, part in parts.items():

        def progress(learned: int, _: int, before: int = before) -> None:
            if on_progress:
                on_progress(before + learned, total)

        done.append(_train(name, part, recipe, progress))
        before += recipe.epochs * len(part.training)
        if on_training:
            on_training(done[-1])
    *curve, recognized = done
    return DataStudy(data.class_set, recipe, tuple(curve), recognized)


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
    facts = {"source": source, "synthetic": synthetic, **done.to_json()}
    text = json.dumps(facts, indent=2, ensure_ascii=False, allow_nan=False) + "\n"
    (folder / FIGURES).write_text(text, encoding="utf-8")


def shown(done: DataStudy) -> dict[str, Any]:
    """Give what the template `data_study_sections.html.j2` names."""
    return {
        "study": done,
        "study_chart": _chart(done),
        "study_low": pages.axis_from(
            proportion
            for trained in (done.curve[-1], done.only_recognized)
            for proportion in (trained.recognized, trained.unrecognized)
        ),
    }


def _chart(done: DataStudy) -> scatter.Scatter:
    points = [
        scatter.Point(trained.name, trained.drawings, trained.accuracy) for trained in done.curve
    ]
    return scatter.accuracy_against("training drawings", points, joined=True)


def _share(data: ClassSetData, share: int) -> ClassSetData:
    return _where(data, lambda category: folds(category.key_ids, _ALL) < share)


def _recognized(data: ClassSetData) -> ClassSetData:
    return _where(data, lambda category: category.recognized)


def _where(data: ClassSetData, kept: Callable[[CategoryData], NDArray[np.bool_]]) -> ClassSetData:
    """Keep what is marked of the training and validation sides, and the whole test side."""
    categories = data.training.categories
    training, validation = (
        LabelledDrawings.where(
            categories, [(sides(each.key_ids) == side) & kept(each) for each in categories]
        )
        for side in (TRAINING, VALIDATION)
    )
    return ClassSetData(training, validation, data.test)


def _check(name: str, part: ClassSetData) -> None:
    present = set(part.training.labels.tolist())
    for place, category in enumerate(part.class_set):
        if place not in present:
            raise BadSetting(
                f"category {category}",
                f"has no training drawing among: {name}",
                "take more drawings per category",
            )


def _train(
    name: str, part: ClassSetData, recipe: TrainingConfig, on_progress: Callable[[int, int], None]
) -> Trained:
    classifier = train(part, recipe, on_progress=on_progress)
    measured = evaluate(classifier, part)
    recognized, unrecognized = (group.correct for group in measured.quality)
    # Keras would keep the graphs of every network.
    backend.keras.utils.clear_session()
    return Trained(
        name,
        len(part.training),
        measured.accuracy,
        recognized,
        unrecognized,
        classifier.training.seconds,
    )

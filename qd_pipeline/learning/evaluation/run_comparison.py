"""Comparison of the last runs of a class set: their figures, and drawing by drawing."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any, Final

import numpy as np

from qd_pipeline.errors import BadSetting
from qd_pipeline.learning.evaluation.comparison import Comparison, compare
from qd_pipeline.learning.evaluation.metrics import are_imbalanced
from qd_pipeline.learning.evaluation.predictions_table import (
    bitmap_of,
    class_set_of,
    probabilities_of,
)
from qd_pipeline.learning.figures import Figures

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from datetime import datetime

    import pyarrow as pa
    from numpy.typing import NDArray

    from qd_pipeline.learning.evaluation.intervals import Proportion

EXAMPLES: Final = 12
"""Drawings shown of those that one run gets right and the other wrong."""


@dataclass(frozen=True, kw_only=True)
class ComparedRun(Figures):
    """One run that trained a classifier and evaluated it.

    Args:
        id: Id of the MLflow run.
        link: Its page in MLflow's UI.
        started: Start time.
        class_set: Categories that its classifier tells apart; empty where that is not known.
        settings: Of its training, as text.
        accuracy: On its test drawings.
        chance: Share of the largest category among them, 0–1; None where it was not logged.
        balanced_accuracy: Mean recall, 0–1; None likewise, as are the following.
        macro_f1: Mean F1, 0–1.
        log_loss: On the test drawings.
        seconds: Wall time of its training.
        source: Where its drawings are from.
        synthetic: Whether they were generated rather than drawn by people.
        is_champion: Whether its classifier is the champion.
        predictions: As `Evaluation.predictions`; None where MLflow no longer has them.
    """

    id: str
    link: str
    started: datetime
    class_set: tuple[str, ...]
    settings: Mapping[str, str]
    accuracy: Proportion
    chance: float | None = None
    balanced_accuracy: float | None = None
    macro_f1: float | None = None
    log_loss: float | None
    seconds: float | None
    source: str
    synthetic: bool
    is_champion: bool = False
    predictions: pa.Table | None = field(compare=False, repr=False)

    @property
    def is_imbalanced(self) -> bool:
        """Whether its test drawings differ so much between categories that accuracy misleads."""
        return self.chance is not None and are_imbalanced(self.chance, len(self.class_set))

    def to_json(self) -> dict[str, Any]:
        """Return all but the predictions, as JSON takes it."""
        figures = super().to_json()
        renamed = {"id": "run", "seconds": "training_seconds", "is_champion": "champion"}
        figures |= {name: figures.pop(field) for field, name in renamed.items()}
        return {**figures, "started": self.started.isoformat(timespec="seconds")}


@dataclass(frozen=True)
class Disagreement:
    """A test drawing that one run gets right and the other wrong.

    Args:
        key_id: The drawing's identity.
        category: The true category.
        wrong: The prediction of the run that errs.
        bitmap: `uint8 (side, side)`, as that run saw it; None where it kept none.
    """

    key_id: int
    category: str
    wrong: str
    bitmap: NDArray[np.uint8] | None = field(compare=False, repr=False)


@dataclass(frozen=True)
class PairwiseComparison(Figures):
    """The newest run of the class set's categories against an earlier one.

    Args:
        other: Place of the earlier one among the runs.
        comparison: Newest (first) and earlier (second); None where they are not compared.
        obstacle: Why they are not compared; empty where they are.
        only_newest: Drawings that the newest alone gets right, by how much more probability it
            gives to the true category, most first.
        only_other: The same for the earlier.
    """

    other: int
    comparison: Comparison | None
    obstacle: str = ""
    only_newest: tuple[Disagreement, ...] = ()
    only_other: tuple[Disagreement, ...] = ()

    def to_json(self) -> dict[str, Any]:
        """Return the figures, and the drawings by their keys as text."""
        return {
            **super().to_json(),
            "obstacle": self.obstacle or None,
            "only_newest": [str(drawing.key_id) for drawing in self.only_newest],
            "only_other": [str(drawing.key_id) for drawing in self.only_other],
        }


@dataclass(frozen=True)
class RunComparison:
    """The last runs of one class set.

    Args:
        key: Its partition key.
        class_set: Its categories now; earlier runs may be of others.
        runs: The newest first.
        pairs: The newest run of its categories against each other run.
    """

    key: str
    class_set: tuple[str, ...]
    runs: tuple[ComparedRun, ...]
    pairs: tuple[PairwiseComparison, ...] = ()

    @property
    def newest(self) -> int | None:
        """Place of the newest run of the class set's categories; None where there is none."""
        places = enumerate(self.runs)
        return next((place for place, run in places if _is_of(run, self.class_set)), None)

    @property
    def differences(self) -> tuple[str, ...]:
        """For each run, the settings that differ between runs, and other categories than now."""
        names = dict.fromkeys(name for run in self.runs for name in run.settings)
        varied = [name for name in names if len({run.settings.get(name) for run in self.runs}) > 1]
        return tuple(
            ", ".join(
                [f"{name.replace('_', ' ')} {_setting(run, name)}" for name in varied]
                + ([] if _is_of(run, self.class_set) else [_other_categories(run)])
            )
            for run in self.runs
        )

    def to_json(self) -> dict[str, Any]:
        """Return the figures by name."""
        return {
            "class_set": list(self.class_set),
            "runs": [run.to_json() for run in self.runs],
            "newest": self.newest,
            "newest_against": [pair.to_json() for pair in self.pairs],
        }


def _setting(run: ComparedRun, name: str) -> str:
    """Return a setting as text; a dash where the network's own holds, or none is known."""
    text = run.settings.get(name, "None")
    return "–" if text == "None" else text


def _is_of(run: ComparedRun, class_set: tuple[str, ...]) -> bool:
    return set(run.class_set) == set(class_set)


def _other_categories(run: ComparedRun) -> str:
    return f"other categories: {', '.join(run.class_set) or 'not known'}"


def compare_runs(
    key: str, class_set: tuple[str, ...], runs: Sequence[ComparedRun]
) -> RunComparison:
    """Compare the newest run of a class set's categories with each other run.

    Args:
        key: Its partition key.
        class_set: Its categories now. Runs of other categories are shown, and not compared.
        runs: The newest first.
    """
    compared = RunComparison(key, class_set, tuple(runs))
    newest = compared.newest
    if newest is None:
        return compared
    others = ((place, run) for place, run in enumerate(runs) if place != newest)
    return replace(compared, pairs=tuple(_pair(runs[newest], run, at) for at, run in others))


def _pair(first: ComparedRun, second: ComparedRun, other: int) -> PairwiseComparison:
    if not _is_of(second, first.class_set):
        names = ", ".join(second.class_set) or "categories that are not known"
        return PairwiseComparison(other, None, f"It tells other categories apart: {names}.")
    if first.predictions is None or second.predictions is None:
        return PairwiseComparison(
            other, None, "The predictions of one of them are not in MLflow any more."
        )
    try:
        comparison = compare(first.predictions, second.predictions)
    except BadSetting:
        return PairwiseComparison(
            other, None, "They disagree about the categories of the drawings that they share."
        )
    if not comparison.drawings:
        return PairwiseComparison(other, None, "They share no test drawing.")
    only_first, only_second = _disagreements(first.predictions, second.predictions)
    return PairwiseComparison(other, comparison, "", only_first, only_second)


def _disagreements(
    first: pa.Table, second: pa.Table
) -> tuple[tuple[Disagreement, ...], tuple[Disagreement, ...]]:
    keys = [table["key_id"].to_numpy() for table in (first, second)]
    _, here, there = np.intersect1d(*keys, return_indices=True)
    first, second = first.take(here), second.take(there)
    order = np.argsort(_of_truth(second) - _of_truth(first), kind="stable")
    return _only_right(first, second, order), _only_right(second, first, order[::-1])


def _only_right(
    right: pa.Table, wrong: pa.Table, order: NDArray[np.intp]
) -> tuple[Disagreement, ...]:
    """Return the first drawings, in an order, that only the first of two tables gets right."""
    truth, said = _text(right, "true"), _text(wrong, "predicted")
    alone = (_text(right, "predicted") == truth) & (said != truth)
    places = order[alone[order]][:EXAMPLES]
    kept = "bitmap" in wrong.column_names
    bitmaps = wrong["bitmap"].take(places).to_pylist() if kept else [None] * len(places)
    keys = right["key_id"].take(places).to_pylist()
    return tuple(
        Disagreement(key, category, other, None if bitmap is None else bitmap_of(bitmap))
        for key, category, other, bitmap in zip(
            keys, truth[places], said[places], bitmaps, strict=True
        )
    )


def _text(predictions: pa.Table, column: str) -> NDArray[np.object_]:
    return np.asarray(predictions[column].cast("string").to_numpy(), dtype=np.object_)


def _of_truth(predictions: pa.Table) -> NDArray[np.float32]:
    """Return the probability of each drawing's true category."""
    if "probability_of_true" in predictions.column_names:
        return np.asarray(predictions["probability_of_true"].to_numpy())
    class_set = list(class_set_of(predictions))
    places = [class_set.index(category) for category in _text(predictions, "true")]
    return probabilities_of(predictions, class_set)[np.arange(len(places)), places]

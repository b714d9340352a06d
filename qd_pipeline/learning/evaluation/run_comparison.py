"""The last runs of a class set side by side: their figures, and drawing by drawing."""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final

import numpy as np

from qd_pipeline.errors import BadSetting
from qd_pipeline.learning.evaluation.comparison import Comparison, compare

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from datetime import datetime

    import pyarrow as pa
    from numpy.typing import NDArray

    from qd_pipeline.learning.evaluation.intervals import Proportion

EXAMPLES: Final = 12
"""Drawings shown of those that one run gets right and the other wrong."""


@dataclass(frozen=True)
class ComparedRun:
    """One run that trained a classifier and evaluated it.

    Args:
        id: Of the run.
        link: Its page.
        started: When it began.
        settings: Its recipe, as text.
        accuracy: Of its test drawings.
        log_loss: On them; None where it was not logged.
        seconds: Wall time of its training; None where it was not logged.
        source: Where its drawings are from.
        synthetic: Whether they were generated rather than drawn by people.
        predictions: As `Evaluation.predictions`; None where they are kept no longer.
    """

    id: str
    link: str
    started: datetime
    settings: Mapping[str, str]
    accuracy: Proportion
    log_loss: float | None
    seconds: float | None
    source: str
    synthetic: bool
    predictions: pa.Table | None = field(compare=False, repr=False)

    def to_json(self) -> dict[str, Any]:
        """Give all but the predictions, as JSON takes it."""
        return {
            "run": self.id,
            "link": self.link,
            "started": self.started.isoformat(timespec="seconds"),
            "settings": dict(self.settings),
            "accuracy": self.accuracy.to_json(),
            "log_loss": self.log_loss,
            "training_seconds": self.seconds,
            "source": self.source,
            "synthetic": self.synthetic,
        }


@dataclass(frozen=True)
class Disagreement:
    """A test drawing that one run gets right and the other wrong.

    Args:
        key_id: The drawing's identity.
        category: What it is.
        wrong: What the run that errs takes it for.
        bitmap: `uint8 (side, side)`, as that run saw it; None where it kept none.
    """

    key_id: int
    category: str
    wrong: str
    bitmap: NDArray[np.uint8] | None = field(compare=False, repr=False)


@dataclass(frozen=True)
class PairwiseComparison:
    """The newest run against an earlier one.

    Args:
        other: Place of the earlier one among the runs.
        comparison: Newest (first) and earlier (second); None where there is nothing to
            compare.
        obstacle: Why there is not.
        only_newest: Drawings that the newest alone gets right, those first whose category it
            held for so much more probable.
        only_other: The same for the earlier.
    """

    other: int
    comparison: Comparison | None
    obstacle: str = ""
    only_newest: tuple[Disagreement, ...] = ()
    only_other: tuple[Disagreement, ...] = ()

    def to_json(self) -> dict[str, Any]:
        """Give the figures, and the drawings by their keys as text."""
        return {
            "other": self.other,
            "comparison": self.comparison.to_json() if self.comparison else None,
            "obstacle": self.obstacle or None,
            "only_newest": [str(drawing.key_id) for drawing in self.only_newest],
            "only_other": [str(drawing.key_id) for drawing in self.only_other],
        }


@dataclass(frozen=True)
class RunComparison:
    """The last runs of one class set.

    Args:
        key: Its partition key.
        class_set: Its categories.
        runs: The newest first.
        duels: The newest against each other one.
    """

    key: str
    class_set: tuple[str, ...]
    runs: tuple[ComparedRun, ...]
    duels: tuple[PairwiseComparison, ...]

    @property
    def differences(self) -> tuple[str, ...]:
        """By run, the settings in which the runs differ."""
        names = dict.fromkeys(name for run in self.runs for name in run.settings)
        varied = [name for name in names if len({run.settings.get(name) for run in self.runs}) > 1]
        return tuple(
            ", ".join(f"{name.replace('_', ' ')} {_setting(run, name)}" for name in varied)
            for run in self.runs
        )

    def to_json(self) -> dict[str, Any]:
        """Give the figures by name."""
        return {
            "class_set": list(self.class_set),
            "runs": [run.to_json() for run in self.runs],
            "newest_against": [duel.to_json() for duel in self.duels],
        }


def _setting(run: ComparedRun, name: str) -> str:
    """Give a setting as one reads it: a dash where it is left to the network, or unknown."""
    text = run.settings.get(name, "None")
    return "–" if text == "None" else text


def check_count(count: int) -> None:
    """See that so many runs can be compared.

    Raises:
        BadSetting: There would be none.
    """
    if count < 1:
        raise BadSetting("runs", f"is {count}", "give a whole number from 1")


def stand(key: str, class_set: tuple[str, ...], runs: Sequence[ComparedRun]) -> RunComparison:
    """Set runs of one class set side by side.

    Args:
        key: Its partition key.
        class_set: Its categories.
        runs: The newest first.
    """
    newest = runs[:1]
    duels = (
        _duel(first, second, place)
        for first in newest
        for place, second in enumerate(runs[1:], start=1)
    )
    return RunComparison(key, class_set, tuple(runs), tuple(duels))


def _duel(first: ComparedRun, second: ComparedRun, other: int) -> PairwiseComparison:
    if first.predictions is None or second.predictions is None:
        return PairwiseComparison(
            other, None, "The predictions of one of them are not in MLflow any more."
        )
    try:
        comparison = compare(first.predictions, second.predictions)
    except BadSetting:
        return PairwiseComparison(
            other, None, "They were tested on drawings of different categories."
        )
    if not comparison.drawings:
        return PairwiseComparison(other, None, "They share no test drawing.")
    only_first, only_second = _disagreements(first.predictions, second.predictions)
    return PairwiseComparison(other, comparison, "", only_first, only_second)


def _disagreements(
    first: pa.Table, second: pa.Table
) -> tuple[tuple[Disagreement, ...], tuple[Disagreement, ...]]:
    keys, here, there = np.intersect1d(
        first["key_id"].to_numpy(), second["key_id"].to_numpy(), return_indices=True
    )
    truth = _text(first, "true")[here]
    answers = _text(first, "predicted")[here], _text(second, "predicted")[there]
    advantage = _own(first, truth, here) - _own(second, truth, there)
    right = answers[0] == truth, answers[1] == truth

    def shown(
        places: NDArray[np.intp], wrong: NDArray[np.object_], bitmaps: pa.ChunkedArray | None
    ) -> tuple[Disagreement, ...]:
        return tuple(
            Disagreement(int(keys[i]), str(truth[i]), str(wrong[i]), _bitmap(bitmaps, i))
            for i in places[:EXAMPLES]
        )

    order = np.argsort(-advantage, kind="stable")
    return (
        shown(order[(right[0] & ~right[1])[order]], answers[1], _bitmaps(second, there)),
        shown(order[::-1][(right[1] & ~right[0])[order[::-1]]], answers[0], _bitmaps(first, here)),
    )


def _bitmaps(predictions: pa.Table, rows: NDArray[np.intp]) -> pa.ChunkedArray | None:
    return predictions["bitmap"].take(rows) if "bitmap" in predictions.column_names else None


def _bitmap(bitmaps: pa.ChunkedArray | None, place: int) -> NDArray[np.uint8] | None:
    held = None if bitmaps is None else bitmaps[int(place)].as_py()
    if held is None:
        return None
    side = math.isqrt(len(held))
    return np.frombuffer(held, np.uint8).reshape(side, side)


def _text(predictions: pa.Table, column: str) -> NDArray[np.object_]:
    return np.asarray(predictions[column].cast("string").to_numpy(), dtype=np.object_)


def _own(
    predictions: pa.Table, truth: NDArray[np.object_], rows: NDArray[np.intp]
) -> NDArray[np.float32]:
    """Give the probability of each drawing's own category."""
    own = np.zeros(len(rows), np.float32)
    for category in set(truth):
        here = truth == category
        own[here] = predictions[category].to_numpy()[rows[here]]
    return own

"""Promotion: the decision whether a new classifier replaces the champion."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING, Any, Final

import pyarrow.compute as pc

from qd_pipeline.learning.evaluation.comparison import Comparison, compare
from qd_pipeline.learning.evaluation.intervals import Proportion
from qd_pipeline.learning.evaluation.metrics import chance_of
from qd_pipeline.learning.evaluation.predictions_table import class_set_of
from qd_pipeline.learning.figures import Figures

if TYPE_CHECKING:
    import pyarrow as pa


_CONFIDENCE: Final = 0.95


class Outcome(StrEnum):
    """What was decided about a new classifier."""

    PROMOTED = "promoted"
    KEPT = "kept"
    CANNOT_TELL = "cannot tell"


_TITLES: Final = {
    Outcome.PROMOTED: "Promoted",
    Outcome.KEPT: "Not promoted",
    Outcome.CANNOT_TELL: "Cannot tell, so not promoted",
}


@dataclass(frozen=True)
class Champion:
    """The classifier that the new one is compared with.

    Attributes:
        name: What people call it.
        predictions: Of its test drawings, as `Evaluation.predictions`; None where they are lost.
        synthetic: Whether it was trained on synthetic drawings.
    """

    name: str
    predictions: pa.Table | None
    synthetic: bool


@dataclass(frozen=True, kw_only=True)
class PromotionDecision(Figures):
    """What was decided about a new classifier, and why.

    Attributes:
        outcome: `kept` and `cannot tell` leave the champion as it is, or leave none.
        reason: Why, in one sentence without a full stop.
        margin: Largest acceptable loss of accuracy, 0–1.
        champion: Name of the champion before the decision; None where there was none.
        comparison: Champion (first) and new classifier (second); None where they were not
            compared.
        repeated: Whether this is the earlier decision about the same classifier.
    """

    outcome: Outcome
    reason: str
    margin: float
    champion: str | None = None
    comparison: Comparison | None = None
    repeated: bool = False

    @property
    def promoted(self) -> bool:
        """Whether the new classifier becomes champion."""
        return self.outcome is Outcome.PROMOTED

    @property
    def title(self) -> str:
        """The outcome as people read it."""
        return _TITLES[self.outcome]

    def __str__(self) -> str:
        return f"{self.outcome}{' before' if self.repeated else ''}: {self.reason}"

    def to_json(self) -> dict[str, Any]:
        """Return the figures by name."""
        return {**super().to_json(), "promoted": self.promoted, "confidence": _CONFIDENCE}


def decide(
    champion: Champion | None,
    predictions: pa.Table,
    *,
    synthetic: bool,
    margin: float = 0.01,
) -> PromotionDecision:
    """Decide by non-inferiority whether a new classifier becomes champion.

    It does when it is better than chance (always naming the largest category), and when the
    95 % interval of the paired difference in accuracy excludes that it is worse than the
    champion by more than the margin (non-inferiority as in ICH E9, "Statistical principles for
    clinical trials", 3.3.2, with the interval of `intervals.tango`). Where the test drawings
    are too few to exclude it, the outcome is "cannot tell" and the champion stays.

    A classifier of real drawings replaces one of synthetic drawings, with which it shares no
    drawing. A classifier of a changed class set replaces one of the former categories.

    Args:
        champion: The present one, or None.
        predictions: The new classifier's, as `Evaluation.predictions`.
        synthetic: Whether the new classifier was trained on synthetic drawings.
        margin: Largest acceptable loss of accuracy, above 0 and below 1.

    Raises:
        BadSetting: The same drawing has different categories in the two tables.
    """
    outcome, reason, comparison = _not_above_chance(predictions) or _against(
        champion, predictions, synthetic=synthetic, margin=margin
    )
    return PromotionDecision(
        outcome=outcome,
        reason=reason,
        margin=margin,
        champion=champion.name if champion else None,
        comparison=comparison,
    )


_Finding = tuple[Outcome, str, Comparison | None]


def _not_above_chance(predictions: pa.Table) -> _Finding | None:
    true, predicted = (predictions[name].cast("string") for name in ("true", "predicted"))
    accuracy = Proportion(pc.sum(pc.equal(true, predicted)).as_py() or 0, predictions.num_rows)
    chance = chance_of(predictions)
    if accuracy.interval[0] > chance:
        return None
    is_worse = (accuracy.share or 0.0) <= chance
    better = "better than chance" if is_worse else "clearly better than chance"
    reason = f"its accuracy of {accuracy} is not {better} ({chance * 100:.1f} %)"
    return Outcome.KEPT if is_worse else Outcome.CANNOT_TELL, reason, None


def _against(
    champion: Champion | None, predictions: pa.Table, *, synthetic: bool, margin: float
) -> _Finding:
    if champion is None:
        return Outcome.PROMOTED, "there was no champion yet", None
    name = champion.name
    if champion.synthetic and not synthetic:
        return Outcome.PROMOTED, f"{name} was trained on synthetic drawings", None
    if champion.predictions is None:
        reason = f"the predictions of {name} are lost, so the two cannot be compared"
        return Outcome.CANNOT_TELL, reason, None
    categories = class_set_of(champion.predictions)
    if set(categories) != set(class_set_of(predictions)):
        reason = f"{name} tells other categories apart: {', '.join(categories)}"
        return Outcome.PROMOTED, reason, None
    comparison = compare(champion.predictions, predictions)
    if not comparison.drawings:
        return Outcome.CANNOT_TELL, f"it shares no test drawing with {name}", None
    low, high = comparison.gain()
    if low > -margin:
        outcome, finding = Outcome.PROMOTED, "it is better" if low > 0 else "it is not worse"
    elif high < 0:
        outcome, finding = Outcome.KEPT, "it is worse"
    else:
        outcome, finding = Outcome.CANNOT_TELL, "it may be worse by more than the margin"
    gain = 100 * (comparison.second_correct - comparison.first_correct) / comparison.drawings
    reason = (
        f"{finding}: {gain:+.1f} points ({low * 100:+.1f} to {high * 100:+.1f}) against {name} on "
        f"{comparison.drawings:,} shared test drawings, margin {margin * 100:g}"
    )
    return outcome, reason, comparison

"""Whether a new classifier takes the place of the champion."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from qd_pipeline.learning.evaluation.comparison import Comparison, compare
from qd_pipeline.learning.evaluation.evaluate import categories_of

if TYPE_CHECKING:
    import pyarrow as pa


@dataclass(frozen=True)
class Champion:
    """The classifier that is to be beaten.

    Attributes:
        name: What people call it.
        predictions: Of its test drawings, as `Evaluation.predictions`; None where they are lost.
        synthetic: Whether it learned from made-up drawings.
    """

    name: str
    predictions: pa.Table | None
    synthetic: bool


@dataclass(frozen=True, kw_only=True)
class PromotionDecision:
    """What was decided, and why.

    Attributes:
        promoted: Whether the new classifier becomes champion.
        reason: Why, in one sentence.
        significance: The level that was asked of the test.
        champion: Name of the champion of before; None where there was none.
        comparison: Champion (first) and new classifier (second); None where they were not
            compared.
    """

    promoted: bool
    reason: str
    significance: float
    champion: str | None = None
    comparison: Comparison | None = None

    def to_json(self) -> dict[str, Any]:
        """Give the figures by name."""
        return {
            "promoted": self.promoted,
            "reason": self.reason,
            "significance": self.significance,
            "champion": self.champion,
            "comparison": self.comparison.to_json() if self.comparison else None,
        }


def judge(
    champion: Champion | None, predictions: pa.Table, *, synthetic: bool, significance: float
) -> PromotionDecision:
    """Decide whether a new classifier becomes champion: it does unless it is worse.

    It is worse when McNemar's one-sided exact test, on the test drawings that both predicted,
    says so at the level of significance. Classifiers of people's drawings and of made-up ones
    share no drawing; of people's, the former always go first. A champion of other categories, of
    before somebody gave the class set these, gives way too. Where the two cannot be compared,
    the champion stays, and people decide.

    Args:
        champion: The present one, or None.
        predictions: The new classifier's, as `Evaluation.predictions`.
        synthetic: Whether the new classifier learned from made-up drawings.
        significance: Level of the test, above 0 and below 1; the higher, the sooner a new
            classifier counts as worse.

    Raises:
        BadSetting: The two disagree about what a drawing is.
    """
    if champion is None:
        return PromotionDecision(
            promoted=True, reason="there was no champion yet", significance=significance
        )
    if champion.synthetic and not synthetic:
        return PromotionDecision(
            promoted=True,
            reason=f"{champion.name} learned from made-up drawings",
            significance=significance,
            champion=champion.name,
        )
    if champion.predictions is None:
        return PromotionDecision(
            promoted=False,
            reason=f"the predictions of {champion.name} are lost, and it cannot be compared",
            significance=significance,
            champion=champion.name,
        )
    categories = categories_of(champion.predictions)
    if categories != categories_of(predictions):
        told = ", ".join(sorted(categories))
        return PromotionDecision(
            promoted=True,
            reason=f"{champion.name} tells other categories apart: {told}",
            significance=significance,
            champion=champion.name,
        )
    comparison = compare(champion.predictions, predictions)
    if not comparison.drawings:
        return PromotionDecision(
            promoted=False,
            reason=f"it shares no test drawing with {champion.name}, to be compared on",
            significance=significance,
            champion=champion.name,
        )
    chance = comparison.test.first_better
    worse = chance < significance
    figures = (
        f"of {comparison.drawings:,} test drawings it gets {comparison.second_correct:,} right, "
        f"{champion.name} {comparison.first_correct:,} "
        f"(McNemar, one-sided: p = {chance:.3g}, significance {significance:g})"
    )
    return PromotionDecision(
        promoted=not worse,
        reason=f"it is {'worse' if worse else 'not worse'}: {figures}",
        significance=significance,
        champion=champion.name,
        comparison=comparison,
    )

from math import comb

import pyarrow as pa
import pytest

from qd_pipeline.learning.evaluation.promotion import Champion, Outcome, decide

COW, PANDA = "cow", "panda"


def predictions(
    correct: str, *, first_key: int = 0, categories: tuple[str, ...] = (COW, PANDA)
) -> pa.Table:
    """Predict cows and pandas by turns: `r` rightly, `w` wrongly."""
    true = [categories[place % 2] for place in range(len(correct))]
    other = [categories[1 - place % 2] for place in range(len(correct))]
    predicted = [
        right if answer == "r" else wrong
        for answer, right, wrong in zip(correct, true, other, strict=True)
    ]
    return pa.table(
        {
            "key_id": pa.array(range(first_key, first_key + len(correct)), pa.uint64()),
            "true": pa.array(true).dictionary_encode(),
            "predicted": pa.array(predicted).dictionary_encode(),
            **{name: pa.array([0.5] * len(correct), pa.float32()) for name in categories},
        }
    )


def champion(correct: str, *, synthetic: bool = False) -> Champion:
    return Champion("version 3", predictions(correct), synthetic)


def outcome_of(both: int, only_champion: int, only_new: int, *, margin: float = 0.01) -> Outcome:
    before = "r" * (both + only_champion) + "w" * only_new
    new = "r" * both + "w" * only_champion + "r" * only_new
    decision = decide(champion(before), predictions(new), synthetic=False, margin=margin)
    assert decision.comparison is not None
    assert decision.comparison.test.only_first == only_champion
    assert decision.comparison.test.only_second == only_new
    assert "version 3" in decision.reason
    return decision.outcome


def test_the_first_classifier_becomes_champion() -> None:
    decision = decide(None, predictions("r" * 20), synthetic=False)
    assert decision.promoted
    assert decision.reason == "there was no champion yet"


@pytest.mark.parametrize(
    ("both", "only_champion", "only_new", "outcome"),
    [
        (9_800, 60, 60, Outcome.PROMOTED),  # as good, and enough drawings to know it
        (360, 5, 25, Outcome.PROMOTED),  # better
        (3_700, 200, 100, Outcome.KEPT),  # worse
        (380, 8, 8, Outcome.CANNOT_TELL),  # as good on these, which are too few
        (380, 9, 4, Outcome.CANNOT_TELL),
        (40, 0, 0, Outcome.CANNOT_TELL),
        (19_000, 100, 40, Outcome.PROMOTED),  # worse, by less than the margin
    ],
)
def test_a_classifier_is_promoted_when_worse_by_more_than_a_point_is_excluded(
    both: int, only_champion: int, only_new: int, outcome: Outcome
) -> None:
    assert outcome_of(both, only_champion, only_new) is outcome


def test_a_wider_margin_promotes_sooner() -> None:
    assert outcome_of(380, 8, 8, margin=0.03) is Outcome.PROMOTED


def test_two_points_worse_on_396_test_drawings_is_promoted_once_in_a_hundred_at_most() -> None:
    # 4 % that the champion alone gets right, 2 % that the new one alone does: two points worse.
    # McNemar's test at 0.05, which asked only whether it is significantly worse, promoted 58 %.
    drawings, champion_alone, new_alone = 396, 0.04, 0.02
    promoted = total = 0.0
    for first in range(45):
        for second in range(30):
            rest = drawings - first - second
            ways = comb(drawings, first) * comb(drawings - first, second)
            likelihood = ways * champion_alone**first * new_alone**second * 0.94**rest
            total += likelihood
            # Leaving the least likely out loses less than 0.001 and saves a minute.
            if likelihood > 1e-7 and outcome_of(rest, first, second) is Outcome.PROMOTED:
                promoted += likelihood
    assert total > 0.999
    assert promoted < 0.01


@pytest.mark.parametrize(
    ("correct", "outcome"), [("rwwrw" * 10, Outcome.KEPT), ("rrrww" * 10, Outcome.CANNOT_TELL)]
)
def test_nothing_is_promoted_that_is_not_better_than_chance(correct: str, outcome: Outcome) -> None:
    for before in (None, champion("w" * 50), champion("w" * 50, synthetic=True)):
        decision = decide(before, predictions(correct), synthetic=False)
        assert decision.outcome is outcome
        assert "better than chance (50.0 %)" in decision.reason


def test_chance_is_the_largest_categorys_share() -> None:
    cats = [COW] * 660 + [PANDA] * 8
    table = pa.table(
        {
            "key_id": pa.array(range(668), pa.uint64()),
            "true": cats,
            "predicted": [COW] * 668,
            COW: [1.0] * 668,
            PANDA: [0.0] * 668,
        }
    )
    decision = decide(None, table, synthetic=False)
    assert not decision.promoted
    assert "98.8 % (97.7–99.4) is not better than chance (98.8 %)" in decision.reason


def test_real_drawings_go_before_synthetic_ones() -> None:
    before = champion("r" * 20, synthetic=True)
    assert decide(before, predictions("r" * 18 + "ww"), synthetic=False).promoted


def test_a_champion_of_other_categories_gives_way() -> None:
    new = predictions("r" * 20, categories=(COW, "horse"))
    decision = decide(champion("r" * 20), new, synthetic=False)
    assert decision.promoted
    assert decision.reason == "version 3 tells other categories apart: cow, panda"


def test_a_classifier_that_cannot_be_compared_does_not_become_champion() -> None:
    decision = decide(champion("r" * 20), predictions("r" * 20, first_key=70), synthetic=True)
    assert decision.outcome is Outcome.CANNOT_TELL
    assert decision.reason == "it shares no test drawing with version 3"


def test_a_champion_whose_predictions_are_lost_stays_until_people_decide() -> None:
    lost = Champion("version 3", None, synthetic=False)
    decision = decide(lost, predictions("r" * 20), synthetic=False)
    assert decision.outcome is Outcome.CANNOT_TELL
    assert decision.reason == (
        "the predictions of version 3 are lost, so the two cannot be compared"
    )


def test_the_decision_is_json_with_its_outcome() -> None:
    decision = decide(champion("r" * 40), predictions("r" * 40), synthetic=False)
    facts = decision.to_json()
    assert (facts["outcome"], facts["promoted"]) == ("cannot tell", False)
    assert facts["comparison"]["drawings"] == 40
    assert str(decision).startswith("cannot tell: it may be worse by more than the margin: +0.0")

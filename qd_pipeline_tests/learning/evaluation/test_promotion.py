import pyarrow as pa
import pytest

from qd_pipeline.learning.evaluation.promotion import Champion, judge

RIGHT, WRONG = "cow", "panda"


def predictions(
    predicted: list[str], first_key: int = 0, categories: tuple[str, ...] = (RIGHT, WRONG)
) -> pa.Table:
    return pa.table(
        {
            "key_id": pa.array(range(first_key, first_key + len(predicted)), pa.uint64()),
            "true": pa.array([RIGHT] * len(predicted)).dictionary_encode(),
            "predicted": pa.array(predicted).dictionary_encode(),
            **{name: pa.array([0.5] * len(predicted), pa.float32()) for name in categories},
        }
    )


def champion(predicted: list[str], *, synthetic: bool = False) -> Champion:
    return Champion("version 3", predictions(predicted), synthetic)


def test_the_first_classifier_becomes_champion() -> None:
    verdict = judge(None, predictions([WRONG]), synthetic=False, significance=0.05)
    assert verdict.promoted
    assert verdict.reason == "there was no champion yet"


@pytest.mark.parametrize(
    ("champion_alone", "new_alone", "promoted"),
    # 5 of 5 has the one-sided p of 1/32, 4 of 4 that of 1/16.
    [(5, 0, False), (4, 0, True), (0, 0, True), (0, 9, True), (9, 1, False), (7, 3, True)],
)
def test_a_classifier_becomes_champion_unless_it_is_significantly_worse(
    champion_alone: int, new_alone: int, *, promoted: bool
) -> None:
    before = [RIGHT] * (10 + champion_alone) + [WRONG] * new_alone
    new = [RIGHT] * 10 + [WRONG] * champion_alone + [RIGHT] * new_alone
    verdict = judge(champion(before), predictions(new), synthetic=False, significance=0.05)
    assert verdict.promoted is promoted
    assert verdict.comparison is not None
    assert verdict.comparison.test.only_first == champion_alone
    assert verdict.comparison.test.only_second == new_alone
    assert "version 3" in verdict.reason


def test_a_stricter_gate_refuses_what_a_laxer_one_lets_through() -> None:
    before, new = [RIGHT] * 14, [RIGHT] * 10 + [WRONG] * 4
    for significance, promoted in ((0.05, True), (0.1, False)):
        verdict = judge(
            champion(before), predictions(new), synthetic=False, significance=significance
        )
        assert verdict.promoted is promoted


def test_people_s_drawings_go_before_made_up_ones() -> None:
    before = champion([RIGHT], synthetic=True)
    assert judge(before, predictions([WRONG]), synthetic=False, significance=0.05).promoted


def test_a_champion_of_other_categories_gives_way() -> None:
    new = predictions([WRONG], categories=(RIGHT, "horse"))
    verdict = judge(champion([RIGHT]), new, synthetic=False, significance=0.05)
    assert verdict.promoted
    assert verdict.reason == "version 3 tells other categories apart: cow, panda"


def test_a_classifier_that_cannot_be_compared_does_not_become_champion() -> None:
    verdict = judge(
        champion([RIGHT]), predictions([RIGHT], first_key=7), synthetic=True, significance=0.05
    )
    assert not verdict.promoted
    assert "shares no test drawing with version 3" in verdict.reason


def test_a_champion_whose_predictions_are_lost_stays_until_people_decide() -> None:
    lost = Champion("version 3", None, synthetic=False)
    verdict = judge(lost, predictions([RIGHT]), synthetic=False, significance=0.05)
    assert not verdict.promoted
    assert verdict.reason == "the predictions of version 3 are lost, and it cannot be compared"

import numpy as np
import pytest

from qd_pipeline.learning.training.order import windows

LABELS = np.repeat(np.arange(3, dtype=np.int32), [300, 900, 600])


def random(epoch: int = 0) -> np.random.Generator:
    return np.random.default_rng([1, epoch])


def test_few_drawings_are_shuffled_as_a_whole() -> None:
    (order,) = windows(LABELS, random())
    assert (order == random().permutation(len(LABELS))).all()


def test_every_drawing_comes_once_an_epoch_in_windows_of_the_same_size() -> None:
    order = windows(LABELS, random(), size=400)
    assert list(map(len, order)) == [400, 400, 400, 400, 200]
    assert sorted(np.concatenate(order).tolist()) == list(range(len(LABELS)))


def test_each_window_has_the_mixture_of_the_whole_from_a_run_of_each_category() -> None:
    for window in windows(LABELS, random(), size=300)[:-1]:
        assert np.bincount(LABELS[window]).tolist() == pytest.approx([50, 150, 100], abs=1)
        first = np.sort(window[window < 300])
        gaps = np.diff(first, append=first[0] + 300)
        assert (gaps == 1).sum() == len(first) - 1


def test_other_drawings_share_a_window_in_another_epoch() -> None:
    first, second = (set(windows(LABELS, random(epoch), size=300)[0]) for epoch in (0, 1))
    assert first != second


@pytest.mark.parametrize("size", [None, 400])
def test_balanced_epochs_have_as_many_drawings_of_each_category(size: int | None) -> None:
    order = np.concatenate(windows(LABELS, random(), size=size, balanced=True))
    assert np.bincount(LABELS[order]).tolist() == [600, 600, 600]
    assert np.bincount(order)[:300].tolist() == [2] * 300
    assert len(set(order[(order >= 300) & (order < 1200)])) == 600
    assert not (np.diff(LABELS[order]) >= 0).all()


def test_a_category_without_drawings_takes_no_place() -> None:
    labels = np.array([0, 0, 2, 2, 2], np.int32)
    order = np.concatenate(windows(labels, random(), size=2, balanced=True))
    assert len(order) == 5
    assert set(labels[order].tolist()) == {0, 2}

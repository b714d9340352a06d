"""Work on several items at once, and what becomes of it when it is stopped."""

import logging
import threading
import time
from collections.abc import Iterator
from contextlib import closing

import pytest

from qd_pipeline.orchestration import progress, threads


def test_all_that_is_found_arrives_with_each_items_in_order() -> None:
    def work(item: int) -> Iterator[tuple[int, int]]:
        yield from ((item, part) for part in range(3))

    begun: list[int] = []
    missed: list[tuple[int, int]] = []
    found = list(threads.flat_map(work, range(20), 2, begin=begun.append, missed=missed.append))
    assert missed == []
    assert begun == list(range(20))
    assert sorted(found) == [(item, part) for item in range(20) for part in range(3)]
    for item in range(20):
        assert [part for each, part in found if each == item] == [0, 1, 2]


def test_one_item_is_worked_on_in_the_thread_that_a_signal_interrupts() -> None:
    found = threads.flat_map(
        lambda _: [threading.current_thread()],
        ["one"],
        2,
        begin=lambda _: None,
        missed=lambda _: None,
    )
    assert list(found) == [threading.main_thread()]


def test_an_interruption_stops_the_work_at_its_next_step_and_loses_nothing_that_was_found() -> None:
    stopped: list[int] = []
    missed: list[int] = []
    waits = threading.Barrier(2)

    def work(item: int) -> Iterator[int]:
        yield item
        tell = progress.of(f"item {item}", "steps", logging.getLogger(__name__))
        waits.wait()
        try:
            while True:
                tell(1, 2)
                time.sleep(0.01)
        except KeyboardInterrupt:
            stopped.append(item)
            raise

    begun: list[int] = []
    found = threads.flat_map(work, range(9), 2, begin=begun.append, missed=missed.append)
    with pytest.raises(KeyboardInterrupt), closing(found):  # noqa: PT012
        first = next(found)
        while waits.n_waiting or waits.broken or len(begun) < 2:
            time.sleep(0.01)
        raise KeyboardInterrupt
    assert sorted([first, *missed]) == sorted(stopped) == begun == [0, 1]

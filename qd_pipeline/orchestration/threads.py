"""Work on several items at once, stopped by Ctrl-C as fast as work on one."""

import threading
import time
from collections import deque
from collections.abc import Callable, Generator, Iterable, Sequence
from contextvars import copy_context
from dataclasses import dataclass, field
from queue import SimpleQueue
from typing import Final, Generic, TypeVar

from qd_pipeline.orchestration import progress

Item = TypeVar("Item")
Found = TypeVar("Found")

_SECONDS_TO_STOP: Final = 10.0


def flat_map(
    work: Callable[[Item], Iterable[Found]],
    items: Sequence[Item],
    threads: int,
    *,
    begin: Callable[[Item], None],
    missed: Callable[[Found], None],
) -> Generator[Found, None, None]:
    """Yield all that some work finds on each item, in the order in which it is found.

    One item is worked on in this thread. Several are in threads that a process does not wait for
    when it ends: one that is interrupted while a server stalls goes on after ten seconds.

    Args:
        work: Raises no `Exception`.
        items: Taken in turn.
        threads: How many items at once.
        begin: Called with each item before the work on it, one after the other.
        missed: Called with what is found, and not taken, where the iteration ends early.
    """
    if len(items) == 1:
        begin(items[0])
        yield from work(items[0])
        return
    crew = _Crew(work, begin, deque(items))
    workers = [
        threading.Thread(target=copy_context().run, args=(crew.take_items,), daemon=True)
        for _ in range(min(threads, len(items)))
    ]
    for worker in workers:
        worker.start()
    try:
        for _ in workers:
            yield from iter(crew.found.get, None)
    finally:
        crew.stop.set()
        deadline = time.monotonic() + _SECONDS_TO_STOP
        for worker in workers:
            worker.join(max(0.0, deadline - time.monotonic()))
        while not crew.found.empty():
            if (each := crew.found.get()) is not None:
                missed(each)


@dataclass
class _Crew(Generic[Item, Found]):
    """What the threads share; each puts None behind all that it has found."""

    work: Callable[[Item], Iterable[Found]]
    begin: Callable[[Item], None]
    waiting: deque[Item]
    turn: threading.Lock = field(default_factory=threading.Lock)
    stop: threading.Event = field(default_factory=threading.Event)
    found: SimpleQueue[Found | None] = field(default_factory=SimpleQueue)

    def take_items(self) -> None:
        progress.stopping.set(self.stop)
        try:
            while not self.stop.is_set():
                with self.turn:
                    if not self.waiting:
                        break
                    item = self.waiting.popleft()
                    self.begin(item)
                for each in self.work(item):
                    self.found.put(each)
                    if self.stop.is_set():
                        break
        except KeyboardInterrupt:
            pass  # asked to stop
        finally:
            self.found.put(None)

"""Work spread over the cores in threads."""

import os
from collections import deque
from collections.abc import Callable, Generator, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from typing import TypeVar

Item = TypeVar("Item")
Result = TypeVar("Result")


def core_count() -> int:
    """Cores that this process may use, at least 1."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1  # macOS cannot tell


def in_threads(
    work: Callable[[int, int], Result], count: int, *, threads: int | None = None, least: int = 256
) -> list[Result]:
    """Run `work(start, stop)` over [0, count) in contiguous chunks, in parallel threads.

    Args:
        work: Called with the bounds of each chunk; must release Python's lock to gain anything.
        count: Number of items.
        threads: Threads to use, by default one a core.
        least: Items below which a chunk is not worth a thread.

    Returns:
        The results in the order of the chunks.
    """
    threads = min(threads or core_count(), max(1, count // least))
    if threads == 1:
        return [work(0, count)]
    # Many more chunks than threads, since drawings differ in length, and cores have more to do.
    chunks = min(threads * 16, max(1, count // least))
    bounds = [count * i // chunks for i in range(chunks + 1)]
    with ThreadPoolExecutor(threads) as pool:
        return list(pool.map(work, bounds[:-1], bounds[1:]))


def ordered_map(
    work: Callable[[Item], Result], items: Iterator[Item], *, threads: int | None = None
) -> Iterator[Result]:
    """Apply `work` to items in parallel threads; yield the results in the order of the items.

    All cores stay busy while items are read and results are written; at most two items and
    results a thread are in memory.

    >>> list(ordered_map(str.upper, iter("abc")))
    ['A', 'B', 'C']
    """
    threads = threads or core_count()
    with ThreadPoolExecutor(threads) as pool:
        coming: deque[Future[Result]] = deque()
        for item in items:
            coming.append(pool.submit(work, item))
            if len(coming) > 2 * threads:
                yield coming.popleft().result()
        while coming:
            yield coming.popleft().result()


def prefetch(items: Iterator[Result]) -> Generator[Result, None, None]:
    """Yield the items, the next one computed in another thread while the last is processed.

    >>> list(prefetch(iter("abc")))
    ['a', 'b', 'c']
    """
    with ThreadPoolExecutor(1) as pool:
        coming = pool.submit(next, items, None)
        while (item := coming.result()) is not None:
            coming = pool.submit(next, items, None)
            yield item

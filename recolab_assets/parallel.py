"""Independent pieces of work on a few threads; the kernels and numpy release the GIL."""

import os
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from typing import TypeVar

MAX_THREADS = 4
"""More would wait for memory, not for a core."""

Item = TypeVar("Item")
Result = TypeVar("Result")


def usable_cores() -> int:
    """Return how many cores this process may run on."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def in_order(
    function: Callable[[Item], Result], items: Iterable[Item], n_threads: int | None = None
) -> Iterator[Result]:
    """Apply a function to items on threads and yield the results in the order of the items.

    No more than one result a thread waits to be taken, which bounds memory.

    Args:
        function: Safe to run on several threads at once.
        items: What it is applied to.
        n_threads: By default one for each core that may be used, up to ``MAX_THREADS``.
    """
    workers = n_threads or min(MAX_THREADS, usable_cores())
    waiting: deque[Future[Result]] = deque()
    rest = iter(items)
    with ThreadPoolExecutor(workers) as pool:
        try:
            for item in rest:
                waiting.append(pool.submit(function, item))
                if len(waiting) > workers:
                    yield waiting.popleft().result()
            while waiting:
                yield waiting.popleft().result()
        finally:
            for future in waiting:
                future.cancel()

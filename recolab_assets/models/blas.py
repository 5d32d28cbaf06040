"""How many threads the linear algebra library may use while models are fitted and scored."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager

from threadpoolctl import threadpool_limits

_lock = threading.Lock()
_holders = 0
_limit: threadpool_limits | None = None


@contextmanager
def single_blas_thread() -> Iterator[None]:
    """Hold BLAS to one thread; nests, and may be entered from several threads at once.

    Outer threads over blocks of users do the work instead: with both, the threads fight for the
    same cores (fitting ALS takes almost twice as long). The limit belongs to the whole process, so
    the first to enter sets it and the last to leave restores what was there before.
    """
    global _holders, _limit
    with _lock:
        if _holders == 0:
            _limit = threadpool_limits(1, "blas")
        _holders += 1
    try:
        yield
    finally:
        with _lock:
            _holders -= 1
            if _holders == 0 and _limit is not None:
                _limit.restore_original_limits()
                _limit = None

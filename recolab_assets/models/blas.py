"""How many threads the linear algebra library may use while models are fitted and scored."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager

from threadpoolctl import threadpool_limits


class _Limit:
    """The limit of this process: how many hold it, and the thread that keeps it."""

    lock = threading.Lock()
    holders = 0
    release = threading.Event()
    keeper: threading.Thread | None = None


@contextmanager
def single_blas_thread() -> Iterator[None]:
    """Hold BLAS to one thread; nests, and may be entered from several threads at once.

    Outer threads over blocks of users do the work instead: with both, the threads fight for the
    same cores (fitting ALS takes almost twice as long). The limit belongs to the whole process, so
    the first to enter sets it and the last to leave restores what was there before.
    """
    with _Limit.lock:
        if _Limit.holders == 0:
            limited, _Limit.release = threading.Event(), threading.Event()
            _Limit.keeper = threading.Thread(
                target=_keep, args=(limited, _Limit.release), daemon=True
            )
            _Limit.keeper.start()
            limited.wait()
        _Limit.holders += 1
    try:
        yield
    finally:
        with _Limit.lock:
            _Limit.holders -= 1
            if _Limit.holders == 0 and _Limit.keeper is not None:
                _Limit.release.set()
                _Limit.keeper.join()
                _Limit.keeper = None


def _keep(limited: threading.Event, release: threading.Event) -> None:
    """Hold the limit until released.

    threadpoolctl lets only the thread that set a limit lift it, while a stream of recommendations
    may be begun in one thread and ended in another; so a thread of its own holds the limit.
    """
    with threadpool_limits(1, "blas"):
        limited.set()
        release.wait()

"""The limit on BLAS threads nests, survives errors and is given back."""

import threading

import numpy as np
import pytest
from threadpoolctl import threadpool_info, threadpool_limits

from recolab_assets.models.blas import _Limit, single_blas_thread


def threads():
    np.ones((2, 2)) @ np.ones((2, 2))
    return {pool["num_threads"] for pool in threadpool_info() if pool["user_api"] == "blas"}


@pytest.fixture(autouse=True)
def _two_threads():
    if _Limit.holders and _Limit.keeper is not None:
        # A stream that another test broke off on purpose may never have been closed.
        _Limit.release.set()
        _Limit.keeper.join()
        _Limit.holders = 0
    before = max(threads())
    _set(2)
    yield
    _set(before)


def _set(limit):
    # The thread that sets a limit keeps control of it while it lives; this one ends at once.
    setter = threading.Thread(target=lambda: threadpool_limits(limit, "blas"))
    setter.start()
    setter.join()


def test_one_thread_inside_and_the_former_number_afterwards():
    with single_blas_thread():
        assert threads() == {1}
        with single_blas_thread():
            assert threads() == {1}
        assert threads() == {1}
    assert threads() == {2}


def test_an_error_gives_the_threads_back():
    with pytest.raises(RuntimeError, match="stop"), single_blas_thread():
        raise RuntimeError("stop")
    assert threads() == {2}


def test_entered_in_one_thread_and_left_in_another():
    holder = single_blas_thread()
    for step in (holder.__enter__, lambda: holder.__exit__(None, None, None)):
        thread = threading.Thread(target=step)
        thread.start()
        thread.join()
        assert threads() == ({1} if step == holder.__enter__ else {2})


def test_the_last_of_several_threads_gives_back():
    entered, leave = threading.Event(), threading.Event()

    def hold():
        with single_blas_thread():
            entered.set()
            leave.wait(10)

    holder = threading.Thread(target=hold)
    with single_blas_thread():
        holder.start()
        assert entered.wait(10)
    assert threads() == {1}
    leave.set()
    holder.join()
    assert threads() == {2}

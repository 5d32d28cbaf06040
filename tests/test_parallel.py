"""Work on threads: order kept, results bounded, errors not lost."""

import os
import threading
import time

import pytest

from recolab_assets import parallel
from recolab_assets.parallel import in_order, usable_cores


def test_results_come_in_the_order_of_the_items() -> None:
    def slow_for_even(number: int) -> int:
        time.sleep(0.002 * (number % 2 == 0))
        return number**2

    assert list(in_order(slow_for_even, range(40), n_threads=3)) == [n**2 for n in range(40)]
    assert list(in_order(str, [])) == []


def test_few_results_wait_to_be_taken() -> None:
    begun = []
    results = in_order(begun.append, range(100), n_threads=2)
    next(results)
    time.sleep(0.05)
    assert len(begun) == 3  # the one taken, and one a thread
    results.close()
    assert len(begun) == 3


def test_an_error_reaches_the_caller() -> None:
    with pytest.raises(ZeroDivisionError):
        list(in_order(lambda number: 1 // number, [1, 0, 1]))


def test_no_more_threads_than_cores_by_default(monkeypatch) -> None:
    monkeypatch.setattr(parallel, "usable_cores", lambda: 1)
    names = set(in_order(lambda _: threading.current_thread().name, range(20)))
    assert len(names) == 1


def test_usable_cores_follow_the_affinity(monkeypatch) -> None:
    assert usable_cores() >= 1
    monkeypatch.setattr(os, "sched_getaffinity", lambda pid: set(range(6)), raising=False)
    assert usable_cores() == 6
    monkeypatch.delattr(os, "sched_getaffinity")
    monkeypatch.setattr(os, "cpu_count", lambda: None)
    assert usable_cores() == 1

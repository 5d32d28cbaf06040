"""Replicates run on threads come back in order."""

import time

import numpy as np

from recolab_assets.experiments.replicates import in_threads, replicate


def test_results_come_in_the_order_of_their_numbers() -> None:
    def one(number: int) -> np.ndarray:
        time.sleep(0.002 * (5 - number))  # the first takes longest
        return np.array([number, number**2])

    np.testing.assert_array_equal(replicate(one, 5)[:, 1], [0, 1, 4, 9, 16])
    assert in_threads(str, 3) == ["0", "1", "2"]

"""The exponent of growth."""

import numpy as np
import pytest

from benchmarks.power_law import exponent


@pytest.mark.parametrize("slope", [-0.5, 0.0, 1.0, 1.7])
def test_a_power_law_gives_its_exponent(slope):
    sizes = np.array([0.25, 0.5, 1, 2, 4])
    assert exponent(sizes, 7.3 * sizes**slope) == pytest.approx(slope)


def test_it_is_the_slope_of_the_straight_line_through_the_logarithms():
    sizes, costs = [1, 3, 10, 30], [2.0, 5.0, 31.0, 60.0]
    assert exponent(sizes, costs) == pytest.approx(np.polyfit(np.log(sizes), np.log(costs), 1)[0])

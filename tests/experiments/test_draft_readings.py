"""Sign tests of interleaving with their intervals."""

import numpy as np
import pytest
from scipy import stats
from statsmodels.stats.proportion import proportion_confint

from recolab_assets.experiments.draft_readings import draft_readings, pooled_effects, wins_against
from recolab_assets.experiments.drafted_replicates import DraftedTests
from recolab_assets.experiments.preferences import Wins


@pytest.fixture
def tests():
    """Two tests of three models at one size; pairs (0, 1), (0, 2), (1, 2)."""
    wins = Wins(
        np.array([[[30, 0, 5]], [[20, 0, 7]]]),
        np.array([[[10, 0, 15]], [[22, 0, 3]]]),
    )
    users = np.array([[100, 90, 80]])
    return DraftedTests({"x": np.zeros((2, 1, 3))}, wins, users, np.zeros(2))


def test_wins_are_counted_from_the_models_side(tests) -> None:
    for_model, for_control = wins_against(tests, control=1, n_models=3)
    np.testing.assert_array_equal(for_model[:, 0], [[30, 0, 15], [20, 0, 3]])
    np.testing.assert_array_equal(for_control[:, 0], [[10, 0, 5], [22, 0, 7]])
    np.testing.assert_array_equal(tests.seen_with(1, 3), [100, 0, 80])


def test_intervals_are_clopper_pearsons(tests) -> None:
    read = draft_readings(tests, tests.scores["x"], 1, 0.05)
    for replicate, (won, lost) in enumerate([(30, 10), (20, 22)]):
        test = stats.binomtest(won, won + lost)
        low, high = proportion_confint(won, won + lost, method="beta")
        place = (replicate, 0, 0)
        assert read.p_values[place] == pytest.approx(test.pvalue)
        assert read.effects[place] == pytest.approx(won / (won + lost) - 0.5)
        assert (read.low[place], read.high[place]) == pytest.approx((low - 0.5, high - 0.5))
        assert read.signs[place] == np.sign(won - lost)
    assert np.isnan(read.p_values[..., 1]).all()


def test_a_pair_that_nobody_decides_says_nothing(tests) -> None:
    read = draft_readings(tests, tests.scores["x"], 0, 0.05)
    np.testing.assert_array_equal(read.p_values[..., 2], 1.0)
    np.testing.assert_array_equal(read.low[..., 2], -0.5)
    np.testing.assert_array_equal(read.high[..., 2], 0.5)
    assert np.isnan(pooled_effects(tests, 0, 3)[2])


def test_pooled_effect_is_that_of_all_replicates_together(tests) -> None:
    assert pooled_effects(tests, 1, 3)[0] == pytest.approx(50 / 82 - 0.5)

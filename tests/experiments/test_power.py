"""Power and least detectable effect against statsmodels and against simulation."""

import math

import numpy as np
import pytest
from statsmodels.stats.power import TTestIndPower

from recolab_assets.experiments.power import (
    minimum_detectable_shift,
    power,
    shift_error,
    users_per_arm,
)
from recolab_assets.experiments.statistics import RatioEstimate, compare, ratio_estimate

SIGMA = 0.6


def _control(n_users: int) -> RatioEstimate:
    return RatioEstimate(0.2, SIGMA**2 / n_users, n_users)


@pytest.mark.parametrize(("n_control", "n_treated"), [(20, 30), (500, 400), (10_000, 10_155)])
@pytest.mark.parametrize("alpha", [0.05, 0.01])
def test_power_and_least_effect_are_statsmodels(n_control, n_treated, alpha) -> None:
    control, ratio = _control(n_control), n_treated / n_control
    for shift in (0.0, 0.01, 0.05, -0.4):
        expected = TTestIndPower().power(abs(shift) / SIGMA, n_control, alpha, ratio)
        assert power(shift, control, n_treated, alpha) == pytest.approx(expected, rel=1e-6)
    least = minimum_detectable_shift(control, n_treated, alpha)
    expected = TTestIndPower().solve_power(None, n_control, alpha, 0.8, ratio)
    assert least / SIGMA == pytest.approx(expected, rel=1e-4)
    assert power(least, control, n_treated, alpha) == pytest.approx(0.8)


def test_power_is_the_share_of_tests_that_find_the_effect() -> None:
    rng = np.random.default_rng(0)
    replicates, n, shift = 2_000, 300, 0.1
    ones = np.ones(n)
    found = 0
    for _ in range(replicates):
        control = ratio_estimate(rng.normal(0.2, SIGMA, n), ones)
        treated = ratio_estimate(rng.normal(0.2 + shift, SIGMA, n), ones)
        found += compare(treated, control, 0.05).p_value < 0.05
    stated = power(shift, _control(n), n, 0.05)
    assert found / replicates == pytest.approx(stated, abs=4 * np.sqrt(0.25 / replicates))


def test_what_has_no_variance_or_no_user_has_no_power() -> None:
    for control, n_treated in ((_control(50), 0), (RatioEstimate(0.0, 0.0, 50), 50)):
        assert np.isnan(shift_error(control, n_treated))
        assert np.isnan(power(0.1, control, n_treated, 0.05))
        assert np.isnan(minimum_detectable_shift(control, n_treated, 0.05))


@pytest.mark.parametrize("effect", [0.005, 0.1, 0.5, 6.0])
@pytest.mark.parametrize("alpha", [0.05, 0.0125])
def test_users_of_an_arm_are_statsmodels(effect, alpha) -> None:
    expected = TTestIndPower().solve_power(effect * 0.2 / SIGMA, None, alpha, 0.8, 1.0)
    assert users_per_arm(_control(500), effect, alpha) == math.ceil(expected - 1e-6)


def test_half_the_effect_needs_four_times_the_users() -> None:
    of_effects = [users_per_arm(_control(500), effect, 0.05) for effect in (0.2, 0.1, 0.05, 0.025)]
    assert np.divide(of_effects[1:], of_effects[:-1]) == pytest.approx(4, rel=0.01)


def test_a_stricter_level_and_more_power_need_more_users() -> None:
    users = users_per_arm(_control(500), 0.1, 0.05)
    assert users < users_per_arm(_control(500), 0.1, 0.01)
    assert users < users_per_arm(_control(500), 0.1, 0.05, target=0.9)


def test_no_number_of_users_is_given_where_none_finds_the_effect() -> None:
    for control in (RatioEstimate(0.0, 0.0, 50), RatioEstimate(0.2, np.nan, 1), _control(50)):
        assert users_per_arm(control, 1e-9, 0.05) is None

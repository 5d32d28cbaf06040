"""Users needed against statsmodels, and against the power that so many users have."""

import numpy as np
import pytest
from scipy import stats
from statsmodels.stats.power import NormalIndPower

from recolab_assets.experiments.preferences import Wins
from recolab_assets.experiments.sequential import critical_values
from recolab_assets.experiments.users_needed import (
    UsersNeeded,
    fewer_users,
    sign_test_p,
    users_for_effects,
    users_for_means,
    users_for_preference,
    users_for_ranks,
    users_for_sequence,
)

CONTROL = np.array([0.80, 0.15, 0.04, 0.01])
MODEL = np.array([0.76, 0.17, 0.05, 0.02])


def _simulated_power(n_arm: int, test) -> float:
    rng = np.random.default_rng(1)
    first, second = (rng.choice(4, (1_000, n_arm), p=p) for p in (MODEL, CONTROL))
    return np.mean([test(a, b) < 0.05 for a, b in zip(first, second, strict=True)])


def test_users_for_means_agree_with_statsmodels() -> None:
    clicks = np.arange(4)
    variances = [p @ clicks**2 - (p @ clicks) ** 2 for p in (MODEL, CONTROL)]
    size = ((MODEL - CONTROL) @ clicks) / np.sqrt(np.mean(variances))
    expected = 2 * NormalIndPower().solve_power(size, alpha=0.05, power=0.8)
    assert users_for_means(MODEL, CONTROL, 0.05).users == pytest.approx(expected, rel=1e-3)
    assert users_for_means(CONTROL, MODEL, 0.05).users == pytest.approx(expected, rel=1e-3)


def test_so_many_users_have_eighty_percent_power() -> None:
    error = np.sqrt(0.8 * 0.2 / 1_000)
    for users, test in (
        (users_for_means, lambda a, b: stats.ttest_ind(a, b, equal_var=False).pvalue),
        (users_for_ranks, lambda a, b: stats.mannwhitneyu(a, b, method="asymptotic").pvalue),
    ):
        n_arm = round(users(MODEL, CONTROL, 0.05).users / 2)
        assert _simulated_power(n_arm, test) == pytest.approx(0.8, abs=4 * error)


def test_ranks_that_point_away_from_the_mean_find_nothing() -> None:
    rare_but_many = np.array([0.9, 0.0, 0.0, 0.1])
    often_but_one = np.array([0.75, 0.25, 0.0, 0.0])
    assert np.isinf(users_for_ranks(rare_but_many, often_but_one, 0.05).users)
    assert np.isfinite(users_for_means(rare_but_many, often_but_one, 0.05).users)
    assert np.isinf(users_for_means(CONTROL, CONTROL, 0.05).users)


def test_users_of_a_sign_test_have_eighty_percent_power() -> None:
    better, worse = 0.09, 0.06
    needed = users_for_preference(9_000, 6_000, 100_000, 0.05)
    drawn = np.random.default_rng(2).multinomial(
        round(needed.users), [better, worse, 1 - better - worse], size=4_000
    )
    power = (sign_test_p(Wins(drawn[:, 0], drawn[:, 1])) < 0.05).mean()
    # The exact test is conservative: its level is a little below what it promises.
    assert 0.76 < power < 0.81


def test_error_of_the_users_is_that_of_repeated_estimates() -> None:
    rng = np.random.default_rng(3)
    drawn = rng.multinomial(100_000, [0.09, 0.06, 0.85], size=500)
    estimates = [users_for_preference(a, b, 100_000, 0.05).users for a, b, _ in drawn]
    claimed = users_for_preference(9_000, 6_000, 100_000, 0.05).standard_error
    assert np.std(estimates) == pytest.approx(claimed, rel=0.15)


def test_a_preference_for_the_worse_needs_more_users_than_there_are() -> None:
    assert np.isinf(users_for_preference(10, 12, 100, 0.05).users)
    assert np.isinf(users_for_preference(0, 0, 100, 0.05).users)


def test_sign_tests_are_exact() -> None:
    wins = Wins(np.array([[3, 9], [0, 5]]), np.array([[8, 1], [0, 5]]))
    expected = [
        [stats.binomtest(3, 11).pvalue, stats.binomtest(9, 10).pvalue],
        [1.0, 1.0],
    ]
    np.testing.assert_allclose(sign_test_p(wins), expected)


def test_a_sequential_test_pays_for_every_look() -> None:
    rng = np.random.default_rng(0)
    model, control = rng.dirichlet(np.ones(4)), rng.dirichlet(np.ones(4))
    fixed = users_for_means(model, control, 0.05).users
    later = users_for_sequence(model, control, 0.05)
    users = np.array([later.users])
    critical = critical_values(users, later.users, 0.05)[0]
    clicks = np.arange(4)
    variance = sum(law @ clicks**2 - (law @ clicks) ** 2 for law in (model, control))
    error = np.sqrt(2 * variance / later.users)
    distance = abs((model - control) @ clicks) / error
    assert stats.norm.sf(critical - distance) == pytest.approx(0.8)
    assert 1.5 < later.users / fixed < 2.5


def test_users_for_effects_are_those_for_means() -> None:
    """With the errors that an A/B test of two has, as many users are needed."""
    model, control = np.array([0.6, 0.3, 0.1]), np.array([0.7, 0.25, 0.05])
    expected = users_for_means(model, control, 0.05).users
    clicks, n = np.arange(3), 40_000
    variance = sum(law @ clicks**2 - (law @ clicks) ** 2 for law in (model, control))
    rng = np.random.default_rng(1)
    error = np.sqrt(2 * variance / n)
    effects = rng.normal((model - control) @ clicks, error, 2_000)
    found = users_for_effects(effects, np.full(2_000, error), n, 0.05)
    assert found.users == pytest.approx(expected, abs=4 * found.standard_error)
    assert found.standard_error < 0.02 * found.users


def test_effects_that_point_to_the_worse_need_no_end_of_users() -> None:
    assert np.isinf(users_for_effects(np.array([-0.1, -0.2]), np.ones(2), 100, 0.05).users)
    assert np.isinf(users_for_effects(np.ones(2), np.full(2, np.nan), 100, 0.05).users)


def test_less_variance_needs_less_users() -> None:
    found = fewer_users(UsersNeeded(1_000.0, np.nan), np.array([0.8, 0.9, 1.0]))
    assert found.users == pytest.approx(900)
    assert found.standard_error == pytest.approx(1_000 * 0.1 / np.sqrt(3))

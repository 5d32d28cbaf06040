"""Variance reduction against regression, and on data where the gain is known."""

import numpy as np
import pytest
import statsmodels.api as sm

from recolab_assets.experiments.cuped import cuped_estimates
from recolab_assets.experiments.statistics import compare, ratio_estimate


def test_adjusted_difference_is_the_coefficient_of_the_arm_in_a_regression() -> None:
    rng = np.random.default_rng(0)
    n = 900
    arm, covariates = rng.integers(0, 3, n), rng.gamma(1, size=(n, 2))
    outcome = 0.4 * (arm == 1) + covariates @ [1.0, -0.5] + rng.normal(size=n)
    dummies = np.column_stack([arm == 1, arm == 2]).astype(float)
    design = sm.add_constant(np.column_stack([dummies, covariates]))
    regression = sm.OLS(outcome, design).fit(cov_type="HC2")
    estimates = cuped_estimates(outcome, np.ones(n), arm, 3, covariates)
    for number in (1, 2):
        result = compare(estimates[number], estimates[0], 0.05)
        assert result.difference == pytest.approx(regression.params[number])
        # Robust errors count the covariates' degrees of freedom too: 2 of 900.
        assert result.standard_error == pytest.approx(regression.bse[number], rel=5e-3)


def test_variance_removed_is_the_squared_correlation() -> None:
    rng = np.random.default_rng(1)
    n = 200_000
    arm, before = rng.integers(0, 2, n), rng.normal(size=n)
    outcome = 0.6 * before + 0.8 * rng.normal(size=n)
    ones = np.ones(n)
    plain = [ratio_estimate(outcome[arm == a], ones[arm == a]) for a in (0, 1)]
    adjusted = cuped_estimates(outcome, ones, arm, 2, before[:, None])
    for a in (0, 1):  # Deng, Xu, Kohavi and Walker 2013: Var(adjusted) = Var (1 − ρ²)
        assert adjusted[a].variance / plain[a].variance == pytest.approx(1 - 0.6**2, abs=0.01)


def test_a_ratio_is_adjusted_without_bias_and_its_interval_covers() -> None:
    """Active users see more and click on more of it: the numerator alone would mislead."""
    rng = np.random.default_rng(2)
    truth, covered, removed, differences = 0.02, 0, [], []
    replicates, n = 1_000, 800
    for _ in range(replicates):
        taste, arm = rng.gamma(2, 0.5, n), rng.integers(0, 2, n)
        shown = rng.poisson(10, n) + 1.0
        clicks = rng.binomial(shown.astype(int), np.minimum((0.1 + truth * arm) * taste, 1))
        before = np.log1p(rng.poisson(20 * taste))
        adjusted = cuped_estimates(clicks.astype(float), shown, arm, 2, before[:, None])
        plain = [ratio_estimate(clicks[arm == a].astype(float), shown[arm == a]) for a in (0, 1)]
        result = compare(adjusted[1], adjusted[0], 0.05)
        covered += result.low <= truth <= result.high
        differences.append(result.difference)
        removed.append(
            1 - (result.standard_error / compare(plain[1], plain[0], 0.05).standard_error) ** 2
        )
    error = np.std(differences) / np.sqrt(replicates)
    assert np.mean(differences) == pytest.approx(truth, abs=4 * error)
    assert covered / replicates == pytest.approx(0.95, abs=4 * np.sqrt(0.0475 / replicates))
    assert np.mean(removed) > 0.2


def test_covariates_that_say_nothing_change_nothing() -> None:
    rng = np.random.default_rng(3)
    outcome, arm = rng.normal(size=100), np.arange(100) % 2
    adjusted = cuped_estimates(outcome, np.ones(100), arm, 3, np.full((100, 2), 7.0))
    plain = ratio_estimate(outcome[arm == 1], np.ones(50))
    assert adjusted[1].value == pytest.approx(plain.value)
    assert adjusted[1].variance == pytest.approx(plain.variance)
    assert adjusted[2].n_users == 0 and np.isnan(adjusted[2].value)
    empty = cuped_estimates(np.empty(0), np.empty(0), np.empty(0, int), 2, np.empty((0, 2)))
    assert [estimate.n_users for estimate in empty] == [0, 0]

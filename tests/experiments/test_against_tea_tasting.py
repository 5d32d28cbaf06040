"""Analyses of the A/B test against tea-tasting, on the same users."""

import numpy as np
import pandas as pd
import pytest
import tea_tasting as tt
from scipy import stats

from recolab_assets.evaluation.comparisons import holm
from recolab_assets.experiments.cuped import cuped_estimates
from recolab_assets.experiments.power import minimum_detectable_shift, power
from recolab_assets.experiments.statistics import (
    compare,
    rank_test,
    ratio_estimate,
    relative_uplift,
    sample_ratio_p,
)

ALPHA = 0.05


@pytest.fixture(params=[1, 2, 3], scope="module")
def users(request):
    """Users of two arms, the products that they see, and their clicks before and in the test."""
    rng = np.random.default_rng(request.param)
    n = 4_000
    variant = rng.integers(0, 2, n)
    taste = rng.gamma(2.0, 0.5, n)
    seen = rng.poisson(12, n) + 1
    clicks = rng.binomial(seen, np.minimum(0.9, 0.05 * taste * (1 + 0.1 * variant)))
    before = rng.poisson(3 * taste)
    return pd.DataFrame(
        {"variant": variant, "seen": seen, "clicks": clicks, "before": before, "one": 1}
    )


def _analyzed(users, metric):
    return tt.Experiment(x=metric).analyze(users)["x"]


def _arms(users, numerator, denominator):
    arms = [users[users["variant"] == arm] for arm in (1, 0)]
    return [
        ratio_estimate(arm[numerator].to_numpy(float), arm[denominator].to_numpy(float))
        for arm in arms
    ]


@pytest.mark.parametrize("denominator", ["seen", "one"])
def test_ratios_and_means_are_compared_alike(users, denominator) -> None:
    result = _analyzed(users, tt.RatioOfMeans("clicks", denominator))
    treated, control = _arms(users, "clicks", denominator)
    found = compare(treated, control, ALPHA)
    assert treated.value == pytest.approx(result.treatment)
    assert control.value == pytest.approx(result.control)
    assert found.difference == pytest.approx(result.effect_size)
    assert found.p_value == pytest.approx(result.pvalue)
    assert found.low == pytest.approx(result.effect_size_ci_lower)
    assert found.high == pytest.approx(result.effect_size_ci_upper)


@pytest.mark.parametrize("denominator", ["seen", "one"])
def test_relative_intervals_agree_to_the_degrees_of_freedom(users, denominator) -> None:
    """Both are intervals of the logarithm of the ratio. tea-tasting takes the degrees of freedom
    of Welch from the variances of the logarithms, we from those of the values.
    """
    result = _analyzed(users, tt.RatioOfMeans("clicks", denominator))
    found = relative_uplift(*_arms(users, "clicks", denominator), ALPHA)
    assert found.value == pytest.approx(result.rel_effect_size)
    assert found.low == pytest.approx(result.rel_effect_size_ci_lower, abs=1e-5)
    assert found.high == pytest.approx(result.rel_effect_size_ci_upper, abs=1e-5)


def test_cuped_agrees_but_for_the_pooling_of_the_slope(users) -> None:
    """tea-tasting fits one slope to both arms as if they were one sample; we, in every arm about
    its own mean, as Deng et al. have it. With no effect on the slope the two differ little.
    """
    result = _analyzed(users, tt.Mean("clicks", "before"))
    arm = 1 - users["variant"].to_numpy()  # the treatment first
    adjusted = cuped_estimates(
        users["clicks"].to_numpy(float),
        np.ones(len(users)),
        arm,
        2,
        users[["before"]].to_numpy(float),
    )
    found = compare(adjusted[0], adjusted[1], ALPHA)
    scale = found.standard_error
    assert found.difference == pytest.approx(result.effect_size, abs=0.02 * scale)
    assert found.low == pytest.approx(result.effect_size_ci_lower, abs=0.04 * scale)
    assert found.high == pytest.approx(result.effect_size_ci_upper, abs=0.04 * scale)
    plain = compare(*_arms(users, "clicks", "one"), ALPHA)
    assert found.standard_error < 0.95 * plain.standard_error


def test_ranks_are_compared_alike(users) -> None:
    result = _analyzed(users, tt.MannWhitneyU("clicks"))
    arms = [users.loc[users["variant"] == arm, "clicks"].to_numpy(float) for arm in (1, 0)]
    assert rank_test(*arms).p_value == pytest.approx(result.pvalue, rel=1e-3)


def test_the_sample_ratio_is_checked_alike(users) -> None:
    """tea-tasting's normal test without continuity correction is the square root of ours."""
    result = _analyzed(users, tt.SampleRatio(method="norm", correction=False))
    counts = np.bincount(users["variant"])
    assert sample_ratio_p(counts) == pytest.approx(result.pvalue)
    assert sample_ratio_p(counts) == pytest.approx(stats.chisquare(counts).pvalue)


def test_power_is_that_of_tea_tasting(users) -> None:
    control = users[users["variant"] == 0]
    estimate = ratio_estimate(control["clicks"].to_numpy(float), np.ones(len(control)))
    shift = 0.1 * estimate.value
    n = estimate.n_users
    metric = tt.Mean("clicks", effect_size=shift, n_obs=2 * n, ratio=1)
    [solved] = metric.solve_power(control, "power")
    assert power(shift, estimate, n, ALPHA) == pytest.approx(solved.power, abs=1e-3)
    metric = tt.Mean("clicks", power=0.8, n_obs=2 * n, ratio=1)
    [solved] = metric.solve_power(control, "effect_size")
    least = minimum_detectable_shift(estimate, n, ALPHA)
    assert least == pytest.approx(solved.effect_size, rel=1e-3)


def test_corrections_for_several_arms_agree() -> None:
    rng = np.random.default_rng(1)
    users = pd.DataFrame({"variant": rng.integers(0, 5, 5_000), "clicks": rng.poisson(0.3, 5_000)})
    users["clicks"] += (users["variant"] == 4) & (rng.random(5_000) < 0.08)
    results = tt.Experiment(x=tt.Mean("clicks")).analyze(users, 0, all_variants=True)
    raw = [result["x"].pvalue for result in results.values()]
    adjusted = tt.adjust_fwer(results, method="bonferroni", arbitrary_dependence=True)
    expected = [row["pvalue_adj"] for row in adjusted.to_dicts()]
    np.testing.assert_allclose(holm(raw), expected)

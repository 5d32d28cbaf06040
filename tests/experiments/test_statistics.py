"""Estimates and tests against scipy, statsmodels and their promised error rates."""

import numpy as np
import pytest
from scipy import stats
from statsmodels.stats.multitest import multipletests
from statsmodels.stats.weightstats import CompareMeans, DescrStatsW

from recolab_assets.evaluation.comparisons import holm
from recolab_assets.experiments.statistics import (
    RatioEstimate,
    compare,
    rank_test,
    ratio_estimate,
    relative_uplift,
    sample_ratio_p,
    uplift_of_logarithms,
)


def _mean(values):
    return ratio_estimate(np.asarray(values, float), np.ones(len(values)))


def test_with_one_impression_each_it_is_welchs_test() -> None:
    rng = np.random.default_rng(0)
    a, b = rng.gamma(1, size=80), rng.gamma(2, size=50)
    result = compare(_mean(a), _mean(b), alpha=0.1)
    welch = stats.ttest_ind(a, b, equal_var=False)
    assert result.p_value == pytest.approx(welch.pvalue)
    means = CompareMeans(DescrStatsW(a), DescrStatsW(b))
    assert (result.low, result.high) == pytest.approx(
        means.tconfint_diff(alpha=0.1, usevar="unequal")
    )
    assert result.standard_error == pytest.approx(means.std_meandiff_separatevar)


def test_variance_of_a_ratio_agrees_with_the_published_formula() -> None:
    rng = np.random.default_rng(1)
    shown = rng.integers(1, 30, 500).astype(float)
    clicks = rng.binomial(shown.astype(int), 0.1).astype(float)
    n, mean_shown, mean_clicks = 500, shown.mean(), clicks.mean()
    covariance = np.cov(clicks, shown)
    expected = (  # Deng, Knoblich and Lu 2018, equation 3
        covariance[0, 0] / mean_shown**2
        - 2 * mean_clicks / mean_shown**3 * covariance[0, 1]
        + mean_clicks**2 / mean_shown**4 * covariance[1, 1]
    ) / n
    estimate = ratio_estimate(clicks, shown)
    assert estimate.value == pytest.approx(clicks.sum() / shown.sum())
    assert estimate.variance == pytest.approx(expected)


def _clustered_arm(rng, n_users: int, rate: float):
    """Users differ in activity and in taste, so clicks of one user are not independent."""
    shown = rng.integers(1, 40, n_users)
    clicks = rng.binomial(shown, np.minimum(rate * rng.gamma(0.5, 2.0, n_users), 1))
    return ratio_estimate(clicks.astype(float), shown.astype(float))


def test_identical_arms_are_told_apart_in_five_percent_and_intervals_cover() -> None:
    rng = np.random.default_rng(2)
    replicates, alarms, covered, covered_relative = 2_000, 0, 0, 0
    for _ in range(replicates):
        same = [_clustered_arm(rng, 400, 0.05) for _ in range(2)]
        alarms += compare(*same, alpha=0.05).p_value < 0.05
        different = (_clustered_arm(rng, 400, 0.065), _clustered_arm(rng, 400, 0.05))
        result = compare(*different, alpha=0.05)
        covered += result.low <= 0.015 <= result.high
        uplift = relative_uplift(*different, alpha=0.05)
        covered_relative += uplift.low <= 0.3 <= uplift.high
    error = 3.5 * np.sqrt(0.05 * 0.95 / replicates)
    assert alarms / replicates == pytest.approx(0.05, abs=error)
    assert covered / replicates == pytest.approx(0.95, abs=error)
    assert covered_relative / replicates == pytest.approx(0.95, abs=error)


def test_uplift_never_falls_below_minus_one_hundred_percent() -> None:
    few, many = _mean([1] + [0] * 99), _mean([1] * 30 + [0] * 70)
    uplift = relative_uplift(few, many, alpha=0.05)
    assert uplift.value == pytest.approx(1 / 30 - 1)
    assert -1 < uplift.low < uplift.value < uplift.high


def test_uplift_interval_is_symmetric_on_the_logarithm() -> None:
    a, b = _mean([1] * 40 + [0] * 60), _mean([1] * 30 + [0] * 70)
    uplift, reverse = relative_uplift(a, b, alpha=0.05), relative_uplift(b, a, alpha=0.05)
    assert 1 + uplift.low == pytest.approx(1 / (1 + reverse.high))


def test_what_the_data_leave_open_is_nan() -> None:
    none, some, empty = (
        _mean([0] * 50),
        _mean([1] * 5 + [0] * 45),
        ratio_estimate(*[np.empty(0)] * 2),
    )
    assert np.isnan(relative_uplift(some, none, 0.05)).all()
    assert relative_uplift(none, some, 0.05).value == -1
    assert np.isnan(relative_uplift(none, some, 0.05).low)
    assert np.isnan(relative_uplift(empty, some, 0.05)).all()
    assert np.isnan(compare(empty, some, 0.05)).all()
    assert np.isnan(compare(none, none, 0.05).p_value)
    assert compare(none, none, 0.05).difference == 0
    assert compare(some, none, 0.05).p_value < 0.05
    single = _mean([1])
    assert single.value == 1 and np.isnan(compare(single, some, 0.05).p_value)
    assert empty == RatioEstimate(empty.value, empty.variance, 0)


def test_rank_test_is_scipys_and_safe_at_the_edges() -> None:
    rng = np.random.default_rng(3)
    a, b = rng.poisson(0.5, 70).astype(float), rng.poisson(0.9, 60).astype(float)
    result = rank_test(a, b)
    assert result.p_value == pytest.approx(stats.mannwhitneyu(a, b).pvalue, rel=1e-9)
    pairs = np.sign(a[:, None] - b)  # every pair, by definition
    assert result.superiority == pytest.approx((pairs > 0).mean() + (pairs == 0).mean() / 2)
    assert rank_test(b, a).superiority == pytest.approx(1 - result.superiority)
    assert rank_test(np.zeros(5), np.zeros(7)) == (0.5, 1)
    assert np.isnan(rank_test(np.empty(0), b)).all()


def test_geometric_means_are_compared_on_the_logarithm() -> None:
    rng = np.random.default_rng(5)
    a, b = rng.lognormal(0.1, 1, 400), rng.lognormal(0, 1, 300)
    uplift = uplift_of_logarithms(compare(_mean(np.log(a)), _mean(np.log(b)), 0.05))
    assert uplift.value == pytest.approx(stats.gmean(a) / stats.gmean(b) - 1)
    assert -1 < uplift.low < uplift.value < uplift.high


def test_holm_agrees_with_its_definition_and_skips_what_is_absent() -> None:
    adjusted = holm([0.01, np.nan, 0.04, 0.03, 0.005])
    np.testing.assert_allclose(adjusted, [0.03, np.nan, 0.06, 0.06, 0.02])
    assert np.isnan(holm([np.nan])).all()
    assert holm([]).size == 0
    assert holm([0.7, 0.9]).max() <= 1


def test_holm_agrees_with_statsmodels_family_by_family() -> None:
    families = np.random.default_rng(4).random((6, 5)) ** 3
    expected = [multipletests(family, method="holm")[1] for family in families]
    np.testing.assert_allclose(holm(families), expected)


def test_sample_ratio_check_finds_a_lost_tenth_and_passes_equal_arms() -> None:
    assert sample_ratio_p([10_000, 10_050, 9_960]) > 0.05
    assert sample_ratio_p([10_000, 10_000, 9_000]) < 1e-3
    assert sample_ratio_p([60, 40]) == pytest.approx(stats.chisquare([60, 40]).pvalue)
    assert np.isnan(sample_ratio_p([100])) and np.isnan(sample_ratio_p([0, 0]))


def test_sample_ratio_check_cries_wolf_as_often_as_its_level_says() -> None:
    rng = np.random.default_rng(6)
    replicates = 1_000
    p_values = [sample_ratio_p(counts) for counts in rng.multinomial(5_000, [0.2] * 5, replicates)]
    error = 3 * np.sqrt(0.05 * 0.95 / replicates)
    assert np.mean(np.array(p_values) < 0.05) == pytest.approx(0.05, abs=error)

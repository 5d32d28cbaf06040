"""Analyses from sums against the same analyses from users, and against scipy."""

import numpy as np
import pytest
from scipy import stats

from recolab_assets.experiments import cuped, statistics
from recolab_assets.experiments.ab_readings import (
    AB_READINGS,
    cuped_estimates,
    cuped_readings,
    delta_estimates,
    delta_readings,
    mann_whitney_readings,
    sequential_readings,
    user_rate_readings,
)
from recolab_assets.experiments.ab_replicates import ABTotals
from recolab_assets.experiments.sequential import critical_values

CONTROL, ALPHA = 1, 0.05


class Users:
    """Users of three arms who are shown 4 or 8 products, and the sums of them."""

    def __init__(self, seed: int, n: int = 400) -> None:
        rng = np.random.default_rng(seed)
        self.arm = rng.integers(0, 3, n)
        self.slots = rng.choice([4.0, 8.0], n)
        self.covariates = np.column_stack([rng.gamma(2, size=n), rng.random(n)])
        chance = np.minimum(0.9, 0.05 + 0.05 * self.covariates[:, 0] * (1 + self.arm / 4))
        self.clicks = rng.binomial(self.slots.astype(int), chance).astype(float)

    @property
    def totals(self) -> ABTotals:
        outcomes = [(c, s) for s in (4, 8) for c in range(s + 1)]
        histograms = np.zeros((1, 1, 3, len(outcomes)), np.int64)
        moments = np.zeros((1, 1, 3, 2, 5))
        for arm, clicks, slots, x in zip(
            self.arm, self.clicks, self.slots, self.covariates, strict=True
        ):
            histograms[0, 0, arm, outcomes.index((clicks, slots))] += 1
            moments[0, 0, arm] += np.column_stack([x, x * clicks, x * slots, np.outer(x, x)])
        clicks, slots = np.array(outcomes, float).T
        return ABTotals(histograms, clicks, slots, moments)


@pytest.fixture(params=range(3))
def users(request):
    return Users(request.param)


def test_the_ratio_of_sums_is_the_delta_method(users) -> None:
    read = delta_readings(users.totals, CONTROL, ALPHA)
    estimates = [
        statistics.ratio_estimate(users.clicks[users.arm == arm], users.slots[users.arm == arm])
        for arm in range(3)
    ]
    for arm in (0, 2):
        expected = statistics.compare(estimates[arm], estimates[CONTROL], ALPHA)
        place = (0, 0, arm)
        assert read.scores[place] == pytest.approx(estimates[arm].value)
        assert read.effects[place] == pytest.approx(expected.difference)
        assert read.errors[place] == pytest.approx(expected.standard_error)
        assert read.p_values[place] == pytest.approx(expected.p_value)
        assert read.low[place] == pytest.approx(expected.low)
        assert read.high[place] == pytest.approx(expected.high)
        assert read.signs[place] == np.sign(expected.difference)


def test_the_mean_of_rates_is_welchs_test(users) -> None:
    read = user_rate_readings(users.totals, CONTROL, ALPHA)
    rates = users.clicks / users.slots
    for arm in (0, 2):
        test = stats.ttest_ind(
            rates[users.arm == arm], rates[users.arm == CONTROL], equal_var=False
        )
        interval = test.confidence_interval(1 - ALPHA)
        assert read.p_values[0, 0, arm] == pytest.approx(test.pvalue)
        assert read.low[0, 0, arm] == pytest.approx(interval.low)
        assert read.high[0, 0, arm] == pytest.approx(interval.high)


def test_ranks_are_those_of_click_rates_with_their_ties(users) -> None:
    """Two of eight is as much as one of four."""
    read = mann_whitney_readings(users.totals, CONTROL, ALPHA)
    rates = users.clicks / users.slots
    mine = rates[users.arm == CONTROL]
    for arm in (0, 2):
        test = stats.mannwhitneyu(rates[users.arm == arm], mine, method="asymptotic")
        superiority = test.statistic / mine.size / np.count_nonzero(users.arm == arm)
        assert read.p_values[0, 0, arm] == pytest.approx(test.pvalue)
        assert read.scores[0, 0, arm] == pytest.approx(superiority)
        assert read.signs[0, 0, arm] == np.sign(superiority - 0.5)
        assert np.isnan(read.low[0, 0, arm])
    assert read.scores[0, 0, CONTROL] == 0.5


def test_adjusted_estimates_are_those_of_cuped(users) -> None:
    found = cuped_estimates(users.totals)
    expected = cuped.cuped_estimates(users.clicks, users.slots, users.arm, 3, users.covariates)
    np.testing.assert_allclose(found.value[0, 0], [arm.value for arm in expected])
    np.testing.assert_allclose(found.variance[0, 0], [arm.variance for arm in expected])
    assert (found.variance < delta_estimates(users.totals).variance).all()


def test_without_covariates_nothing_is_adjusted(users) -> None:
    totals = users.totals._replace(moments=np.zeros((1, 1, 3, 0, 3)))
    for adjusted, plain in zip(
        cuped_readings(totals, CONTROL, ALPHA), delta_readings(totals, CONTROL, ALPHA), strict=True
    ):
        np.testing.assert_array_equal(adjusted, plain)


def test_the_always_valid_interval_is_that_of_its_critical_value(users) -> None:
    read = sequential_readings(users.totals, CONTROL, ALPHA)
    n = np.bincount(users.arm)
    for arm in (0, 2):
        both = np.array([n[arm] + n[CONTROL]])
        margin = critical_values(both, both[0], ALPHA)[0] * read.errors[0, 0, arm]
        assert read.high[0, 0, arm] - read.effects[0, 0, arm] == pytest.approx(margin)
        leaves_out_nothing = read.low[0, 0, arm] <= 0 <= read.high[0, 0, arm]
        assert (read.p_values[0, 0, arm] < ALPHA) == (not leaves_out_nothing)


def test_looks_at_one_test_share_its_planned_size() -> None:
    halves = [Users(4, 200).totals, Users(5, 200).totals]
    both = halves[0]._replace(
        histograms=np.concatenate(
            [halves[0].histograms, halves[0].histograms + halves[1].histograms], axis=1
        ),
        moments=np.concatenate([part.moments for part in halves], axis=1),
    )
    watched = sequential_readings(both, CONTROL, ALPHA, is_watched=True)
    apart = sequential_readings(both, CONTROL, ALPHA)
    np.testing.assert_array_equal(watched.high[:, -1], apart.high[:, -1])
    # An early look pays for being tuned to a later one.
    assert (np.delete(watched.high - apart.high, CONTROL, axis=2)[:, 0] > 0).all()


@pytest.mark.parametrize("method", AB_READINGS)
def test_the_control_is_not_compared_with_itself(users, method) -> None:
    read = AB_READINGS[method](users.totals, CONTROL, ALPHA)
    for values in (read.p_values, read.effects, read.errors, read.low, read.high):
        assert np.isnan(values[..., CONTROL]).all()
    assert (read.signs[..., CONTROL] == 0).all()


@pytest.mark.parametrize("method", AB_READINGS)
def test_tests_without_users_or_clicks_raise_no_alarm(method) -> None:
    histograms = np.zeros((1, 3, 2, 3), np.int64)
    histograms[0, 1, :, 0] = 50  # users, no clicks
    histograms[0, 2, 0, 0] = 50  # an arm without users
    totals = ABTotals(histograms, np.arange(3.0), np.full(3, 2.0), np.zeros((1, 3, 2, 1, 4)))
    read = AB_READINGS[method](totals, 0, ALPHA)
    np.testing.assert_array_equal(read.p_values[..., 1], 1.0)
    assert np.isfinite(read.scores).all()
    assert np.isnan(read.low[..., 1]).all()

"""Replicates of experiments against scipy and against the experiments themselves."""

import numpy as np
import pytest
from scipy import stats

from recolab_assets.experiments.replicates import (
    _tally,
    ab_histograms,
    delta_tests,
    mann_whitney_tests,
    sample_means,
)


def _stacked(shop):
    rankings = np.stack(list(shop.lists.values()), axis=1)
    attraction = np.stack(
        [shop.shoppers.attraction(shop.users, lists) for lists in shop.lists.values()], axis=1
    )
    return rankings, attraction


@pytest.fixture(scope="module")
def cumulative(shop):
    _, attraction = _stacked(shop)
    counts = [shop.shoppers.click_counts(attraction[:, model]) for model in range(4)]
    return np.stack(counts, axis=1).cumsum(axis=2)


def _histograms(cumulative, **changed):
    arguments = {"arms": range(4), "sizes": [200, 1_001, 3_000], "replicates": 300, "seed": 1}
    return ab_histograms(cumulative, **arguments | {"purpose": "test"} | changed)


def test_every_user_is_counted_in_arms_of_equal_size(cumulative) -> None:
    histograms = _histograms(cumulative, replicates=5)
    assert histograms.shape == (5, 3, 4, 7)
    for number, size in enumerate([200, 1_001, 3_000]):
        arms = histograms[:, number].sum(axis=-1)
        assert (arms.sum(axis=1) == size).all() and (np.ptp(arms, axis=1) <= 1).all()
    assert (np.diff(histograms, axis=1) >= 0).all()  # a larger experiment contains the smaller


def test_clicks_have_their_expected_number(shop, cumulative) -> None:
    histograms = _histograms(cumulative)[:, -1]
    clicks = histograms @ np.arange(7)
    users = histograms.sum(axis=-1)
    _, attraction = _stacked(shop)
    for model in range(4):
        expected = shop.shoppers.click_probability(attraction[:, model]).sum(axis=1).mean()
        rates = clicks[:, model] / users[:, model]
        assert rates.mean() == pytest.approx(expected, abs=4 * stats.sem(rates))


def test_replicates_do_not_depend_on_their_number_or_on_threads(cumulative, monkeypatch) -> None:
    few = _histograms(cumulative, replicates=3)
    monkeypatch.setattr("recolab_assets.experiments.replicates.MAX_WORKERS", 1)
    np.testing.assert_array_equal(_histograms(cumulative, replicates=6)[:3], few)
    assert not np.array_equal(few[0], few[1])
    assert not np.array_equal(_histograms(cumulative, replicates=3, seed=2), few)


def test_interpreted_kernel_equals_the_compiled_one(cumulative) -> None:
    rng = np.random.default_rng(0)
    order, uniforms = rng.permutation(3_000)[:50], rng.random(50)
    compiled, interpreted = np.zeros((2, 2, 4, 7), np.int64)
    for kernel, filled in ((_tally, compiled), (_tally.py_func, interpreted)):
        kernel(cumulative, np.arange(4), order, uniforms, np.array([20, 50]), filled)
    np.testing.assert_array_equal(compiled, interpreted)
    assert interpreted.sum() == 50


def _users(histogram):
    return np.repeat(np.arange(histogram.size), histogram).astype(float)


def test_tests_from_histograms_are_those_from_users(cumulative) -> None:
    histograms = _histograms(cumulative, replicates=4)
    delta, ranks = delta_tests(histograms, 1), mann_whitney_tests(histograms, 1)
    for place in np.ndindex(4, 3):
        control = _users(histograms[place][1])
        assert np.isnan(delta.p_values[place][1]) and np.isnan(ranks.p_values[place][1])
        assert ranks.scores[place][1] == 0.5
        for arm in (0, 2, 3):
            clicks = _users(histograms[place][arm])
            welch = stats.ttest_ind(clicks, control, equal_var=False)
            assert delta.p_values[place][arm] == pytest.approx(welch.pvalue)
            assert delta.scores[place][arm] == pytest.approx(clicks.mean() / 6)
            test = stats.mannwhitneyu(clicks, control, method="asymptotic")
            assert ranks.p_values[place][arm] == pytest.approx(test.pvalue)
            assert ranks.scores[place][arm] == pytest.approx(
                test.statistic / clicks.size / control.size
            )


def test_tests_without_users_or_clicks_raise_no_alarm() -> None:
    histograms = np.zeros((1, 3, 2, 3), np.int64)
    histograms[0, 1, :, 0] = 50  # users, no clicks
    histograms[0, 2, 0, 0] = 50  # an arm without users
    for test in (delta_tests, mann_whitney_tests):
        results = test(histograms, 0)
        assert not (results.p_values[..., 1] < 0.999).any()
        assert np.isfinite(results.scores).all()


def test_sample_means_are_means_of_distinct_users() -> None:
    values = np.random.default_rng(0).random((500, 3))
    means = sample_means(values, [1, 50, 500], replicates=200, seed=1, purpose="test")
    np.testing.assert_allclose(means[:, 2], np.tile(values.mean(axis=0), (200, 1)))
    single = {tuple(row) for row in values.round(12)}
    assert {tuple(row) for row in means[:, 0].round(12)} <= single
    # Without replacement: the variance shrinks by the finite-population factor.
    expected = values.var(axis=0, ddof=1) / 50 * (1 - 50 / 500)
    np.testing.assert_allclose(means[:, 1].var(axis=0), expected, rtol=0.45)

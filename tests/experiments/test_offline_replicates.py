"""Offline metrics over samples of users against scipy's paired test."""

import numpy as np
import pytest
from scipy import stats

from recolab_assets.experiments.offline_replicates import _add_up, offline_readings


def _values(n: int = 500) -> np.ndarray:
    return np.random.default_rng(0).random((n, 2, 3))


def _read(values, sizes, **changed):
    arguments = {"control": 1, "alpha": 0.05, "replicates": 200, "seed": 1, "purpose": "test"}
    return offline_readings(values, sizes, **arguments | changed)


def test_all_users_give_the_paired_test_of_the_metric() -> None:
    values = _values()
    for metric, read in enumerate(_read(values, [50, 500], replicates=3)):
        for model in (0, 2):
            mine, control = values[:, metric, model], values[:, metric, 1]
            test = stats.ttest_rel(mine, control)
            interval = test.confidence_interval(0.95)
            for replicate in range(3):
                place = (replicate, 1, model)
                assert read.scores[place] == pytest.approx(mine.mean())
                assert read.effects[place] == pytest.approx((mine - control).mean())
                assert read.p_values[place] == pytest.approx(test.pvalue)
                assert read.low[place] == pytest.approx(interval.low)
                assert read.high[place] == pytest.approx(interval.high)
        assert np.isnan(read.p_values[..., 1]).all()


def test_samples_are_of_distinct_users() -> None:
    values = _values()
    for metric, read in enumerate(_read(values, [1, 50])):
        known = {tuple(row) for row in values[:, metric].round(12)}
        assert {tuple(row) for row in read.scores[:, 0].round(12)} <= known
        # Without replacement: the variance shrinks by the finite-population factor.
        expected = values[:, metric].var(axis=0, ddof=1) / 50 * (1 - 50 / 500)
        np.testing.assert_allclose(read.scores[:, 1].var(axis=0), expected, rtol=0.45)


def test_one_user_says_nothing_and_equal_lists_do_not_differ() -> None:
    values = _values(30)
    values[:, :, 2] = values[:, :, 1]
    for read in _read(values, [1, 30]):
        np.testing.assert_array_equal(read.p_values[:, 0, 0], 1.0)
        np.testing.assert_array_equal(read.p_values[..., 2], 1.0)
        np.testing.assert_array_equal(read.signs[..., 2], 0)


def test_a_difference_that_is_the_same_for_all_needs_no_test() -> None:
    values = _values(30)
    values[:, :, 2] = values[:, :, 1] + 0.25
    for read in _read(values, [30], replicates=2):
        assert (read.p_values[..., 2] < 1e-12).all()
        np.testing.assert_allclose(read.effects[..., 2], 0.25)


def test_interpreted_kernel_equals_the_compiled_one() -> None:
    values, order = _values(40), np.arange(40)[::-1].copy()
    compiled, interpreted = np.zeros((2, 2, 2, 2, 3))
    for kernel, sums in ((_add_up, compiled), (_add_up.py_func, interpreted)):
        kernel(values, order, np.array([10, 40]), 1, sums)
    np.testing.assert_allclose(compiled, interpreted)
    np.testing.assert_allclose(interpreted[:, 0].sum(axis=0), values.sum(axis=0))

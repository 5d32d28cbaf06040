"""Paired comparisons against scipy, their symmetries and their degenerate cases; Holm by hand."""

import doctest

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats
from statsmodels.stats.multitest import multipletests

from recolab_assets.evaluation import comparisons
from recolab_assets.evaluation.comparisons import compare_paired, holm


def two_models(n: int = 80) -> tuple[np.ndarray, np.ndarray]:
    generator = np.random.default_rng(1)
    base = generator.random((n, 3))
    return base, base + generator.normal([0.0, 0.02, 0.3], 0.1, (n, 3))


def test_agrees_with_the_paired_t_test_of_scipy() -> None:
    a, b = two_models()
    found = compare_paired(a, b, confidence=0.9)
    expected = stats.ttest_rel(a, b)
    interval = expected.confidence_interval(0.9)
    np.testing.assert_allclose(found.p_value, expected.pvalue)
    np.testing.assert_allclose(found.low, interval.low)
    np.testing.assert_allclose(found.high, interval.high)
    np.testing.assert_allclose(found.effect_size * np.sqrt(80), expected.statistic)
    assert found.n == 80


def test_swapping_the_models_turns_the_sign_and_nothing_else() -> None:
    a, b = two_models()
    forth, back = compare_paired(a, b, confidence=0.95), compare_paired(b, a, confidence=0.95)
    np.testing.assert_allclose(back.difference, -forth.difference)
    np.testing.assert_allclose(back.low, -forth.high)
    np.testing.assert_allclose(back.effect_size, -forth.effect_size)
    np.testing.assert_allclose(back.p_value, forth.p_value)


def test_interval_leaves_out_zero_exactly_when_the_test_rejects() -> None:
    generator = np.random.default_rng(2)
    a = generator.normal(0.2, 1.0, (100, 400))
    found = compare_paired(a, np.zeros_like(a), confidence=0.95)
    rejected = found.p_value < 0.05
    assert 0 < rejected.sum() < 400
    np.testing.assert_array_equal((found.low > 0) | (found.high < 0), rejected)


def test_false_alarms_are_as_rare_as_they_should_be_for_sparse_hits() -> None:
    generator = np.random.default_rng(3)
    a, b = (generator.random((300, 2000)) < 0.05 for _ in range(2))
    found = compare_paired(a.astype(float), b.astype(float), confidence=0.95)
    # Three standard errors of 2,000 tests at 0.05 are 0.015.
    assert (found.p_value < 0.05).mean() == pytest.approx(0.05, abs=0.015)


def test_equal_models_do_not_differ() -> None:
    a, _ = two_models()
    found = compare_paired(a, a.copy(), confidence=0.95)
    assert found.p_value.tolist() == [1.0] * 3
    assert found.low.tolist() == found.high.tolist() == found.difference.tolist() == [0.0] * 3
    assert np.isnan(found.effect_size).all()


def test_a_constant_difference_is_certain_but_has_no_effect_size() -> None:
    a, _ = two_models()
    found = compare_paired(a + 0.1, a, confidence=0.95)
    assert found.p_value.tolist() == [0.0] * 3
    assert np.isnan(found.effect_size).all()
    assert found.low == pytest.approx(np.full(3, 0.1))


def test_one_user_proves_nothing() -> None:
    found = compare_paired(np.array([[0.7]]), np.array([[0.2]]), confidence=0.95)
    assert found.difference[0] == pytest.approx(0.5)
    assert found.p_value[0] == 1.0
    assert np.isnan([found.low[0], found.high[0], found.effect_size[0]]).all()


@settings(deadline=None)
@given(st.lists(st.floats(0, 1), min_size=1, max_size=12))
def test_holm_is_the_step_down_rule(p_values: list[float]) -> None:
    adjusted = holm(p_values)
    running = 0.0
    for step, index in enumerate(np.argsort(p_values, kind="stable")):
        running = max(running, min(1.0, (len(p_values) - step) * p_values[index]))
        assert adjusted[index] == pytest.approx(running)


@pytest.mark.parametrize("p_values", [[0.01, 0.02, 0.03, 0.9], [0.04, 0.04, 0.001], [1.0], [0, 0]])
def test_holm_agrees_with_statsmodels(p_values: list[float]) -> None:
    np.testing.assert_allclose(holm(p_values), multipletests(p_values, method="holm")[1])


def test_holm_of_no_tests_is_empty() -> None:
    assert holm([]).size == 0


def test_examples_in_the_documentation_hold() -> None:
    assert doctest.testmod(comparisons).failed == 0

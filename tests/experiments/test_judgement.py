"""Measures of agreement with the truth."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

from recolab_assets.experiments.judgement import (
    best_pick,
    judge,
    kendall_tau,
    regret,
    scorecard_row,
)

TRUTH = np.array([0.01, 0.02, 0.016])


def test_pick_is_the_highest_score_and_ties_are_settled_by_lot() -> None:
    scores = np.array([[1, 3, 2], [3, 1, 2], [2, 2, 1], [0, 0, 0]], float)
    np.testing.assert_allclose(best_pick(scores, TRUTH), [1, 0, 1 / 2, 1 / 3])
    np.testing.assert_allclose(regret(scores, TRUTH), [0, 0.5, 0.25, (0.5 + 0 + 0.2) / 3])


def test_either_of_two_equal_best_models_is_a_right_pick() -> None:
    truth = np.array([0.02, 0.02, 0.01])
    np.testing.assert_allclose(best_pick(np.array([[1.0, 2.0, 0.0]]), truth), [1])
    np.testing.assert_allclose(regret(np.array([[1.0, 2.0, 0.0]]), truth), [0])


def test_nothing_can_be_lost_where_nobody_clicks() -> None:
    np.testing.assert_array_equal(regret(np.array([[1.0, 2.0]]), np.zeros(2)), [0])


@settings(max_examples=100, deadline=None)
@given(st.lists(st.integers(0, 3), min_size=5, max_size=5))
def test_tau_is_scipys_with_ties_in_the_scores(scores: list[int]) -> None:
    truth = np.array([0.1, 0.4, 0.2, 0.2, 0.3])
    expected = stats.kendalltau(scores, truth).statistic
    got = kendall_tau(np.array([scores], float), truth)[0]
    assert got == pytest.approx(0 if np.isnan(expected) else expected)


def test_standard_error_is_that_of_a_mean() -> None:
    values = np.array([0.0, 1.0, 1.0, 0.0, 1.0])
    row = scorecard_row("ab_delta", "best_pick_rate", "n_users=200", values)
    assert row["value"] == pytest.approx(0.6)
    assert row["standard_error"] == pytest.approx(stats.sem(values))
    assert np.isnan(scorecard_row("x", "y", "z", values[:1])["standard_error"])


def test_a_perfect_method_is_judged_perfect() -> None:
    rows = judge("oracle", "n_users=1", np.tile(TRUTH, (4, 1)), TRUTH)
    assert {row["measure"]: row["value"] for row in rows} == {
        "best_pick_rate": 1,
        "regret": 0,
        "kendall_tau": 1,
    }
    assert all(row["standard_error"] == 0 for row in rows)

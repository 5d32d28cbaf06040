"""Measures of agreement with the truth."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

from recolab_assets.experiments.judgement import (
    Setting,
    best_pick,
    judge,
    judge_alarms,
    kendall_tau,
    regret,
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
    row = Setting(n_users=200).mean_row("ab_delta", "best_pick_rate", values)
    assert row["value"] == pytest.approx(0.6)
    assert row["standard_error"] == pytest.approx(stats.sem(values))
    assert np.isnan(Setting().mean_row("x", "y", values[:1])["standard_error"])


@pytest.mark.parametrize(
    ("setting", "words"),
    [
        (Setting(n_users=200), "n_users=200"),
        (Setting(model="als", control="popularity"), "als vs popularity"),
        (Setting(n_users=5, model="a", control="b"), "n_users=5, a vs b"),
        (Setting(n_users=5, arms="cloned"), "n_users=5, best arm cloned"),
        (Setting(n_users=9, looks=3, arms="identical"), "n_users=9, 3 looks, identical arms"),
        (Setting(), "all sizes"),
    ],
)
def test_settings_say_what_is_set(setting, words) -> None:
    assert str(setting) == words
    row = setting.row("m", "x", 1.0)
    assert (row["setting"], row["arms"], row["n_users"], row["model"]) == (
        words,
        setting.arms,
        setting.n_users,
        setting.model,
    )


def test_a_perfect_method_is_judged_perfect() -> None:
    rows = judge("oracle", Setting(n_users=1), np.tile(TRUTH, (4, 1)), TRUTH)
    assert {row["measure"]: row["value"] for row in rows} == {
        "best_pick_rate": 1,
        "regret": 0,
        "kendall_tau": 1,
    }
    assert all(row["standard_error"] == 0 for row in rows)


def test_alarms_are_counted_by_comparison_and_by_experiment() -> None:
    p_values = np.array([[0.01, np.nan, 0.5], [0.04, np.nan, 0.04], [0.3, np.nan, 0.2]])
    rows = judge_alarms("m", Setting(arms="identical", n_users=9), p_values, 1, 0.05)
    values = {row["measure"]: row["value"] for row in rows}
    assert values["false_alarm_rate"] == pytest.approx(3 / 6)
    assert values["family_wise_error"] == pytest.approx(2 / 3)
    # 0.01 times two is below, 0.04 times two is not.
    assert values["family_wise_error_holm"] == pytest.approx(1 / 3)

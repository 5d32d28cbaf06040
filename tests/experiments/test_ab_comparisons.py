"""Every metric of every arm against the control, and the promised error rates of each test."""

import numpy as np
import pyarrow as pa
import pytest
from scipy import stats

from recolab_assets.experiments.ab_comparisons import ab_comparisons
from recolab_assets.experiments.ab_test import (
    UserOutcomes,
    ab_exposures,
    ab_report,
    user_outcomes,
)
from recolab_assets.experiments.power import power
from recolab_assets.experiments.response import SessionDepth
from recolab_assets.experiments.statistics import ratio_estimate
from recolab_assets.tables import TABLES

METRICS = ("ctr", "clicks_per_user", "purchase_rate", "log_session_depth")


@pytest.fixture(scope="module")
def outcomes(shop) -> UserOutcomes:
    log = ab_exposures(shop.users, shop.days, shop.lists, shop.shoppers, salt="s", seed=1)
    return user_outcomes(log, list(shop.lists), shop.depth, 1)


def _compare(outcomes, arms, covariates=None, **changed):
    if covariates is None:
        covariates = np.random.default_rng(0).normal(size=(outcomes.users.size, 2))
    settings = {"control": arms[0], "alpha": 0.05, "smallest_effect": 0.05} | changed
    return ab_comparisons(outcomes, arms, covariates, **settings)


def _rows(table: pa.Table) -> dict:
    return {(row["arm"], row["metric"]): row for row in table.to_pylist()}


@pytest.fixture(scope="module")
def rows(shop, outcomes) -> dict:
    table = _compare(outcomes, list(shop.lists))
    assert table.schema == TABLES["ab_comparisons"].arrow_schema
    return _rows(table)


def test_comparisons_cover_every_metric_and_arm(shop, outcomes, rows) -> None:
    assert set(rows) == {(a, m) for a in ("weak", "strong", "good") for m in METRICS}
    table = ab_report(outcomes, list(shop.lists), control="popularity", alpha=0.05)
    report = {row["arm"]: row for row in table.to_pylist()}
    for (arm, _), row in rows.items():
        assert row["difference"] == pytest.approx(row["value"] - row["control_value"])
        for middle, low, high in (
            ("difference", "ci_low", "ci_high"),
            ("relative_difference", "relative_low", "relative_high"),
            ("cuped_difference", "cuped_low", "cuped_high"),
        ):
            assert row[low] < row[middle] < row[high]
        assert row["relative_low"] > -1
        assert row["p_adjusted"] >= row["p_value"]
        assert 0.05 < row["power"] <= 1 and row["minimum_detectable_effect"] > 0
        click_rate = rows[arm, "ctr"]
        assert click_rate["p_adjusted"] == report[arm]["p_adjusted"]
        assert click_rate["relative_low"] == report[arm]["ctr_uplift_low"]
        assert click_rate["p_mann_whitney"] == report[arm]["p_mann_whitney"]
        clicks_per_user = report[arm]["clicks"] / report[arm]["n_users"]
        assert rows[arm, "clicks_per_user"]["value"] == pytest.approx(clicks_per_user)


def test_depth_is_compared_by_geometric_means_and_welchs_test(outcomes, rows) -> None:
    strong, control = (outcomes.depth[outcomes.arm == arm] for arm in (2, 0))
    row = rows["strong", "log_session_depth"]
    welch = stats.ttest_ind(np.log(strong), np.log(control), equal_var=False)
    assert row["p_value"] == pytest.approx(welch.pvalue)
    assert row["relative_difference"] == pytest.approx(
        stats.gmean(strong) / stats.gmean(control) - 1
    )
    interval = welch.confidence_interval(0.95)
    assert row["relative_low"] == pytest.approx(np.expm1(interval.low))
    assert row["relative_high"] == pytest.approx(np.expm1(interval.high))


def test_power_is_that_of_the_smallest_effect(outcomes, rows) -> None:
    clicks = outcomes.clicks[outcomes.arm == 0]
    control = ratio_estimate(clicks, np.ones(clicks.size))
    n_treated = int((outcomes.arm == 3).sum())
    row = rows["good", "clicks_per_user"]
    assert row["power"] == pytest.approx(power(0.05 * control.value, control, n_treated, 0.05))
    least = row["minimum_detectable_effect"] * control.value
    assert power(least, control, n_treated, 0.05) == pytest.approx(0.8)
    row = rows["good", "log_session_depth"]
    depth = np.log(outcomes.depth[outcomes.arm == 0])
    control = ratio_estimate(depth, np.ones(depth.size))
    assert row["power"] == pytest.approx(power(np.log(1.05), control, n_treated, 0.05))
    least = np.log1p(row["minimum_detectable_effect"])
    assert power(least, control, n_treated, 0.05) == pytest.approx(0.8)


def test_activity_that_explains_clicks_removes_variance(outcomes, rows) -> None:
    noise = np.random.default_rng(1).normal(size=outcomes.users.size)
    explained = _rows(
        _compare(outcomes, ["a", "b", "c", "d"], (outcomes.clicks + 0.3 * noise)[:, None])
    )
    assert explained["c", "ctr"]["cuped_variance_removed"] > 0.5
    assert abs(rows["strong", "ctr"]["cuped_variance_removed"]) < 0.02


def _outcomes(arm, clicks, impressions=None) -> UserOutcomes:
    clicks = np.asarray(clicks, float)
    impressions = np.full(clicks.size, 10.0) if impressions is None else np.asarray(impressions)
    return UserOutcomes(
        np.arange(clicks.size),
        np.asarray(arm),
        impressions.astype(float),
        clicks,
        np.minimum(clicks, 1),
        np.full(clicks.size, "2024-12-01", "datetime64[D]"),
        1 + clicks,
    )


def test_ranks_that_contradict_the_mean_are_flagged() -> None:
    """Many users lose a little and a few gain much: the mean rises, the ranks fall."""
    arm = np.repeat([0, 1], 1_000)
    clicks = np.concatenate([np.tile([1, 2], 500), np.tile([0, 1, 1, 1, 9], 200)])
    row = _rows(_compare(_outcomes(arm, clicks), ["a", "b"]))["b", "ctr"]
    assert row["difference"] > 0 and row["p_value"] < 0.05
    assert row["superiority"] < 0.5 and row["p_mann_whitney"] < 0.05
    assert row["ranks_disagree"]
    agreeing = _rows(_compare(_outcomes(arm, np.repeat([1, 2], 1_000)), ["a", "b"]))["b", "ctr"]
    assert agreeing["superiority"] == 1 and not agreeing["ranks_disagree"]


def test_more_impressions_at_the_same_rate_fool_the_ranks_but_not_the_delta_method() -> None:
    rng = np.random.default_rng(4)
    arm = np.repeat([0, 1], 4_000)
    shown = np.where(arm == 0, 10, 20)
    clicks = rng.binomial(shown, 0.05)
    row = _rows(_compare(_outcomes(arm, clicks, shown), ["a", "b"]))["b", "ctr"]
    assert row["p_mann_whitney"] < 1e-6 and row["p_value"] > 0.01


def test_arms_without_users_or_clicks_leave_gaps_not_errors() -> None:
    without_c = _outcomes([0, 0, 0, 1, 1, 1, 1], [0, 0, 0, 0, 1, 0, 0])
    rows = _rows(_compare(without_c, ["a", "b", "c"]))
    assert {arm for (arm, _), row in rows.items() if row["value"] is None} == {"c"}
    assert rows["b", "ctr"]["relative_difference"] is None  # over a control without clicks
    assert rows["b", "ctr"]["power"] is None
    assert rows["c", "ctr"]["cuped_difference"] is None and not rows["c", "ctr"]["ranks_disagree"]
    nobody = _outcomes([], [])
    assert _compare(nobody, ["a", "b"], np.empty((0, 2))).num_rows == len(METRICS)


def test_a_control_alone_has_nothing_to_compare() -> None:
    assert _compare(_outcomes([0, 0], [1, 0]), ["a"]).num_rows == 0


REPLICATES = 1_000
MONTE_CARLO = 3.3 * np.sqrt(0.05 * 0.95 / REPLICATES)
"""3.3 standard errors: eleven shares are looked at, so a true 5% leaves it once in a hundred."""


def _simulated(rng, n_users: int, uplift: float) -> tuple[UserOutcomes, np.ndarray]:
    """Two arms of users who differ in taste and list length; with their activity before."""
    arm = rng.permutation(np.arange(n_users) % 2)
    taste = rng.gamma(2, 0.5, n_users)
    shown = rng.integers(5, 21, n_users)
    clicks = rng.binomial(shown, np.minimum(0.06 * (1 + uplift * arm) * taste, 1))
    purchases = rng.binomial(clicks, 0.4)
    depth = SessionDepth(1.64, 2.0, 20.0).draw(
        np.arange(n_users), clicks / shown, int(rng.integers(2**31))
    )
    outcomes = UserOutcomes(
        np.arange(n_users),
        arm,
        shown.astype(float),
        clicks.astype(float),
        purchases.astype(float),
        np.full(n_users, "2024-12-01", "datetime64[D]"),
        depth,
    )
    return outcomes, np.log1p(rng.poisson(20 * taste))[:, None]


@pytest.mark.slow
def test_identical_arms_raise_a_false_alarm_in_five_percent() -> None:
    rng = np.random.default_rng(11)
    p_values = {"p_value": [], "p_mann_whitney": [], "cuped_p_value": []}
    for _ in range(REPLICATES):
        outcomes, before = _simulated(rng, 1_200, uplift=0.0)
        table = _compare(outcomes, ["a", "b"], before)
        for column, values in p_values.items():
            values.append(table[column].to_pylist())
    for column, values in p_values.items():
        alarms = (np.array(values) < 0.05).mean(axis=0)
        np.testing.assert_allclose(alarms, 0.05, atol=MONTE_CARLO, err_msg=column)


@pytest.mark.slow
def test_intervals_of_a_true_difference_cover_it() -> None:
    """True click rates 0.06 and 0.075: taste has mean 1 and is independent of the list length."""
    rng = np.random.default_rng(12)
    covered = []
    for _ in range(REPLICATES):
        outcomes, before = _simulated(rng, 1_200, uplift=0.25)
        row = _rows(_compare(outcomes, ["a", "b"], before))["b", "ctr"]
        covered.append(
            [
                row["ci_low"] <= 0.015 <= row["ci_high"],
                row["relative_low"] <= 0.25 <= row["relative_high"],
                row["cuped_low"] <= 0.015 <= row["cuped_high"],
            ]
        )
    np.testing.assert_allclose(np.mean(covered, axis=0), 0.95, atol=MONTE_CARLO)

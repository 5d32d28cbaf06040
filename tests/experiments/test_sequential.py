"""The always-valid interval: against one look's, against its formula, and at twenty looks."""

import numpy as np
import pytest
from scipy import stats
from scipy.optimize import minimize_scalar

from recolab_assets.experiments.ab_test import ab_exposures, shown_and_clicked
from recolab_assets.experiments.sequential import (
    ab_sequence,
    always_valid_p,
    critical_values,
    crossed_so_far,
    cumulative_ratios,
)
from recolab_assets.experiments.statistics import ratio_estimate
from recolab_assets.tables import TABLES


def _half_width(rho: float, t: float, alpha: float) -> float:
    """Waudby-Smith et al. 2024, Theorem 2.2, for σ = 1, as published."""
    grown = t * rho**2 + 1
    return np.sqrt(2 * grown / (t**2 * rho**2) * np.log(np.sqrt(grown) / alpha))


@pytest.mark.parametrize("alpha", [0.05, 0.01])
def test_interval_is_the_published_one_and_tightest_at_the_planned_size(alpha) -> None:
    planned = 5_000
    best = minimize_scalar(
        lambda log_rho: _half_width(np.exp(log_rho), planned, alpha), bounds=(-8, 0)
    )
    at = critical_values(np.array([planned]), planned, alpha)[0]
    assert at == pytest.approx(best.fun * np.sqrt(planned), rel=1e-8)
    early = critical_values(np.array([500.0]), planned, alpha)[0]
    assert early == pytest.approx(_half_width(np.exp(best.x), 500, alpha) * np.sqrt(500), rel=1e-4)
    assert early > at > stats.norm.isf(alpha / 2)


def test_running_estimates_are_those_of_the_users_so_far() -> None:
    rng = np.random.default_rng(0)
    look, shown = rng.integers(1, 6, 200), rng.integers(1, 20, 200).astype(float)
    clicks = rng.binomial(shown.astype(int), 0.2).astype(float)
    values, variances, users = cumulative_ratios(clicks, shown, look, 7)
    assert np.isnan(values[0]) and np.isnan(variances[0]) and users[0] == 0
    for day in range(1, 7):
        expected = ratio_estimate(clicks[look <= day], shown[look <= day])
        assert values[day] == pytest.approx(expected.value)
        assert variances[day] == pytest.approx(expected.variance)
        assert users[day] == expected.n_users


def test_a_stop_stays_a_stop() -> None:
    low = np.array([np.nan, -1.0, 0.1, -0.1])
    high = np.array([np.nan, 1.0, 0.9, 0.2])
    assert crossed_so_far(low, high).tolist() == [False, False, True, True]


@pytest.fixture(scope="module")
def outcomes(shop):
    log = ab_exposures(shop.users, shop.days, shop.lists, shop.shoppers, salt="s", seed=1)
    return shown_and_clicked(log, list(shop.lists))


def test_every_day_of_every_arm_has_its_interval(shop, outcomes) -> None:
    table = ab_sequence(outcomes, list(shop.lists), control="popularity", alpha=0.05)
    assert table.schema == TABLES["ab_sequence"].arrow_schema
    rows = {(row["arm"], row["day"]): row for row in table.to_pylist()}
    days = np.unique(shop.days).tolist()
    assert set(rows) == {(arm, day) for arm in ("weak", "strong", "good") for day in days}
    for day in (days[9], days[-1]):
        seen = shop.days <= np.datetime64(day)
        parts = [
            ratio_estimate(outcomes.clicks[mine], outcomes.impressions[mine])
            for mine in (seen & (outcomes.arm == arm) for arm in (2, 0))
        ]
        row = rows["strong", day]
        n_users = parts[0].n_users + parts[1].n_users
        assert row["n_users"] == n_users
        assert row["difference"] == pytest.approx(parts[0].value - parts[1].value)
        planned = rows["strong", days[-1]]["n_users"]
        margin = critical_values(np.array([n_users]), planned, 0.05)[0] * np.sqrt(
            parts[0].variance + parts[1].variance
        )
        assert row["ci_high"] - row["difference"] == pytest.approx(margin)
        assert row["difference"] - row["ci_low"] == pytest.approx(margin)
    assert rows["strong", days[-1]]["excludes_zero"]  # far better than the control
    assert not rows["strong", days[0]]["excludes_zero"]


def test_without_users_or_clicks_there_is_no_interval(shop, outcomes) -> None:
    arms = [*shop.lists, "nobody"]
    silent = type(outcomes)(
        outcomes.users,
        outcomes.arm,
        outcomes.impressions,
        np.zeros_like(outcomes.clicks),
        outcomes.purchases,
        outcomes.shown_on,
    )
    rows = ab_sequence(silent, arms, control="popularity", alpha=0.05).to_pylist()
    assert all(row["ci_low"] is None and not row["excludes_zero"] for row in rows)
    absent = [row for row in rows if row["arm"] == "nobody"]
    assert absent and all(row["difference"] is None for row in absent)


def test_an_empty_log_has_no_days() -> None:
    log = shown_and_clicked(TABLES["ab_exposures"].arrow_schema.empty_table(), ["a", "b"])
    assert ab_sequence(log, ["a", "b"], control="a", alpha=0.05).num_rows == 0


def _looks(rng, replicates: int, uplift: float) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Difference, its error and users so far at 20 looks of tests with 250 users an arm and day."""
    n_looks, per_look = 20, 250
    look = np.repeat(np.arange(n_looks), per_look)
    series = []
    for _ in range(replicates):
        arms = []
        for rate in (0.03 * (1 + uplift), 0.03):
            shown = rng.integers(5, 21, look.size).astype(float)
            taste = rng.gamma(2, 0.5, look.size)
            clicks = rng.poisson(rate * shown * taste).astype(float)
            arms.append(cumulative_ratios(clicks, shown, look, n_looks))
        (value, variance, users), (value_0, variance_0, users_0) = arms
        series.append((value - value_0, np.sqrt(variance + variance_0), users + users_0))
    difference, error, users = (np.array(part) for part in zip(*series, strict=True))
    return difference, error, users


def test_p_is_below_alpha_exactly_when_the_interval_leaves_out_zero() -> None:
    users = np.array([10.0, 500.0, 1_000.0, 30_000.0])
    critical = critical_values(users, 1_000, 0.05)
    np.testing.assert_allclose(always_valid_p(critical, users, 1_000, 0.05), 0.05)
    assert (always_valid_p(critical * 1.01, users, 1_000, 0.05) < 0.05).all()
    assert (always_valid_p(critical * 0.99, users, 1_000, 0.05) > 0.05).all()
    np.testing.assert_array_equal(always_valid_p(np.zeros(4), users, 1_000, 0.05), 1.0)


def test_twenty_looks_raise_no_more_false_alarms_than_promised() -> None:
    """While a fixed-size test that is read at every look raises one in four times."""
    replicates = 2_000
    difference, error, users = _looks(np.random.default_rng(1), replicates, uplift=0.0)
    always_valid = critical_values(users, users[0, -1], 0.05)
    alarms = (np.abs(difference) > always_valid * error).any(axis=1).mean()
    assert alarms <= 0.05 + 3 * np.sqrt(0.05 * 0.95 / replicates)
    naive = (np.abs(difference) > stats.norm.isf(0.025) * error).any(axis=1).mean()
    assert naive == pytest.approx(0.25, abs=0.04)


def test_a_true_difference_is_covered_at_all_looks_and_found_at_last() -> None:
    replicates = 500
    difference, error, users = _looks(np.random.default_rng(2), replicates, uplift=0.25)
    margin = critical_values(users, users[0, -1], 0.05) * error
    missed = (np.abs(difference - 0.25 * 0.03) > margin).any(axis=1).mean()
    assert missed <= 0.05 + 3 * np.sqrt(0.05 * 0.95 / replicates)
    assert (difference > margin).any(axis=1).mean() > 0.9

"""Response models and session depth against closed forms, brute force and simulation."""

from itertools import product

import numpy as np
import pytest
from scipy import stats

from recolab_assets.experiments.response import (
    HoldoutReplay,
    SessionDepth,
    SimulatedShoppers,
    expected_outcomes,
    poisson_binomial,
)


def _calibrate(probability, users, control, **changed):
    rates = {"control_ctr": 0.05, "control_purchase_rate": 0.01, "examination_decay": 0.85}
    return SimulatedShoppers.calibrate(probability, users, control, **rates | changed)


def test_control_has_exactly_the_calibrated_rates(shop) -> None:
    outcome = expected_outcomes(shop.shoppers, shop.users, shop.lists["popularity"], shop.depth)
    assert outcome.ctr == pytest.approx(0.05, rel=1e-10)
    assert outcome.clicks_per_user == pytest.approx(0.05 * 6, rel=1e-10)
    assert outcome.purchase_rate == pytest.approx(0.01, rel=1e-10)
    assert outcome.session_depth == pytest.approx(7.7, rel=1e-10)


def test_click_probability_is_examination_times_attraction(shop) -> None:
    users, products = np.array([5, 8]), np.array([[3, 1, 4], [1, 59, -1]])
    attraction = shop.shoppers.attraction(users, products)
    draws = shop.shoppers.demand_draws
    expected = 1 - np.exp(-draws * shop.demand[8, 59])
    assert attraction[1, 1] == pytest.approx(expected, rel=1e-12)
    assert shop.shoppers.click_probability(attraction)[1, 1] == pytest.approx(0.85 * expected)
    assert attraction[1, 2] == 0


def test_attraction_is_that_of_poisson_demand() -> None:
    shoppers = SimulatedShoppers(
        probability=lambda u, i: np.full(i.shape, 0.2),
        demand_draws=4.0,
        examination_decay=1.0,
        purchase_share=0.5,
    )
    rng = np.random.default_rng(3)
    wanted = rng.poisson(4.0 * 0.2, 200_000) > 0
    attraction = shoppers.attraction(np.array([0]), np.array([[1]]))[0, 0]
    assert wanted.mean() == pytest.approx(attraction, abs=4 * wanted.std() / np.sqrt(200_000))


def test_drawn_clicks_follow_the_probabilities(shop) -> None:
    attraction = np.tile([[0.5, 0.3, 0.9, 0.0]], (50_000, 1))
    clicks = shop.shoppers.draw_clicks(attraction, np.random.default_rng(1))
    p = shop.shoppers.click_probability(attraction)[0]
    errors = np.sqrt(p * (1 - p) / 50_000)
    assert (np.abs(clicks.mean(axis=0) - p) <= 4 * errors).all()


def test_number_of_clicks_agrees_with_every_outcome_counted() -> None:
    p = np.array([[0.2, 0.7, 0.05, 0.5], [0.0, 1.0, 0.3, 0.3]])
    expected = np.zeros((2, 5))
    for outcome in product([0, 1], repeat=4):
        chance = np.prod(np.where(outcome, p, 1 - p), axis=1)
        expected[:, sum(outcome)] += chance
    np.testing.assert_allclose(poisson_binomial(p), expected, atol=1e-15)


def test_number_of_clicks_agrees_with_scipy_for_equal_probabilities() -> None:
    np.testing.assert_allclose(
        poisson_binomial(np.full((1, 20), 0.13))[0], stats.binom.pmf(np.arange(21), 20, 0.13)
    )


def test_click_counts_have_the_expected_mean(shop) -> None:
    attraction = shop.shoppers.attraction(shop.users, shop.lists["strong"])
    counts = shop.shoppers.click_counts(attraction)
    np.testing.assert_allclose(counts.sum(axis=1), 1)
    np.testing.assert_allclose(
        counts @ np.arange(7), shop.shoppers.click_probability(attraction).sum(axis=1)
    )


def test_calibration_that_no_attraction_reaches_is_refused(shop) -> None:
    control = shop.lists["popularity"]
    with pytest.raises(ValueError, match=r"experiment\.control_ctr 0\.9 cannot be reached"):
        _calibrate(shop.probability, shop.users, control, control_ctr=0.9)
    with pytest.raises(ValueError, match="cannot be reached"):
        _calibrate(lambda u, i: np.zeros(i.shape), shop.users, control)
    with pytest.raises(ValueError, match="cannot be reached"):
        _calibrate(shop.probability, shop.users, np.full_like(control, -1))
    with pytest.raises(ValueError, match="must not be above"):
        _calibrate(shop.probability, shop.users, control, control_purchase_rate=0.06)


@pytest.mark.parametrize("scale", [1e-9, 1.0, 1e-3])
def test_calibration_holds_at_any_scale_of_probability(shop, scale: float) -> None:
    control = shop.lists["popularity"]
    shoppers = _calibrate(lambda u, i: scale * shop.probability(u, i), shop.users, control)
    outcome = expected_outcomes(shoppers, shop.users, control, shop.depth)
    assert outcome.ctr == pytest.approx(0.05, rel=1e-9)


def test_calibration_close_to_the_reachable_limit() -> None:
    users, control = np.arange(10), np.zeros((10, 1), int)
    shoppers = _calibrate(lambda u, i: np.full(i.shape, 1e-4), users, control, control_ctr=0.999)
    assert shoppers.attraction(users, control)[0, 0] == pytest.approx(0.999)


def test_expected_outcomes_agree_with_simulation(shop) -> None:
    shown = shop.lists["good"].copy()
    shown[::3, 4:] = -1
    outcome = expected_outcomes(shop.shoppers, shop.users, shown, shop.depth)
    rng = np.random.default_rng(5)
    impressions = (shown >= 0).sum(axis=1)
    attraction = shop.shoppers.attraction(shop.users, shown)
    sums = []
    for _ in range(400):
        clicks = shop.shoppers.draw_clicks(attraction, rng)
        bought = clicks & (rng.random(clicks.shape) < shop.shoppers.purchase_share)
        rates = clicks.sum(axis=1) / impressions
        base = shop.depth.minimum * (1 - rng.random(rates.size)) ** (-1 / 3.0)  # finite variance
        depth = base * (1 + shop.depth.ctr_factor * rates)
        sums.append([clicks.sum(), bought.sum(), depth.mean()])
    mean, error = np.mean(sums, axis=0), np.std(sums, axis=0) / 20
    total = impressions.sum()
    finite = SessionDepth(3.0, shop.depth.minimum, shop.depth.ctr_factor)
    expected_depth = expected_outcomes(shop.shoppers, shop.users, shown, finite).session_depth
    expected = [outcome.ctr * total, outcome.purchase_rate * total, expected_depth]
    assert (np.abs(mean - expected) < 4 * error).all()
    assert outcome.clicks_per_user == pytest.approx(outcome.ctr * total / shop.users.size)


def test_nothing_shown_has_no_expected_outcome(shop) -> None:
    outcome = expected_outcomes(
        shop.shoppers, shop.users, np.full((shop.users.size, 3), -1), shop.depth
    )
    assert np.isnan(outcome).all()


def test_replay_repeats_the_log_and_nothing_else() -> None:
    replay = HoldoutReplay.from_events(
        np.array([1, 1, 1, 2, 0]),
        np.array([10, 10, 11, 12, 0]),
        np.array([False, True, False, False, False]),
    )
    users, shown = np.array([0, 1, 2]), np.array([[10, 0, -1], [11, 10, 12], [10, 11, -1]])
    attraction = replay.attraction(users, shown)
    np.testing.assert_array_equal(attraction, [[0, 1, 0], [1, 1, 0], [0, 0, 0]])
    np.testing.assert_array_equal(replay.click_probability(attraction), attraction)
    clicks = replay.draw_clicks(attraction, np.random.default_rng(0))
    np.testing.assert_array_equal(clicks, attraction == 1)
    np.testing.assert_array_equal(
        replay.purchase_given_click(users, shown), [[0, 0, 0], [0, 1, 0], [0, 0, 0]]
    )
    np.testing.assert_array_equal(replay.click_counts(attraction).argmax(axis=1), [1, 2, 0])


def test_replay_of_an_empty_holdout_has_no_clicks() -> None:
    nobody = np.array([], dtype=np.int64)
    replay = HoldoutReplay.from_events(nobody, nobody, np.array([], dtype=bool))
    assert not replay.attraction(np.array([0]), np.array([[1, 2]])).any()


def test_depth_shape_solves_the_mean() -> None:
    depth = SessionDepth.calibrate(
        control_depth=7.7, control_ctr=0.01, minimum=2.0, ctr_factor=50.0
    )
    assert depth.mean_base * 1.5 == pytest.approx(7.7)
    assert stats.pareto.mean(depth.shape, scale=2.0) == pytest.approx(depth.mean_base)
    assert depth.expected(0.02) == pytest.approx(7.7 / 1.5 * 2)


def test_depth_base_is_pareto() -> None:
    depth = SessionDepth(1.64, 2.0, 50.0)
    drawn = depth.draw(np.arange(20_000), np.zeros(20_000), seed=3)
    assert stats.kstest(drawn, stats.pareto(1.64, scale=2.0).cdf).pvalue > 1e-3
    np.testing.assert_allclose(
        depth.draw(np.arange(20_000), np.full(20_000, 0.1), seed=3), 6 * drawn
    )


def test_depth_of_a_user_does_not_depend_on_company() -> None:
    depth = SessionDepth(1.64, 2.0, 50.0)
    everyone = depth.draw(np.arange(1_000), np.zeros(1_000), seed=3)
    assert depth.draw(np.array([700, 3]), np.zeros(2), seed=3).tolist() == [
        everyone[700],
        everyone[3],
    ]
    assert depth.draw(np.array([], dtype=int), np.array([]), seed=3).size == 0
    assert not np.array_equal(depth.draw(np.arange(1_000), np.zeros(1_000), seed=4), everyone)


def test_depth_below_what_the_minimum_gives_is_refused() -> None:
    with pytest.raises(ValueError, match=r"control_session_depth 2\.9 is too small.*above 3"):
        SessionDepth.calibrate(control_depth=2.9, control_ctr=0.01, minimum=2.0, ctr_factor=50.0)

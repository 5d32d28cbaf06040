"""The cascade against every course of events counted, its special cases, and simulation."""

from itertools import permutations, product

import numpy as np
import pytest

from recolab_assets.experiments.cascade import CascadeShoppers
from recolab_assets.experiments.response import SimulatedShoppers, expected_outcomes


def _shoppers(continuation: float, satisfaction: float, **changed) -> CascadeShoppers:
    demand = {"probability": lambda u, i: np.zeros(i.shape), "demand_draws": 1.0}
    return CascadeShoppers(
        **demand | {"purchase_share": 0.2} | changed,
        continuation=continuation,
        satisfaction=satisfaction,
    )


def _calibrated(shop, **changed) -> CascadeShoppers:
    settings = {"continuation": 0.85, "satisfaction": 0.6, "control_purchase_rate": 0.01}
    return CascadeShoppers.calibrate(
        shop.probability,
        shop.users,
        shop.lists["popularity"],
        **settings | {"control_ctr": 0.05} | changed,
    )


def _courses(attraction, continuation, satisfaction):
    """Every course of events (clicked, satisfied, goes on at each position) and its probability."""
    k = len(attraction)
    for would_click, would_satisfy, goes_on in product(product([0, 1], repeat=k), repeat=3):
        chance = 1.0
        for position in range(k):
            for happens, p in (
                (would_click[position], attraction[position]),
                (would_satisfy[position], satisfaction),
                (goes_on[position], continuation),
            ):
                chance *= p if happens else 1 - p
        clicks = np.zeros(k)
        for position in range(k):
            clicks[position] = would_click[position]
            if clicks[position] and would_satisfy[position]:
                break
            if not goes_on[position]:
                break
        yield clicks, chance


@pytest.mark.parametrize(
    ("continuation", "satisfaction"), [(0.85, 0.6), (1.0, 1.0), (0.5, 0.0), (1.0, 0.3)]
)
def test_closed_forms_agree_with_every_course_counted(continuation, satisfaction) -> None:
    attraction = np.array([[0.3, 0.9, 0.0, 0.5], [1.0, 0.2, 0.4, 0.0]])
    shoppers = _shoppers(continuation, satisfaction)
    clicked, counts = np.zeros((2, 4)), np.zeros((2, 5))
    for user in range(2):
        for clicks, chance in _courses(attraction[user], continuation, satisfaction):
            clicked[user] += chance * clicks
            counts[user, int(clicks.sum())] += chance
    np.testing.assert_allclose(shoppers.click_probability(attraction), clicked, atol=1e-14)
    np.testing.assert_allclose(shoppers.click_counts(attraction), counts, atol=1e-14)


def test_never_satisfied_shoppers_click_like_those_of_the_position_based_model(shop) -> None:
    attraction = np.random.default_rng(0).random((50, 6))
    position_based = SimulatedShoppers(
        probability=shop.probability, demand_draws=1, purchase_share=1, examination_decay=0.7
    )
    cascade = _shoppers(0.7, 0.0)
    expected = position_based.click_probability(attraction)
    np.testing.assert_allclose(cascade.click_probability(attraction), expected)
    # Examination of one position goes with that of another, so the numbers of clicks spread more.
    clicks = np.arange(7)
    spread = [m.click_counts(attraction) @ clicks**2 for m in (cascade, position_based)]
    assert (spread[0] > spread[1]).all()


def test_plain_cascade_has_at_most_one_click() -> None:
    attraction = np.random.default_rng(0).random((1_000, 6))
    shoppers = _shoppers(1.0, 1.0)
    assert shoppers.draw_clicks(attraction, np.random.default_rng(1)).sum(axis=1).max() == 1
    np.testing.assert_allclose(shoppers.click_counts(attraction)[:, 2:], 0)
    none = (1 - attraction).prod(axis=1)
    np.testing.assert_allclose(shoppers.click_counts(attraction)[:, 0], none)


def test_drawn_clicks_follow_probabilities_and_counts() -> None:
    n = 100_000
    attraction = np.array([[0.5, 0.3, 0.9, 0.0, 0.4]])
    shoppers = _shoppers(0.9, 0.5)
    clicks = shoppers.draw_clicks(np.tile(attraction, (n, 1)), np.random.default_rng(1))
    for drawn, p in (
        (clicks.mean(axis=0), shoppers.click_probability(attraction)[0]),
        (np.bincount(clicks.sum(axis=1), minlength=6) / n, shoppers.click_counts(attraction)[0]),
    ):
        assert (np.abs(drawn - p) <= 4 * np.sqrt(p * (1 - p) / n)).all()


def test_control_has_exactly_the_calibrated_rates(shop) -> None:
    outcome = expected_outcomes(_calibrated(shop), shop.users, shop.lists["popularity"], shop.depth)
    assert outcome.ctr == pytest.approx(0.05, rel=1e-10)
    assert outcome.purchase_rate == pytest.approx(0.01, rel=1e-10)


def test_click_rate_out_of_reach_is_refused(shop) -> None:
    with pytest.raises(ValueError, match=r"experiment\.control_ctr 0\.4 cannot be reached"):
        _calibrated(shop, control_ctr=0.4)


@pytest.mark.parametrize(("continuation", "satisfaction"), [(0.85, 0.6), (1.0, 1.0), (0.6, 0.1)])
def test_no_ranking_has_more_clicks_than_the_oracle(shop, continuation, satisfaction) -> None:
    users = shop.users[:3]
    shoppers = _shoppers(
        continuation, satisfaction, probability=shop.probability, demand_draws=30.0
    )
    best = np.argsort(-shop.demand[users][:, :5], axis=1)[:, :3]
    rankings = np.array(list(permutations(range(5), 3)))
    for row, user in enumerate(users):
        many = np.full(len(rankings), user)
        clicks = shoppers.click_probability(shoppers.attraction(many, rankings)).sum(axis=1)
        [oracle] = shoppers.click_probability(shoppers.attraction(users[[row]], best[[row]]))
        assert oracle.sum() == pytest.approx(clicks.max(), rel=1e-12)


@pytest.mark.slow
@pytest.mark.parametrize("model", ["position", "cascade"])
def test_truth_agrees_with_a_million_simulated_users_of_each_model(shop, model: str) -> None:
    shoppers = shop.shoppers if model == "position" else _calibrated(shop)
    repeats = 340
    rng = np.random.default_rng(11)
    for shown in shop.lists.values():
        expected = expected_outcomes(shoppers, shop.users, shown, shop.depth)
        attraction = shoppers.attraction(shop.users, shown)
        buys = shoppers.purchase_given_click(shop.users, shown)
        sums = []
        for _ in range(repeats):
            clicks = shoppers.draw_clicks(attraction, rng)
            bought = clicks & (rng.random(clicks.shape) < buys)
            sums.append([clicks.mean(), clicks.sum(axis=1).mean(), bought.mean()])
        errors = np.std(sums, axis=0, ddof=1) / np.sqrt(repeats)
        truth = [expected.ctr, expected.clicks_per_user, expected.purchase_rate]
        assert (np.abs(np.mean(sums, axis=0) - truth) <= 3 * errors).all()

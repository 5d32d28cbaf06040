"""Readiness to buy, and the calibration of purchases that it takes part in."""

import numpy as np
import pyarrow as pa
import pytest

from recolab_assets.experiments.calibration import purchase_probability, solve_purchase_share
from recolab_assets.experiments.purchases import PurchaseReadiness
from recolab_assets.experiments.response import SimulatedShoppers, expected_outcomes

FACTORS = {"budget": 1.2, "mid": 1.0, "premium": 0.85, "luxury": 0.7}


def _readiness() -> PurchaseReadiness:
    products = pa.table(
        {
            "brand": ["acme", "bolt", "acme", None, "core"],
            "price_tier": ["budget", "mid", "luxury", None, "premium"],
        }
    )
    users = pa.table(
        {
            "favourite_brand": ["acme", "core", None],
            "second_brand": ["bolt", "unsold", None],
            "favourite_tier": ["premium", "mid", None],
        }
    )
    return PurchaseReadiness.from_tables(users, products, FACTORS, 1.25)


def test_factor_is_that_of_the_tier_and_rises_once_with_a_match() -> None:
    factors = _readiness()(np.array([0, 1, 2]), np.tile(np.arange(5), (3, 1)))
    expected = np.array([1.2, 1.0, 0.7, 1.0, 0.85]) * [
        [1.25, 1.25, 1.25, 1, 1.25],  # both brands, and the tier of the last
        [1, 1.25, 1, 1, 1.25],  # tier and brand
        [1, 1, 1, 1, 1],  # a user without favourites matches nothing, not even products without
    ]
    np.testing.assert_allclose(factors, expected)


def _factor(users, products):
    return np.where(products % 2 == 0, 1.5, 0.4) * np.where(users[:, None] % 3 == 0, 2.0, 1.0)


@pytest.mark.parametrize("rate", [0.01, 0.03, 0.049, 0.05])
def test_control_buys_at_exactly_the_calibrated_rate(shop, rate: float) -> None:
    control = shop.lists["popularity"]
    shoppers = SimulatedShoppers.calibrate(
        shop.probability,
        shop.users,
        control,
        control_ctr=0.05,
        control_purchase_rate=rate,
        purchase_factor=_factor,
        examination_decay=0.85,
    )
    outcome = expected_outcomes(shoppers, shop.users, control, shop.depth)
    assert outcome.purchase_rate == pytest.approx(rate, rel=1e-9)
    chances = shoppers.purchase_given_click(shop.users, control)
    assert chances.max() <= 1
    if rate == 0.01:
        np.testing.assert_allclose(
            chances / chances.max(), _factor(shop.users, control) / 3.0, rtol=1e-12
        )


def test_share_is_linear_until_a_purchase_is_certain() -> None:
    clicks, factors = [np.array([[0.2, 0.1]])], [np.array([[1.0, 3.0]])]
    assert solve_purchase_share(clicks, factors, 0.1) == pytest.approx(0.1 / 0.5)
    # Above a third the second is always bought: 0.2 s + 0.1 = 0.25.
    share = solve_purchase_share(clicks, factors, 0.25)
    assert share == pytest.approx(0.75)
    np.testing.assert_allclose(purchase_probability(share, factors[0]), [[0.75, 1.0]])


def test_products_that_sell_more_readily_are_bought_more(shop) -> None:
    """Same clicks, other purchases: what makes purchase rate a metric of its own."""
    shoppers = SimulatedShoppers(
        probability=lambda u, i: np.full(i.shape, 0.1),
        demand_draws=1.0,
        purchase_share=0.2,
        purchase_factor=_factor,
        examination_decay=0.85,
    )
    even, odd = (
        expected_outcomes(shoppers, shop.users, np.full((shop.users.size, 1), i), shop.depth)
        for i in (0, 1)
    )
    assert even.ctr == odd.ctr
    assert even.purchase_rate / odd.purchase_rate == pytest.approx(1.5 / 0.4)

"""A shop small enough to check by hand: 3,000 visitors, 60 products, four models."""

from typing import NamedTuple

import numpy as np
import pytest

from recolab_assets.experiments.arrays import DayArray, FloatArray, IntArray
from recolab_assets.experiments.response import SessionDepth, SimulatedShoppers

K = 6


class SmallShop(NamedTuple):
    users: IntArray
    demand: FloatArray
    """(n_user_ids, n_products) p(i | u); rows sum to 1."""
    days: DayArray
    """(n,) day of each user's visit."""
    lists: dict[str, IntArray]
    shoppers: SimulatedShoppers
    depth: SessionDepth

    def probability(self, users: IntArray, products: IntArray) -> FloatArray:
        return np.where(products >= 0, self.demand[users[:, None], products], 0.0)


@pytest.fixture(scope="session")
def shop() -> SmallShop:
    rng = np.random.default_rng(7)
    users = np.sort(rng.choice(4_000, 3_000, replace=False)).astype(np.int32)
    demand = rng.gamma(0.3, size=(4_000, 60)) * np.arange(1, 61) ** -0.7
    demand /= demand.sum(axis=1, keepdims=True)

    def probability(of: IntArray, products: IntArray) -> FloatArray:
        return np.where(products >= 0, demand[of[:, None], products], 0.0)

    def ranked(noise: float) -> IntArray:
        scores = np.log(demand[users] + 1e-4) + noise * rng.normal(size=(users.size, 60))
        return np.argsort(-scores, axis=1)[:, :K].astype(np.int32)

    popular = np.argsort(-demand.sum(axis=0))[:K].astype(np.int32)
    lists = {
        "popularity": np.tile(popular, (users.size, 1)),
        "weak": ranked(6.0),
        "strong": ranked(1.0),
        "good": ranked(2.5),
    }
    shoppers = SimulatedShoppers.calibrate(
        probability,
        users,
        lists["popularity"],
        control_ctr=0.05,
        control_purchase_rate=0.01,
        examination_decay=0.85,
    )
    depth = SessionDepth.calibrate(
        control_depth=7.7, control_ctr=0.05, minimum=2.0, ctr_factor=20.0
    )
    days = np.datetime64("2024-12-01") + rng.integers(0, 28, users.size)
    return SmallShop(users, demand, days, lists, shoppers, depth)

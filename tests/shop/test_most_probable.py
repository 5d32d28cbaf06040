"""The oracle's lists against sorting the whole catalogue by p(item | user, month)."""

import numpy as np
import pytest
from scipy import sparse

from recolab_assets.config import AffinityConfig
from recolab_assets.shop import most_probable as module
from recolab_assets.shop.demand import Attributes, Component, Demand, product_demand
from recolab_assets.shop.most_probable import most_probable
from recolab_assets.shop.synthetic import SyntheticShop

MONTHS = [{11: 1.0}, {3: 0.25, 4: 0.75}]


@pytest.fixture(scope="module", params=["taste", "no taste", "nothing"])
def demand(request, make_config):
    shop = {
        "taste": {},
        "no taste": {"taste": {"enabled": False}},
        "nothing": {"taste": {"enabled": False}, "affinity": {"enabled": False}},
    }[request.param]
    config = make_config(shop=shop)
    synthetic = SyntheticShop(config)
    return product_demand(synthetic.users(), synthetic.products(), config.shop)


def by_sorting(demand, users, months, k, seen=None):
    everything = np.tile(np.arange(demand.n_items), (len(users), 1))
    p = sum(
        share * demand.probability_of(users, everything, month) for month, share in months.items()
    )
    if seen is not None:
        p[seen[users].toarray() > 0] = -1
    lists = np.argsort(-p.round(15), axis=1, kind="stable")[:, :k]
    return np.where(np.take_along_axis(p, lists, axis=1) < 0, -1, lists)


@pytest.mark.parametrize("months", MONTHS)
def test_the_lists_are_those_of_the_whole_catalogue_sorted(demand, months) -> None:
    users = np.arange(0, 400, 3)
    expected = by_sorting(demand, users, months, 12)
    np.testing.assert_array_equal(most_probable(demand, users, months, 12), expected)


def test_what_was_seen_is_left_out_and_short_lists_are_padded(demand) -> None:
    rng = np.random.default_rng(5)
    seen = rng.random((400, demand.n_items)) < 0.5
    seen[7] = True
    seen[8], seen[8, 3] = True, False
    users = np.arange(100)
    for matrix in (sparse.csr_matrix(seen), sparse.csr_array(seen.astype(np.float32))):
        lists = most_probable(demand, users, MONTHS[0], 10, matrix)
        np.testing.assert_array_equal(lists, by_sorting(demand, users, MONTHS[0], 10, matrix))
        assert (lists[7] == -1).all()
        assert lists[8].tolist() == [3] + [-1] * 9


def test_blocks_of_users_change_nothing(demand, monkeypatch) -> None:
    users = np.arange(50)
    whole = most_probable(demand, users, MONTHS[1], 5)
    monkeypatch.setattr(module, "_BLOCK", 7)
    np.testing.assert_array_equal(most_probable(demand, users, MONTHS[1], 5), whole)
    assert most_probable(demand, users[:0], MONTHS[1], 5).shape == (0, 5)


def test_ties_go_by_id_and_items_without_weight_come_last() -> None:
    items = Attributes(
        np.zeros(5, int), np.zeros(5, int), (np.array([1, 0, 1, 0, 1]), np.zeros(5, int))
    )
    user = Attributes(np.zeros(1, int), np.zeros(1, int))
    weights = np.array([[2.0, 2.0, 2.0, 0.0, 2.0]])
    # Twice the same brand, which is 0, and a brand that no item has.
    brands = [Component(0.2, 0, np.array([code])) for code in (0, 0, 9)]
    demand = Demand(items, user, weights, AffinityConfig(), tuple(brands))
    lists = most_probable(demand, np.array([0]), {0: 1.0}, 5)
    assert lists.tolist() == [[1, 0, 2, 4, 3]]
    assert most_probable(demand, np.array([0]), {0: 1.0}, 7).tolist() == [[1, 0, 2, 4, 3, -1, -1]]

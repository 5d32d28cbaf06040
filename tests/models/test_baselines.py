"""What a shop would otherwise show, against the same rules in plain Python."""

from collections import defaultdict

import numpy as np
import pyarrow as pa
import pytest

from recolab_assets.models.baselines import (
    BASELINES,
    BuyAgain,
    CategoryPopularity,
    RecentPopularity,
    baselines,
    recent_sales,
)

N_USERS, N_PRODUCTS = 40, 25
CATEGORIES = [None if p % 7 == 0 else f"c{p % 4}" for p in range(N_PRODUCTS)]


@pytest.fixture(scope="module")
def log():
    """Pairs with many ties, some of weight 0, users without any; sales with ties and zeros."""
    generator = np.random.default_rng(5)
    cells = generator.choice(N_USERS * N_PRODUCTS, 260, replace=False)
    pairs = [
        (int(cell) // N_PRODUCTS, int(cell) % N_PRODUCTS, float(generator.integers(0, 4)))
        for cell in cells
        if (cell // N_PRODUCTS) % 9
    ]
    return pairs, generator.integers(0, 5, N_PRODUCTS).astype(float)


@pytest.fixture(scope="module")
def shop(log, make_data):
    return make_data(log[0], N_USERS, N_PRODUCTS, {"category": CATEGORIES})


def ranked(scores, shop, seen, depth):
    """Products by score, then popularity, then id; seen ones left out."""
    order = sorted(scores, key=lambda p: (-np.float32(scores[p]), -shop.popularity[p], p))
    return [p for p in order if p not in seen][:depth]


def listed(ranker, user, depth, exclude_seen):
    found = ranker.candidates(np.array([user]), depth, exclude_seen=exclude_seen)
    return [int(p) for p in found.products[0] if p >= 0]


@pytest.mark.parametrize("exclude_seen", [True, False])
@pytest.mark.parametrize("depth", [3, 40])
@pytest.mark.parametrize("name", BASELINES)
def test_lists_are_those_of_the_rule(log, shop, name, depth, exclude_seen):
    pairs, sales = log
    own, seen = defaultdict(dict), defaultdict(set)
    for user, product, weight in pairs:
        seen[user].add(product)
        if weight:
            own[user][product] = weight
    in_category = defaultdict(float)
    for product, category in enumerate(CATEGORIES):
        in_category[category] += sales[product]
    ranker = baselines(shop, sales)[name]
    for user in range(N_USERS):
        if name == "recent_popularity":
            scores = dict(enumerate(sales))
        elif name == "buy_again":
            scores = own[user]
        else:
            weight_of = defaultdict(float)
            for product, weight in own[user].items():
                weight_of[CATEGORIES[product]] += weight
            scores = {
                p: weight_of[c] * (sales[p] / in_category[c])
                for p, c in enumerate(CATEGORIES)
                if c is not None and weight_of[c] and sales[p]
            }
        expected = ranked(scores, shop, seen[user] if exclude_seen else set(), depth)
        assert listed(ranker, user, depth, exclude_seen) == expected


def test_buy_again_has_nothing_to_say_where_repeats_are_left_out(shop):
    users = np.arange(N_USERS)
    assert not BuyAgain(shop).candidates(users, 5, exclude_seen=True).served.any()
    lists = BuyAgain(shop).recommend(users, 5, exclude_seen=True)
    assert lists.is_fallback.all() and (lists.lengths == 5).all()


def test_a_user_s_short_list_is_filled_up_from_popularity(make_data):
    shop = make_data([(0, 3, 1.0), (1, 1, 2.0), (1, 2, 2.0)], 3, 5)
    lists = BuyAgain(shop).recommend(np.arange(3), 4, exclude_seen=False)
    assert lists.products.tolist() == [[3, 1, 2, 0], [1, 2, 3, 0], [1, 2, 3, 0]]
    assert lists.is_fallback.tolist() == [False, False, True]


def test_best_sellers_that_sold_alike_come_by_popularity_then_id(make_data):
    shop = make_data([], 1, 5, popularity=np.array([0, 1, 5, 5, 0]))
    ranker = RecentPopularity(shop, np.array([2.0, 0, 0, 0, 2.0]))
    assert listed(ranker, 0, 5, True) == [0, 4, 2, 3, 1]


@pytest.mark.parametrize("attributes", [None, {"category": pa.nulls(4, pa.string())}])
def test_without_categories_nobody_has_best_sellers_of_a_category(make_data, attributes):
    shop = make_data([(0, 1, 1.0)], 2, 4, attributes)
    ranker = CategoryPopularity(shop, np.ones(4))
    assert not ranker.candidates(np.arange(2), 3, exclude_seen=False).served.any()


def test_a_shop_of_one_user_and_one_product(make_data):
    shop = make_data([(0, 0, 1.0)], 1, 1, {"category": ["c"]})
    for ranker in baselines(shop, np.ones(1)).values():
        assert listed(ranker, 0, 5, False) == [0]
        assert listed(ranker, 0, 5, True) == []


def test_an_empty_log_leaves_popularity(make_data):
    shop = make_data([], 2, 3, {"category": ["a", "b", None]})
    sales = recent_sales(pa.table({"product_id": pa.array([], pa.int32()), "weight": []}), 3)
    for ranker in baselines(shop, sales).values():
        assert ranker.recommend(np.arange(2), 3).products.tolist() == [[0, 1, 2]] * 2


def test_sales_are_summed_over_the_buyers_of_the_last_days():
    pairs = pa.table({"product_id": [2, 0, 2], "weight": pa.array([5.0, 1.0, 10.0], pa.float32())})
    assert recent_sales(pairs, 4).tolist() == [1, 0, 15, 0]

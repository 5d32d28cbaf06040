"""The closed form p(item | user, month), and draws that agree with it."""

import numpy as np
import pytest
from scipy import stats

from recolab_assets.config import AffinityConfig
from recolab_assets.shop.demand import (
    Attributes,
    Component,
    Demand,
    editorial_demand,
    item_weights,
    product_demand,
)
from recolab_assets.shop.synthetic import SyntheticShop


@pytest.fixture(scope="module")
def shop(make_config):
    """A small shop: configuration, users, products, demand."""
    config = make_config()
    synthetic = SyntheticShop(config)
    users, products = synthetic.users(), synthetic.products()
    return config, users, products, product_demand(users, products, config.shop)


def of_everything(demand, users, month):
    """p(item | user, month) of the whole catalogue, (n_users, n_items)."""
    return demand.probability_of(users, np.tile(np.arange(demand.n_items), (len(users), 1)), month)


def definition(user, products, weights, affinity, taste):
    """p(item | user) by the definition, item by item, in plain Python."""
    rows = products.to_pylist()
    segments = {
        "preferred": affinity.primary_share * affinity.preferred_share,
        "primary": affinity.primary_share * (1 - affinity.preferred_share),
        "other": 1 - affinity.primary_share,
    }
    components = [
        (1 - taste.brand_share - taste.tier_share, lambda row: True),
        (taste.brand_share / 2, lambda row: row["brand"] == user["favourite_brand"]),
        (taste.brand_share / 2, lambda row: row["brand"] == user["second_brand"]),
        (taste.tier_share, lambda row: row["price_tier"] == user["favourite_tier"]),
    ]

    def segment(row):
        if row["category"] != user["primary_category"]:
            return "other"
        return "preferred" if row["subcategory"] == user["preferred_subcategory"] else "primary"

    p = np.zeros(len(rows))
    for name, share in segments.items():
        inside = [i for i, row in enumerate(rows) if segment(row) == name and weights[i] > 0]
        for part, matches in components:
            fitting = [i for i in inside if matches(rows[i])] or inside
            if not fitting:
                fitting = [i for i in range(len(rows)) if weights[i] > 0]
            total = sum(weights[i] for i in fitting)
            for i in fitting:
                p[i] += share * part * weights[i] / total
    return p


@pytest.mark.parametrize("month", [0, 5, 11])
def test_probability_is_the_definition(shop, month):
    config, users, products, demand = shop
    categories = sorted(set(products["category"].to_pylist()))
    weights = item_weights(products, "launched_at", categories, config.shop)[month]
    some = np.array([0, 17, 123, 399])
    expected = [
        definition(user, products, weights, config.shop.affinity, config.shop.taste)
        for user in users.take(some).to_pylist()
    ]
    np.testing.assert_allclose(of_everything(demand, some, month), expected, rtol=1e-9, atol=1e-15)


def test_draws_from_the_whole_catalogue_know_no_category(make_config):
    of = {}
    for name, affinity in (
        ("mixed", {"whole_share": 0.3}),
        ("known", {}),
        ("whole", {"enabled": False}),
    ):
        config = make_config(shop={"affinity": affinity})
        synthetic = SyntheticShop(config)
        demand = product_demand(synthetic.users(), synthetic.products(), config.shop)
        of[name] = of_everything(demand, np.arange(50), 4)
    np.testing.assert_allclose(of["mixed"], 0.7 * of["known"] + 0.3 * of["whole"], rtol=1e-9)


def test_probabilities_sum_to_one_for_everyone_in_every_month(shop):
    config, users, _, demand = shop
    everyone = np.arange(users.num_rows)
    for month in range(config.shop.months):
        np.testing.assert_allclose(of_everything(demand, everyone, month).sum(axis=1), 1, rtol=1e-9)


def test_shares_of_categories_are_exact_in_the_closed_form(shop):
    _, users, products, demand = shop
    p = of_everything(demand, np.arange(50), 11)
    category = np.array(products["category"].to_pylist())
    leaf = np.array(products["subcategory"].to_pylist())
    for user, row in zip(users.slice(0, 50).to_pylist(), p, strict=True):
        primary = category == user["primary_category"]
        assert row[primary].sum() == pytest.approx(0.70)
        assert row[primary & (leaf == user["preferred_subcategory"])].sum() == pytest.approx(0.42)


def test_an_empty_place_has_probability_0_and_changes_no_other(shop):
    demand = shop[3]
    users = np.array([3, 9])
    whole = of_everything(demand, users, 4)
    listed = demand.probability_of(users, np.array([[5, -1, 199], [0, 7, 42]]), 4)
    np.testing.assert_array_equal(listed[0], [whole[0, 5], 0, whole[0, 199]])
    np.testing.assert_array_equal(listed[1], whole[1, [0, 7, 42]])


def goodness_of_fit(observed, p):
    """p-value of a chi-square test, rare items taken together."""
    expected = p * observed.sum()
    rare = expected < 5
    observed = np.append(observed[~rare], observed[rare].sum())
    expected = np.append(expected[~rare], expected[rare].sum())
    return stats.chisquare(observed[expected > 0], expected[expected > 0]).pvalue


@pytest.mark.parametrize("user", [0, 1, 2, 3])
@pytest.mark.parametrize("month", [0, 11])
def test_draws_fit_the_closed_form(shop, user, month):
    demand = shop[3]
    n = 40_000
    rng = np.random.default_rng([user, month])
    drawn = demand.draw(np.full(n, user), np.full(n, month), rng)
    p = of_everything(demand, np.array([user]), month)[0]
    observed = np.bincount(drawn, minlength=len(p))
    assert not observed[p == 0].any()
    assert goodness_of_fit(observed, p) > 1e-3


def test_draws_of_other_users_and_months_do_not_mix(shop):
    demand = shop[3]
    users = np.tile([10, 250], 20_000)
    months = np.repeat([2, 9], 20_000)
    drawn = demand.draw(users, months, np.random.default_rng(5))
    for user in (10, 250):
        for month in (2, 9):
            mine = drawn[(users == user) & (months == month)]
            p = of_everything(demand, np.array([user]), month)[0]
            assert goodness_of_fit(np.bincount(mine, minlength=len(p)), p) > 1e-3


def test_nothing_is_wanted_before_its_launch(shop):
    config, _, products, demand = shop
    launched = products["launched_at"].to_numpy() > np.datetime64("2024-06-01")
    assert launched.any()
    assert not of_everything(demand, np.arange(20), 5)[:, launched].any()
    assert of_everything(demand, np.arange(20), config.shop.months - 1)[:, launched].any()


def off(make_config, **mechanisms):
    flags = {name: {"enabled": False} for name in mechanisms.pop("names")}
    return make_config(shop={"n_categories": 4, "n_subcategories": 3, "n_brands": 6, **flags})


def test_without_mechanisms_everybody_wants_the_same_at_any_time(make_config):
    config = off(make_config, names=["affinity", "lifecycle", "seasonality", "taste"])
    synthetic = SyntheticShop(config)
    products = synthetic.products()
    demand = product_demand(synthetic.users(), products, config.shop)
    popularity = products["base_popularity"].to_numpy()
    for month in (0, 11):
        p = of_everything(demand, np.arange(30), month)
        np.testing.assert_allclose(p, np.tile(popularity / popularity.sum(), (30, 1)), rtol=1e-9)


def test_each_mechanism_moves_probabilities_on_its_own(make_config):
    every = ["affinity", "lifecycle", "seasonality", "taste"]
    synthetic = SyntheticShop(make_config())
    users, products = synthetic.users(), synthetic.products()

    def p(names):
        demand = product_demand(users, products, off(make_config, names=names).shop)
        return of_everything(demand, np.arange(5), 10)

    plain = p(every)
    for kept in every:
        assert np.abs(p([name for name in every if name != kept]) - plain).max() > 1e-4, kept


def test_editorial_follows_the_category_and_no_finer(make_config):
    config = make_config()
    synthetic = SyntheticShop(config)
    users, editorial = synthetic.users(), synthetic.editorial()
    p = of_everything(editorial_demand(users, editorial, config.shop), np.arange(20), 11)
    category = np.array(editorial["category"].to_pylist())
    primary = np.array(users["primary_category"].to_pylist())[:20]
    np.testing.assert_allclose(p.sum(axis=1), 1)
    for user in range(20):
        assert p[user, category == primary[user]].sum() == pytest.approx(0.70)


def tiny(weights, category, subcategory, favourite, user, share=0.5):
    """Demand of one user in a catalogue written out by hand."""
    items = Attributes(np.array(category), np.array(subcategory), (np.array(favourite),))
    users = Attributes(np.array([user[0]]), np.array([user[1]]))
    component = Component(share, 0, np.array([user[2]]))
    return Demand(items, users, np.array([weights], float), AffinityConfig(), (component,))


def test_a_brand_that_is_missing_passes_its_share_to_the_segment():
    demand = tiny([1, 3, 2, 2], [0, 0, 0, 1], [0, 0, 1, 2], [0, 0, 0, 0], user=(0, 0, 5))
    np.testing.assert_allclose(
        of_everything(demand, np.array([0]), 0)[0], [0.42 * 0.25, 0.42 * 0.75, 0.28, 0.30]
    )


def test_an_empty_segment_passes_its_share_to_the_whole_catalogue():
    # Nothing in the preferred subcategory has weight.
    demand = tiny([0, 0, 2, 2], [0, 0, 0, 1], [0, 0, 1, 2], [0, 0, 0, 0], user=(0, 0, 0))
    p = of_everything(demand, np.array([0]), 0)[0]
    np.testing.assert_allclose(p, [0, 0, 0.28 + 0.21, 0.30 + 0.21])
    drawn = demand.draw(np.zeros(20_000, int), np.zeros(20_000, int), np.random.default_rng(1))
    assert goodness_of_fit(np.bincount(drawn, minlength=4), p) > 1e-3


def test_a_category_that_no_item_has_leaves_all_to_the_others():
    demand = tiny([1, 1, 2], [0, 0, 1], [0, 1, 2], [0, 1, 0], user=(2, 3, 1))
    p = of_everything(demand, np.array([0]), 0)[0]
    assert p.sum() == pytest.approx(1)
    drawn = demand.draw(np.zeros(20_000, int), np.zeros(20_000, int), np.random.default_rng(2))
    assert goodness_of_fit(np.bincount(drawn, minlength=3), p) > 1e-3


def test_one_product_is_all_there_is():
    demand = tiny([1.0], [0], [0], [0], user=(0, 0, 0))
    assert of_everything(demand, np.array([0]), 0)[0] == pytest.approx([1.0])
    assert not demand.draw(np.zeros(50, int), np.zeros(50, int), np.random.default_rng(3)).any()

"""A taxonomy, a popularity law and a calendar of one's own."""

import datetime as dt

import numpy as np
import pytest

from recolab_assets.config import RankPiece
from recolab_assets.shop.catalogue import rank_weights
from recolab_assets.shop.synthetic import SyntheticShop
from recolab_assets.shop.taxonomy import leaf_shares, taxonomy_of
from recolab_assets.shop.timeline import LogCalendar

OWN = [
    {"name": "mugs", "share": 3, "subcategories": {"tea": 2, "beer": 1}, "price_level": 4.0},
    {"name": "bags", "share": 1, "subcategories": {"jute": 1}, "season": [1.0] * 11 + [9.0]},
]


@pytest.fixture(scope="module")
def own(make_config):
    """A shop with a taxonomy of its own: configuration, users, products, events."""
    config = make_config(
        data={"n_users": 4_000, "n_products": 400, "n_interactions": 60_000},
        shop={"taxonomy": OWN, "lifecycle": {"enabled": False}},
    )
    shop = SyntheticShop(config)
    users, products, editorial = shop.users(), shop.products(), shop.editorial()
    log = shop.interactions(users, products, editorial).read_all().to_pandas()
    return config, users.to_pandas(), products.to_pandas(), log


def test_shares_are_those_of_the_taxonomy(own):
    config, users, products, _ = own
    assert leaf_shares(taxonomy_of(config.shop)) == pytest.approx([0.5, 0.25, 0.25])
    leaves = [("mugs", "tea"), ("mugs", "beer"), ("bags", "jute")]
    made = products.groupby(["category", "subcategory"]).size()
    assert [made[leaf] for leaf in leaves] == pytest.approx([200, 100, 100], abs=1)
    wanted = users.groupby(["primary_category", "preferred_subcategory"]).size() / len(users)
    assert [wanted[leaf] for leaf in leaves] == pytest.approx([0.5, 0.25, 0.25], abs=0.03)


def test_popularity_of_a_subcategory_goes_with_its_share(own):
    weight = own[2].groupby("subcategory").base_popularity.sum()
    assert weight["tea"] / weight.sum() == pytest.approx(0.5, abs=0.12)
    best = own[2].groupby("subcategory").base_popularity.max()
    assert best.min() > 0.05 * best.max()


def test_price_levels_are_kept(own):
    price = own[2].groupby("category").price.median()
    assert price["mugs"] == pytest.approx(4.0, rel=0.25)


def test_seasons_are_kept(own):
    config, _, products, log = own
    bought = log[log.item_type == "product"]
    category = products.category.to_numpy()[bought.item_id]
    december = bought.occurred_at.dt.month == 12
    assert (category[december] == "bags").mean() > 1.3 * (category[~december] == "bags").mean()
    assert config.shop.n_leaves == 3


def test_few_products_fill_every_subcategory(make_config):
    config = make_config(data={"n_products": 3, "n_users": 10}, shop={"taxonomy": OWN})
    names = SyntheticShop(config).products()["subcategory"].to_pylist()
    assert sorted(names) == ["beer", "jute", "tea"]


def test_without_a_bend_the_law_is_a_power_of_the_rank():
    np.testing.assert_array_equal(rank_weights(9, 1.2), (1.0 + np.arange(9)) ** -1.2)


def test_the_law_bends_without_a_jump():
    tail = [RankPiece(beyond=0.1, exponent=1.5), RankPiece(beyond=0.5, exponent=3.0)]
    weights, ranks = rank_weights(1_000, 0.3, tail), np.log(1.0 + np.arange(1_000))
    slopes = np.diff(np.log(weights)) / np.diff(ranks)
    np.testing.assert_allclose(slopes[:98], -0.3, rtol=1e-6)
    np.testing.assert_allclose(slopes[101:498], -1.5, rtol=1e-6)
    np.testing.assert_allclose(slopes[501:], -3.0, rtol=1e-6)
    assert len(rank_weights(1, 0.3, tail)) == 1


def test_a_log_ends_on_its_last_day(make_config):
    config = make_config(
        data={"n_editorial": 0},
        shop={"end": dt.date(2024, 12, 9), "seasonality": {"traffic": [1.0] * 11 + [20.0]}},
    )
    calendar = LogCalendar.of(config.shop)
    assert (calendar.n_days, calendar.n_months) == (335 + 9, 12)
    shop = SyntheticShop(config)
    users, products, editorial = shop.users(), shop.products(), shop.editorial()
    times = shop.interactions(users, products, editorial).read_all()["occurred_at"].to_pandas()
    assert times.max() < np.datetime64("2024-12-10")
    # 9 days of 20 times the visits, beside 335 days; half of new users join too late for the rest.
    assert (times.dt.month == 12).mean() == pytest.approx(9 * 20 / (9 * 20 + 335), abs=0.05)


def test_weekdays_and_hours_are_those_of_the_configuration(make_config):
    week = [1.0, 1.0, 1.0, 1.0, 1.0, 0.0, 0.0]
    config = make_config(
        shop={"activity": {"weekday_weights": week, "hour_weights": [0.0] * 9 + [1.0] + [0.0] * 14}}
    )
    shop = SyntheticShop(config)
    users, products, editorial = shop.users(), shop.products(), shop.editorial()
    first = shop.interactions(users, products, editorial).read_all().to_pandas()
    first = first.groupby("session_id").occurred_at.min()
    assert (first.dt.weekday < 5).mean() > 0.99  # The day of a sign-up may be any.
    assert (first.dt.hour == 9).mean() > 0.97

"""The raw tables of the synthetic shop: realised against specified, and the same for one seed."""

from itertools import pairwise

import numpy as np
import pandas as pd
import pytest

from recolab_assets.shop.synthetic import SHARD_USERS, SyntheticShop
from recolab_assets.shop.taxonomy import CATEGORIES, seasonal_curve
from recolab_assets.tables import TABLES


def raw_tables(config):
    """Generate everything: users, products, editorial, interactions (a data frame)."""
    shop = SyntheticShop(config)
    users, products, editorial = shop.users(), shop.products(), shop.editorial()
    log = shop.interactions(users, products, editorial).read_all()
    return users, products, editorial, log


@pytest.fixture(scope="module")
def raw(make_config):
    config = make_config(
        data={"n_users": 3_000, "n_products": 600, "n_editorial": 100, "n_interactions": 100_000},
        shop={"n_categories": 6, "n_subcategories": 4, "n_brands": 8},
    )
    return (config, *raw_tables(config))


@pytest.fixture(scope="module")
def events(raw):
    """The log beside what is known of users and products."""
    _, users, products, _, log = raw
    frame = log.to_pandas()
    frame = frame.merge(users.to_pandas(), on="user_id")
    catalogue = products.to_pandas().rename(columns={"product_id": "item_id"})
    catalogue["item_type"] = "product"
    return frame.astype({"item_type": "str"}).merge(
        catalogue, on=["item_type", "item_id"], how="left"
    )


def test_tables_keep_their_contract(raw):
    _, users, products, editorial, log = raw
    for name, table in (("users", users), ("products", products), ("editorial", editorial)):
        assert table.schema.equals(TABLES[name].arrow_schema)
    assert log.column_names == TABLES["interactions"].column_names
    assert log.num_rows == 100_000
    assert log["interaction_id"].to_pylist() == list(range(log.num_rows))


def test_shares_are_as_specified(events):
    products = events[events.item_type == "product"]
    assert len(products) / len(events) == pytest.approx(0.80, abs=0.01)
    primary = products.category == products.primary_category
    assert primary.mean() == pytest.approx(0.70, abs=0.01)
    preferred = products.subcategory == products.preferred_subcategory
    assert preferred[primary].mean() == pytest.approx(0.60, abs=0.01)


def test_readers_read_where_they_shop(raw):
    _, users, _, editorial, log = raw
    frame = log.to_pandas().query("item_type == 'editorial'")
    content = editorial.to_pandas().rename(columns={"content_id": "item_id"})
    frame = frame.merge(content, on="item_id").merge(users.to_pandas(), on="user_id")
    assert (frame.category == frame.primary_category).mean() == pytest.approx(0.70, abs=0.01)


@pytest.mark.parametrize("n_editorial", [20, 1_000])
def test_editorial_mix_holds_at_any_size(make_config, n_editorial):
    config = make_config(data={"n_users": 1, "n_products": 12, "n_editorial": n_editorial})
    editorial = SyntheticShop(config).editorial().to_pandas()
    mix = editorial.content_type.value_counts(normalize=True)
    assert mix.to_dict() == pytest.approx(
        {"article": 0.50, "post": 0.20, "collection": 0.15, "buying_guide": 0.15}
    )
    assert set(editorial.topic_tags.map(len)) <= {2, 3}
    assert all(len(set(tags)) == len(tags) for tags in editorial.topic_tags)


@pytest.mark.parametrize(("table", "exponent"), [("products", 1.2), ("editorial", 1.1)], ids=str)
def test_popularity_is_a_power_law_of_rank(raw, table, exponent):
    popularity = raw[2 if table == "products" else 3]["base_popularity"].to_numpy()
    ranked = np.sort(popularity)[::-1]
    np.testing.assert_allclose(ranked, np.arange(1, len(ranked) + 1.0) ** -exponent)


def test_every_subcategory_has_a_best_seller(raw):
    products = raw[2].to_pandas()
    leaves = products.groupby(["category", "subcategory"])
    assert (leaves.size() == 25).all()
    # 24 subcategories: each has one of the 24 most popular products.
    assert (leaves.base_popularity.max() >= 24**-1.2).all()


def test_toys_are_up_in_november_and_garden_in_spring(events):
    counts = (
        events[events.item_type == "product"]
        .assign(month=lambda frame: frame.occurred_at.dt.month)
        .groupby(["category", "month"])
        .size()
        .unstack()
    )
    share = counts / counts.sum()
    assert share.loc["toys", 11] > 1.5 * share.loc["toys"].mean()
    assert share.loc["garden", [4, 5]].mean() > 1.5 * share.loc["garden"].mean()
    assert share.loc["toys"].idxmax() in (10, 11, 12)
    assert share.loc["garden"].idxmax() in (4, 5)


def test_seasonal_curves_peak_where_they_say():
    for category in CATEGORIES:
        curve = seasonal_curve(category)
        assert curve.min() >= 1
        assert curve.max() <= 1 + category.season_lift + 1e-9
        if category.season_lift:
            assert abs(curve.argmax() + 1 - category.season_peak) <= 0.5


def test_nothing_happens_before_sign_up_or_launch(raw, events):
    editorial, log = raw[3].to_pandas(), raw[4].to_pandas()
    assert (events.occurred_at >= events.signed_up_at).all()
    products = events[events.item_type == "product"]
    assert (products.occurred_at >= products.launched_at).all()
    reads = log[log.item_type == "editorial"].merge(
        editorial, left_on="item_id", right_on="content_id"
    )
    assert (reads.occurred_at >= reads.published_at).all()
    assert log.occurred_at.min() >= pd.Timestamp("2024-01-01")
    assert log.occurred_at.max() < pd.Timestamp("2025-01-01")


def test_the_log_is_ordered_by_user_and_time(raw):
    frame = raw[4].to_pandas()
    assert frame.user_id.is_monotonic_increasing
    assert frame.groupby("user_id").occurred_at.is_monotonic_increasing.all()


def test_product_events_walk_a_funnel(events):
    products = events[events.item_type == "product"]
    counts = products.event_type.astype(str).value_counts()
    assert counts["click"] / counts["view"] == pytest.approx(0.30, abs=0.02)
    assert counts["add_to_cart"] / counts["click"] == pytest.approx(0.30, abs=0.02)
    assert counts["purchase"] / counts["add_to_cart"] == pytest.approx(0.35, abs=0.05)
    # Whoever buys has viewed, clicked and put into the cart before, in the same session.
    order = ["view", "click", "add_to_cart", "purchase"]
    first = (
        products.assign(event_type=products.event_type.astype(str))
        .groupby(["user_id", "session_id", "item_id", "event_type"])
        .occurred_at.min()
        .unstack()[order]
    )
    for earlier, later in pairwise(order):
        reached = first[first[later].notna()]
        assert reached[earlier].notna().all()
        assert (reached[earlier] <= reached[later]).all()


def test_editorial_is_clicked_and_read_but_never_bought(raw):
    frame = raw[4].to_pandas()
    kinds = frame[frame.item_type == "editorial"].event_type.astype(str)
    assert set(kinds) == {"click", "read"}
    bought = frame.event_type.astype(str) == "purchase"
    assert frame[bought].unit_price.notna().all()
    assert frame[~bought].unit_price.isna().all()


def test_reading_comes_before_shopping_in_a_session(raw):
    frame = raw[4].to_pandas()
    times = frame.groupby(["session_id", frame.item_type.astype(str)]).occurred_at
    last_read = times.max().unstack()["editorial"]
    first_product = times.min().unstack()["product"]
    both = last_read.notna() & first_product.notna()
    assert both.any()
    assert (last_read[both] <= first_product[both]).all()


def test_events_of_a_session_lie_close_together(raw):
    frame = raw[4].to_pandas()
    session = frame.groupby("session_id")
    assert (session.user_id.min() == session.user_id.max()).all()
    length = (session.occurred_at.max() - session.occurred_at.min()).dt.total_seconds()
    gaps = length[session.size() > 1] / (session.size()[session.size() > 1] - 1)
    assert gaps.median() < 60
    assert length.quantile(0.99) < 6 * 3600


def test_activity_is_heavy_tailed(raw):
    counts = raw[4].to_pandas().groupby("user_id").size()
    assert counts.max() > 5 * counts.mean()
    assert counts.median() < counts.mean()


def test_the_same_seed_gives_the_same_tables(make_config):
    first, second = raw_tables(make_config()), raw_tables(make_config())
    assert all(a.equals(b) for a, b in zip(first, second, strict=True))
    other = raw_tables(make_config(data={"n_users": 400, "n_products": 200, "random_seed": 43}))
    assert not first[0].equals(other[0])


def test_more_editorial_moves_nobody_and_no_product(make_config):
    few = SyntheticShop(make_config())
    data = {"n_users": 400, "n_products": 200, "n_editorial": 99, "n_interactions": 12_000}
    many = SyntheticShop(make_config(data=data))
    assert few.users().equals(many.users())
    assert few.products().equals(many.products())
    assert many.editorial().num_rows == 99


def test_a_shop_without_editorial_has_product_events_only(make_config):
    data = {"n_users": 50, "n_products": 40, "n_editorial": 0, "n_interactions": 1_000}
    *_, log = raw_tables(make_config(data=data))
    assert set(log["item_type"].to_pylist()) == {"product"}
    assert log.num_rows == 1_000


def test_one_user_and_one_product(make_config):
    data = {"n_users": 1, "n_products": 1, "n_editorial": 1, "n_interactions": 20}
    tiny = {"n_categories": 1, "n_subcategories": 1, "n_brands": 1}
    *_, log = raw_tables(make_config(data=data, shop=tiny))
    assert log.num_rows == 20
    assert set(log["item_id"].to_pylist()) == {0}


def test_blocks_of_users_report_progress_and_keep_ids_running(make_config):
    n_users = SHARD_USERS + 10
    config = make_config(
        data={"n_users": n_users, "n_products": 50, "n_editorial": 5, "n_interactions": 30_000}
    )
    shop, told = SyntheticShop(config), []
    users, products, editorial = shop.users(), shop.products(), shop.editorial()
    reader = shop.interactions(
        users, products, editorial, lambda done, total: told.append((done, total))
    )
    log = reader.read_all()
    assert told == [(SHARD_USERS, n_users), (n_users, n_users)]
    assert np.array_equal(log["interaction_id"].to_numpy(), np.arange(30_000))


def test_the_report_says_that_everything_is_kept(config):
    report = SyntheticShop(config).report().to_pylist()
    assert [(row["finding"], row["n_rows"]) for row in report] == [
        ("generated", 12_000),
        ("kept", 12_000),
    ]

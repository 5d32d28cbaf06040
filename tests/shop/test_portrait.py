"""The figures of a log, against logs that are small enough to count by hand."""

import datetime as dt

import numpy as np
import pyarrow as pa
import pytest

from recolab_assets.shop import portrait as p
from recolab_assets.shop.synthetic import SyntheticShop
from recolab_assets.tables import TABLES


def log_of(events, products=None):
    """Build a log from (user, item, day, session, type) and (category, subcategory, price)."""
    n = 1 + max(item for _, item, *_ in events)
    products = products or [(None, None, None)] * n
    table = pa.Table.from_pylist(
        [
            {"product_id": i, "category": c, "subcategory": s, "price": price}
            for i, (c, s, price) in enumerate(products)
        ],
        schema=TABLES["products"].arrow_schema,
    )
    rows = [
        {
            "interaction_id": number,
            "user_id": user,
            "item_id": item,
            "item_type": "product",
            "event_type": kind,
            "session_id": session,
            "occurred_at": dt.datetime(2024, 1, 1) + dt.timedelta(days=day, seconds=number),
        }
        for number, (user, item, day, session, kind) in enumerate(events)
    ]
    return p.ProductLog.of(
        table, pa.Table.from_pylist(rows, schema=TABLES["interactions"].arrow_schema)
    )


def bought(*events):
    """Purchases of (user, item, day), a session for each day."""
    return log_of([(u, i, d, u * 1_000 + d, "purchase") for u, i, d in events])


def test_gini_of_counts():
    assert p.gini(np.array([5, 5, 5, 5])) == pytest.approx(0)
    assert p.gini(np.array([0, 0, 0, 8])) == pytest.approx(0.75)
    # Half the mean absolute difference over the mean.
    counts = np.array([1, 4, 2, 9, 9])
    gaps = np.abs(counts[:, None] - counts[None, :]).mean()
    assert p.gini(counts) == pytest.approx(gaps / (2 * counts.mean()))


def test_share_of_the_top():
    counts = np.array([1, 2, 3, 4, 10])
    assert p.share_of_top(counts, 0.4) == pytest.approx(14 / 20)
    assert p.share_of_top(counts, 0.01) == pytest.approx(10 / 20)


def test_slopes_of_a_bent_law():
    ranks = np.arange(1.0, 1_001)
    counts = 1e9 * np.where(ranks <= 100, ranks**-0.5, 100**-0.5 * (ranks / 100) ** -2.0)
    assert p.rank_slope(counts.astype(np.int64), 0.0, 0.1) == pytest.approx(-0.5, abs=1e-3)
    assert p.rank_slope(counts.astype(np.int64), 0.1, 1.0) == pytest.approx(-2.0, abs=1e-2)
    assert np.isnan(p.rank_slope(np.array([1, 2]), 0.0, 1.0))


def test_shares_in_the_most_frequent_code():
    users = np.array([0, 0, 0, 0, 1, 1, 2])
    codes = np.array([5, 5, 5, 2, 7, 1, -1])
    assert p.top_shares(users, codes).tolist() == [0.75, 0.5]
    assert p.top_share(users, codes, top=2) == 1.0
    assert np.isnan(p.top_share(users, np.full(7, -1)))


def test_chance_is_what_a_random_deal_gives():
    rng = np.random.default_rng(0)
    users, codes = rng.integers(0, 2_000, 8_000), rng.integers(0, 4, 8_000)
    assert p.chance_share(users, codes, 1) == pytest.approx(p.top_share(users, codes), abs=0.01)
    assert p.chance_share(users, codes, 1) == p.chance_share(users, codes, 1)


def test_a_pair_is_repeated_on_another_day_only():
    log = bought((0, 0, 1), (0, 0, 1), (0, 1, 1), (0, 1, 3), (1, 0, 2), (1, 1, 5))
    assert p.repeated_pairs(log) == pytest.approx(1 / 4)


def test_new_products_are_those_never_met_before():
    # February has products 0 and 1, of which 1 is new; March none but 0; April 0 and 2.
    log = bought((0, 0, 0), (0, 0, 31), (0, 1, 32), (0, 0, 60), (0, 0, 91), (1, 2, 92))
    assert p.new_product_share(log) == pytest.approx((1 / 2 + 0 + 1 / 2) / 3)


def test_best_sellers_are_followed_from_month_to_month():
    log = bought((0, 0, 0), (0, 1, 0), (0, 0, 31), (0, 2, 31), (0, 2, 60))
    assert p.best_seller_overlap(log) == pytest.approx((1 / 2 + 1 / 1) / 2)


def test_the_funnel_counts_events():
    kinds = ["view"] * 8 + ["click"] * 4 + ["add_to_cart"] * 2 + ["purchase"]
    log = log_of([(0, 0, 0, 0, kind) for kind in kinds])
    assert p.step_shares(log) == {
        "click_given_view": 0.5,
        "cart_given_click": 0.5,
        "cart_given_view": 0.25,
        "purchase_given_cart": 0.5,
        "purchase_given_view": 0.125,
    }


def test_subcategories_of_two_categories_differ():
    log = log_of(
        [(0, 0, 0, 0, "view"), (0, 1, 0, 0, "view")], [("a", "other", 1.0), ("b", "other", 2.0)]
    )
    assert len(set(log.codes["subcategory"].tolist())) == 2
    assert log.names["subcategory"] == ["other", "other"]


def test_events_in_the_top_category():
    log = log_of(
        [(0, 0, 0, 0, "view"), (0, 1, 0, 0, "view"), (0, 1, 0, 0, "view"), (1, 2, 0, 1, "view")],
        [("a", None, None), ("b", None, None), (None, None, None)],
    )
    assert p.in_top_category(log).tolist() == [False, True, True, False]


def test_editorial_is_left_out_and_order_does_not_matter(make_config):
    shop = SyntheticShop(make_config())
    users, products, editorial = shop.users(), shop.products(), shop.editorial()
    events = shop.interactions(users, products, editorial).read_all()
    whole = p.portrait(p.ProductLog.of(products, events))
    assert whole["events"] == sum(kind == "product" for kind in events["item_type"].to_pylist())
    shuffled = events.take(np.random.default_rng(0).permutation(events.num_rows))
    again = p.portrait(p.ProductLog.of(products, shuffled))
    chance = {name for name in whole if "chance" in name}
    assert {k: v for k, v in again.items() if k not in chance} == pytest.approx(
        {k: v for k, v in whole.items() if k not in chance}, nan_ok=True
    )
    assert again == pytest.approx(whole, abs=0.02, nan_ok=True)


@pytest.mark.parametrize(
    "events",
    [[(0, 0, 0)], [(0, 0, 0), (0, 0, 400)], [(u, 0, 0) for u in range(5)]],
    ids=["one event", "one user, one item", "one day"],
)
def test_the_smallest_logs_have_a_portrait(events):
    figures = p.portrait(bought(*events))
    assert figures["events"] == len(events)
    assert figures["product Gini"] == 0
    assert figures["share of top 1% of products"] == 1
    assert np.isnan(figures["share in top category"])
    assert np.isnan(figures["purchases per view"])


def test_a_log_without_product_events_is_said():
    events = pa.Table.from_pylist([], schema=TABLES["interactions"].arrow_schema)
    with pytest.raises(p.EmptyLogError, match="no product event"):
        p.ProductLog.of(TABLES["products"].arrow_schema.empty_table(), events)

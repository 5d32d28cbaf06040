"""Funnels in part, sessions of a size of their own, and repeats."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from recolab_assets.config import ActivityConfig, ShopConfig
from recolab_assets.shop.habits import funnel_steps, repeat_earlier, sized_slots
from recolab_assets.shop.synthetic import SyntheticShop


def sized(median, sigma=0.0, max_sessions=1_000):
    return ActivityConfig.model_validate(
        {"max_sessions": max_sessions, "session_size": {"median": median, "sigma": sigma}}
    )


@pytest.mark.parametrize(
    ("funnel", "steps"),
    [
        (["view", "click", "add_to_cart", "purchase"], (0.3, 0.4, 0.5)),
        (["view", "add_to_cart", "purchase"], (0.12, 0.5)),
        (["view", "purchase"], (0.06,)),
        (["purchase"], ()),
    ],
    ids=lambda value: " ".join(map(str, value)),
)
def test_steps_that_are_not_recorded_are_passed_through(funnel, steps):
    shop = ShopConfig(
        funnel=funnel, click_given_view=0.3, cart_given_click=0.4, purchase_given_cart=0.5
    )
    assert funnel_steps(shop) == pytest.approx(steps)


def test_a_log_of_purchases_has_nothing_else(make_config):
    shop = SyntheticShop(make_config(data={"n_editorial": 0}, shop={"funnel": ["purchase"]}))
    users, products, editorial = shop.users(), shop.products(), shop.editorial()
    log = shop.interactions(users, products, editorial).read_all()
    assert set(log["event_type"].to_pylist()) == {"purchase"}
    assert log["unit_price"].null_count == log["quantity"].null_count == 0
    paid = products["price"].to_numpy()[log["item_id"].to_numpy()]
    assert np.array_equal(log["unit_price"].to_numpy(), paid)


@given(
    counts=st.lists(st.integers(0, 9), max_size=20),
    median=st.integers(1, 5),
    seed=st.integers(0, 50),
)
def test_sessions_are_full_but_for_the_last_of_a_user(counts, median, seed):
    users = np.repeat(np.arange(len(counts)), counts)
    slots = sized_slots(users, sized(median), np.random.default_rng(seed))
    for user, count in enumerate(counts):
        sizes = np.bincount(slots[users == user])
        assert sizes.sum() == count
        assert (sizes[:-1] == median).all()
        assert count == 0 or 0 < sizes[-1] <= median


def test_what_does_not_fit_falls_into_the_last_session():
    slots = sized_slots(np.zeros(10, int), sized(1, max_sessions=4), np.random.default_rng(0))
    assert np.bincount(slots).tolist() == [1, 1, 1, 7]


def test_session_sizes_are_lognormal():
    # Few users with many walks, so that next to no session is cut short.
    users = np.repeat(np.arange(3), 200_000)
    slots = sized_slots(users, sized(20.0, 0.6, 100_000), np.random.default_rng(0))
    sizes = np.log(np.unique(users * 100_000 + slots, return_counts=True)[1])
    assert np.exp(np.median(sizes)) == pytest.approx(20, rel=0.05)
    assert np.std(sizes) == pytest.approx(0.6, abs=0.02)


def test_repeats_take_up_items_of_earlier_sessions_only():
    rng = np.random.default_rng(1)
    users = rng.integers(0, 30, 2_000)
    began = rng.integers(0, 5, 2_000).astype(float)
    fresh = np.arange(2_000, dtype=np.int32)  # Every draw is told apart from every other.
    items = repeat_earlier(fresh, users, began, 0.7, rng)
    again = items != fresh
    source = items[again]
    assert (users[source] == users[again]).all()
    assert (began[source] < began[again]).all()
    first = began == np.array([began[users == user].min() for user in range(30)])[users]
    assert not again[first].any()
    assert again[~first].mean() == pytest.approx(0.7, abs=0.04)


def test_without_repeats_nothing_changes():
    items = np.array([3, 1, 2], dtype=np.int32)
    same = repeat_earlier(items, np.zeros(3, int), np.arange(3.0), 0.0, np.random.default_rng(0))
    assert same.tolist() == items.tolist()
    nothing = repeat_earlier(
        items[:0], np.zeros(0, int), np.zeros(0), 0.5, np.random.default_rng(0)
    )
    assert not len(nothing)


def test_repeats_leave_what_is_bought_anew_to_the_truth(make_config):
    # The first product of every user is a draw from demand, whatever is repeated later.
    flags = {"n_editorial": 0, "n_users": 300, "n_products": 60, "n_interactions": 9_000}
    logs = []
    for share in (0.0, 0.6):
        shop = SyntheticShop(make_config(data=flags, shop={"repeat_share": share}))
        users, products, editorial = shop.users(), shop.products(), shop.editorial()
        logs.append(shop.interactions(users, products, editorial).read_all().to_pandas())
    plain, repeating = logs
    assert np.array_equal(plain.occurred_at, repeating.occurred_at)
    pairs = [log.groupby(["user_id", "item_id"]).session_id.nunique() for log in logs]
    assert (pairs[1] > 1).mean() > 1.5 * (pairs[0] > 1).mean()
    days = [log.groupby("user_id").session_id.first() for log in logs]
    assert days[0].equals(days[1])

"""Parameters estimated from a generated log are those that it was generated with."""

import datetime as dt
from dataclasses import replace

import numpy as np
import pyarrow as pa
import pytest

from recolab_assets.config import LabConfig, RankPiece
from recolab_assets.shop import estimate as e
from recolab_assets.shop.calibrate import (
    LINKS,
    Link,
    calibrated,
    figures,
    generated_log,
)
from recolab_assets.shop.catalogue import rank_weights
from recolab_assets.shop.synthetic import SyntheticShop
from tests.shop.test_portrait import bought, log_of

WEEK = [1.5, 1.0, 1.0, 1.2, 1.3, 0.0, 1.0]
HOURS = [0.0] * 8 + [1.0, 2.0, 3.0, 2.0, 1.0] + [0.0] * 11
TRAFFIC = [1.0, 1.0, 1.5, 1.0, 1.0, 0.8, 0.8, 1.0, 1.2, 1.5, 2.0, 1.0]

KNOWN = {
    "data": {"n_users": 3_000, "n_products": 1_000, "n_editorial": 0, "n_interactions": 150_000},
    "shop": {
        "start": dt.date(2023, 3, 1),
        "end": dt.date(2024, 2, 20),
        "taxonomy": [
            {
                "name": "mugs",
                "share": 0.4,
                "subcategories": {"tea": 0.6, "beer": 0.2, "enamel": 0.2},
                "price_level": 4.0,
            },
            {"name": "bags", "share": 0.3, "subcategories": {"jute": 0.5, "lunch": 0.5}},
            {"name": "lights", "share": 0.2, "subcategories": {"fairy": 0.7, "desk": 0.3}},
            {
                "name": "trees",
                "share": 0.1,
                "subcategories": {"fir": 0.5, "spruce": 0.5},
                "season": [1.0] * 10 + [4.0, 4.0],
            },
        ],
        "n_brands": 12,
        "product_exponent": 0.4,
        "product_tail": [{"beyond": 0.1, "exponent": 1.1}, {"beyond": 0.5, "exponent": 2.0}],
        "repeat_share": 0.25,
        "funnel": ["purchase"],
        "affinity": {"primary_share": 1.0, "preferred_share": 0.7, "whole_share": 0.5},
        "lifecycle": {"decay_low": 0.0, "decay_high": 0.2, "launched_share": 0.15},
        "seasonality": {"traffic": TRAFFIC},
        "taste": {"brand_share": 0.4, "tier_share": 0.1},
        "activity": {
            "sigma": 1.1,
            "new_user_share": 0.3,
            "max_sessions": 400,
            "session_size": {"median": 6.0, "sigma": 0.7},
            "event_gap_seconds": 20.0,
            "weekday_weights": WEEK,
            "hour_weights": HOURS,
        },
    },
}


@pytest.fixture(scope="module")
def log():
    """The log of a shop whose parameters are known."""
    return e.pooled(generated_log(LabConfig.model_validate(KNOWN)))


@pytest.fixture(scope="module")
def estimated(log):
    """Parameters calibrated from it; another seed than its own."""
    config = LabConfig.model_validate(KNOWN)
    shop = SyntheticShop(config)
    events = shop.interactions(shop.users(), shop.products(), shop.editorial()).read_all()
    return calibrated(e.twin_estimate(log, events, seed=7), figures(log))


def at(values, path):
    """Return a value by its dotted key."""
    for part in path.split("."):
        values = values[int(part)] if isinstance(values, list) else values[part]
    return values


# The error of one shop of this size, from the spread over seeds.
@pytest.mark.parametrize(
    ("path", "relative", "absolute"),
    [
        ("data.n_users", 0.03, 0),
        ("data.n_products", 0.05, 0),
        ("data.n_interactions", 0, 0),
        ("shop.activity.sigma", 0.08, 0),
        ("shop.activity.new_user_share", 0, 0.08),
        ("shop.activity.session_size.median", 0.1, 0),
        ("shop.activity.session_size.sigma", 0.1, 0),
        ("shop.activity.event_gap_seconds", 0.05, 0),
        ("shop.product_exponent", 0, 0.1),
        ("shop.product_tail.0.exponent", 0, 0.25),
        ("shop.product_tail.1.exponent", 0, 0.5),
        ("shop.lifecycle.launched_share", 0, 0.06),
        ("shop.repeat_share", 0, 0.05),
        ("shop.affinity.whole_share", 0, 0.04),
        ("shop.affinity.preferred_share", 0, 0.05),
        ("shop.taste.brand_share", 0, 0.08),
        ("shop.n_brands", 0, 2),
    ],
)
def test_parameters_are_recovered(estimated, path, relative, absolute):
    known = at(KNOWN, path)
    assert at(estimated, path) == pytest.approx(known, rel=relative, abs=absolute)


def test_the_calibrated_shop_has_the_figures_of_the_log(estimated, log):
    wanted, found = figures(log), figures(generated_log(LabConfig.model_validate(estimated)))
    for name in ("spread of events per user", "repeated events", "share in first category"):
        assert found[name] == pytest.approx(wanted[name], rel=0.05), name
    np.testing.assert_allclose(
        found["events of each month"], wanted["events of each month"], rtol=0.12
    )


def test_the_calendar_is_recovered(estimated):
    shop = estimated["shop"]
    assert (shop["start"], shop["months"], shop["end"]) == (
        dt.date(2023, 3, 1),
        12,
        dt.date(2024, 2, 20),
    )
    assert shop["funnel"] == ["purchase"]


def test_weekdays_and_hours_are_recovered(log):
    week = np.array(WEEK) / np.mean(WEEK)
    np.testing.assert_allclose(e.weekday_weights(log), week, atol=0.1)
    np.testing.assert_allclose(e.hour_weights(log), np.array(HOURS) / np.mean(HOURS), atol=0.25)


def test_categories_and_their_seasons_are_recovered(estimated):
    found = {category["name"]: category for category in estimated["shop"]["taxonomy"]}
    known = {category["name"]: category for category in KNOWN["shop"]["taxonomy"]}
    assert set(found) == set(known)
    for name, category in known.items():
        assert found[name]["share"] == pytest.approx(category["share"], abs=0.06)
        assert set(found[name]["subcategories"]) == set(category["subcategories"])
    assert found["mugs"]["subcategories"]["tea"] == pytest.approx(0.6, abs=0.1)
    assert found["mugs"]["price_level"] == pytest.approx(4.0, rel=0.2)
    lift = np.array(found["trees"]["season"])
    assert min(lift[10:]) > 1.8 > 1.3 > max(lift[:10])


def test_the_spread_of_activity_is_told_from_chance():
    rng = np.random.default_rng(0)
    alike = rng.poisson(40, 20_000)
    assert e.activity_sigma(alike[alike > 0]) < 0.05
    apart = rng.poisson(40 * rng.lognormal(0, 0.9, 20_000))
    assert e.activity_sigma(apart[apart > 0]) == pytest.approx(0.9, abs=0.05)


def test_a_popularity_law_is_read_off_its_counts():
    tail = [RankPiece(beyond=0.1, exponent=1.2), RankPiece(beyond=0.5, exponent=2.5)]
    head, found = e.rank_law((1e7 * rank_weights(2_000, 0.3, tail)).astype(np.int64))
    assert head == pytest.approx(0.3, abs=0.01)
    assert [piece["exponent"] for piece in found] == pytest.approx([1.2, 2.5], abs=0.02)


@pytest.mark.parametrize(
    ("kinds", "steps", "onward"),
    [
        (["view"] * 10 + ["click"] * 5 + ["add_to_cart"] * 2 + ["purchase"], 4, (0.5, 0.4, 0.5)),
        (["view"] * 10 + ["add_to_cart"] * 2 + ["purchase"], 3, (1.0, 0.2, 0.5)),
        (["view"] * 2 + ["purchase"] * 5, 2, (1.0, 1.0, 1.0)),
        (["purchase"], 1, (1.0, 1.0, 1.0)),
    ],
    ids=["whole", "no clicks", "more bought than seen", "purchases only"],
)
def test_the_funnel_is_read_off_its_counts(kinds, steps, onward):
    found = e.funnel(log_of([(0, 0, 0, 0, kind) for kind in kinds]))
    assert len(found.pop("funnel")) == steps
    assert tuple(found.values()) == pytest.approx(onward)


def test_repeats_are_counted_after_the_first_day():
    log = bought((0, 0, 0), (0, 1, 0), (0, 0, 2), (0, 2, 2), (0, 2, 2), (1, 0, 3))
    assert e.repeat_share(log) == pytest.approx(1 / 3)
    assert e.repeat_share(bought((0, 0, 0), (1, 1, 2))) == 0


def test_late_users_are_those_of_the_second_half():
    assert e.late_user_share(bought((0, 0, 0), (0, 0, 10), (1, 0, 7), (2, 0, 2))) == (
        pytest.approx(1 / 3)
    )


def test_seasons_of_a_handful_of_events_are_level():
    assert e.season(np.array([1] + [0] * 11), np.full(12, 1_000))[0] == pytest.approx(1.0, abs=0.03)
    many = e.season(np.array([30_000] + [1_000] * 11), np.full(12, 100_000))
    assert many[0] > 6
    assert e.season(np.zeros(12, int), np.full(12, 5)) == [1.0] * 12


def test_rare_categories_are_pooled_and_missing_ones_named():
    events = [(0, 0, 0, 0, "view")] * 3_000 + [(0, i, 0, 0, "view") for i in (1, 2, 3)]
    log = log_of(events, [("a", None, 2.0), ("b", "x", None), ("c", "y", 9.0), (None, None, None)])
    found = {category["name"]: category for category in e.taxonomy(e.pooled(log))}
    assert set(found) == {"a", e.POOLED}
    assert list(found["a"]["subcategories"]) == [e.UNKNOWN]
    assert found["a"]["price_level"] == 2.0
    assert found[e.POOLED]["price_level"] == 9.0


def test_brands_of_one_size_that_are_as_uneven():
    log = log_of([(0, 0, 0, 0, "view")] * 8)
    assert e.n_brands(log) == 1
    even = replace(log, codes={**log.codes, "brand": np.array([0, 1, 2, 3] * 2)})
    assert e.n_brands(even) == 4
    uneven = replace(log, codes={**log.codes, "brand": np.array([0] * 7 + [1])})
    assert e.n_brands(uneven) == 1


@pytest.mark.parametrize(
    "events",
    [[(0, 0, 0)], [(u, 0, 0) for u in range(9)], [(0, i, 40) for i in range(9)]],
    ids=["one event", "one item, one day", "one user"],
)
def test_a_log_too_short_to_imitate_is_said(events):
    with pytest.raises(e.EstimateError, match=r"covers 1 calendar month,.* at least 3"):
        e.shop_estimate(bought(*events))


@pytest.mark.parametrize(
    "events",
    [
        [(0, 0, day) for day in (0, 40, 80)],
        [(u, 0, 5 * u) for u in range(30)],
        [(0, i, 3 * i) for i in range(40)],
    ],
    ids=["one user, one item", "one item", "one user"],
)
def test_the_smallest_logs_have_a_twin(events):
    log = e.pooled(bought(*events))
    sections = e.twin_estimate(log, _raw(events), seed=1)
    assert sections["shop"]["affinity"]["enabled"] is False
    assert sections["shop"]["taste"]["enabled"] is False
    made = calibrated(sections, figures(log), rounds=2)
    config = LabConfig.model_validate(made)
    assert len(generated_log(config).user) == len(events)


def _raw(events):
    """The columns of ``raw.interactions`` that say what is editorial."""
    return pa.table(
        {
            "user_id": [user for user, _, _ in events],
            "item_id": [item for _, item, _ in events],
            "item_type": ["product"] * len(events),
            "event_type": ["purchase"] * len(events),
            "occurred_at": [day for _, _, day in events],
        }
    )


def test_editorial_is_estimated_where_there_is_some(make_config):
    # Many events a user: the last walk of each is cut short.
    config = make_config(data={"n_users": 1_000, "n_interactions": 200_000})
    shop = SyntheticShop(config)
    users, products, editorial = shop.users(), shop.products(), shop.editorial()
    events = shop.interactions(users, products, editorial).read_all()
    n_pieces, found = e.editorial_estimate(events)
    assert n_pieces == 40
    assert found["product_share"] == pytest.approx(0.8, abs=0.01)
    assert found["read_given_click"] == pytest.approx(0.6, abs=0.03)
    assert found["editorial_exponent"] == pytest.approx(1.1, abs=0.35)
    assert e.editorial_estimate(_raw([(0, 0, 0)])) == (0, {})


def test_a_default_shop_is_recovered_too(make_config):
    # All four steps of the funnel, sessions of the Zipf law, the built-in taxonomy.
    config = make_config(data={"n_users": 2_000, "n_interactions": 80_000, "n_editorial": 0})
    log = e.pooled(generated_log(config))
    made = calibrated(
        e.twin_estimate(log, _raw([(0, 0, 0)] * 80_000), seed=5), figures(log), rounds=6
    )
    shop = made["shop"]
    assert shop["click_given_view"] == pytest.approx(0.3, abs=0.02)
    assert shop["cart_given_click"] == pytest.approx(0.3, abs=0.02)
    # A primary share of .7, the rest elsewhere, is as much as .6 beside .4 of everything: a
    # quarter of that lies in the primary category.
    assert shop["affinity"]["whole_share"] == pytest.approx(0.4, abs=0.06)
    # Sessions of the Zipf law are not among the twin's, and look a little like repeats.
    assert shop["repeat_share"] < 0.15
    assert {category["name"] for category in shop["taxonomy"]} == {
        "electronics",
        "toys",
        "garden",
        "fashion",
    }


@pytest.mark.parametrize(
    ("link", "wanted", "found", "value", "moved"),
    [
        (Link("x", "f", 0, 1, gain=1), 0.5, 0.3, 0.2, 0.4),
        (Link("x", "f", 0, 1, sign=-1, gain=1), 0.5, 0.3, 0.25, 0.05),
        (Link("x", "f", 0, 1, gain=1), 0.9, 0.1, 0.5, 1.0),
        (Link("x", "f", 0, 9, ratio=True, gain=1), 4.0, 2.0, 3.0, 6.0),
        (Link("x", "f", 0, 99, ratio=True, gain=1), 40.0, 2.0, 3.0, 9.0),
        (Link("x", "f", 0, 9, ratio=True), 4.0, 0.0, 3.0, 3.0),
        (Link("x", "f", 0, 9), float("nan"), 0.3, 0.7, 0.7),
    ],
    ids=["up", "falls", "at the edge", "by a factor", "by no more", "nothing found", "no figure"],
)
def test_a_parameter_moves_towards_its_figure(link, wanted, found, value, moved):
    assert link.corrected(value, wanted, found) == pytest.approx(moved)


def test_months_at_the_edge_that_have_no_event_change_nothing():
    link = Link("x", "f", 0, 9, ratio=True)
    assert link.corrected([1.0, 2.0], np.ones(2), np.ones(1)) == [1.0, 2.0]


def test_every_link_names_a_parameter_and_a_figure(estimated, log):
    for link in LINKS:
        assert at(estimated, link.path) is not None
        assert link.figure in figures(log)

"""The explorer: what it says of users and products, found, unknown, and with little to say."""

import json
from copy import deepcopy

import pandas as pd
import pytest

from dashboard import explorer_queries as queries
from dashboard.figures.history import lifecycle_of, months_figure, timeline_figure
from dashboard.pages.explorer import random_query
from dashboard.pages.explorer_user import hits_of
from dashboard.store import Store
from tests.dashboard.conftest import tables, write_lab
from tests.dashboard.shop_rows import CUT, N_PRODUCTS, N_USERS, shop_tables
from tests.dashboard.test_pages import components, figure, rows_of_grid, shown


@pytest.fixture
def results():
    """Rows of a tiny shop beside those of a finished lab."""
    return {**deepcopy(shop_tables()), **tables()}


@pytest.fixture(scope="module")
def lab(tmp_path_factory):
    """The tiny shop in a file, only to be read."""
    path = tmp_path_factory.mktemp("shop") / "lab.duckdb"
    write_lab(path, {**shop_tables(), **tables()})
    return path


def sections(page, kind):
    """Text of the section of each model."""
    return {
        section["id"]["model"]: json.dumps(section)
        for section in components(json.loads(page), "Section")
        if section["id"]["type"] == kind
    }


def test_a_user_is_shown_with_every_model_s_list_and_reasons(lab):
    page = shown(Store(lab), "/explorer", "?user=1")
    assert "User 1" in page
    lists = sections(page, "list")
    assert list(lists) == ["popularity", "als", "item_cf", "content_based", "hybrid"]
    assert "Popular with all customers lately" in lists["popularity"]
    assert "in your history" in lists["item_cf"]
    rows = rows_of_grid(page, "user_lists")
    # Three of the products are the user's own.
    assert len(rows) == 5 * (N_PRODUCTS - 3)
    assert all(row["reason"].endswith(".") for row in rows)
    # Product 5 has no title.
    assert {row["title"] for row in rows if row["product_id"] == 5} == {"Product 5"}


def test_without_a_user_one_with_a_hit_is_shown(lab):
    assert '"User 0"' in shown(Store(lab), "/explorer")


def test_hits_in_the_hold_out_are_marked_with_the_strongest_event(lab):
    rows = rows_of_grid(shown(Store(lab), "/explorer", "?user=0"), "user_lists")
    hits = {row["product_id"]: row["hit"] for row in rows if row["hit"]}
    assert hits == {3: "purchase, 5 Dec 2024", 4: "click, 5 Dec 2024"}
    assert all(row["product_id"] not in (0, 1, 2) for row in rows)


def test_k_in_the_address_cuts_the_lists(lab):
    rows = rows_of_grid(shown(Store(lab), "/explorer", "?user=0&k=5"), "user_lists")
    assert {row["rank"] for row in rows} == {1, 2, 3, 4, 5}


def test_an_id_of_the_lab_goes_before_one_of_the_shop_and_both_are_named(lab):
    # The shop's own id 1 is that of user 4.
    page = shown(Store(lab), "/explorer", "?user=1")
    assert '"User 1"' in page
    assert "The shop's own id 1 is that of " in page
    assert "user=4" in page
    assert '"User 0"' in shown(Store(lab), "/explorer", "?user=5")


@pytest.mark.parametrize("user", ["-1", "99", "abc", "1.5", "9" * 30, "'; DROP TABLE x; --", "½"])
def test_an_unknown_user_is_a_sentence(lab, user):
    page = shown(Store(lab), "/explorer", f"?user={user}")
    assert "No such user" in page
    assert '"name":"timeline"' not in page


def test_a_user_whom_models_cannot_serve_is_told_so(lab):
    page = shown(Store(lab), "/explorer", "?user=4")
    assert "This user has no event in the log" in page
    assert "popularity stands in" in sections(page, "list")["als"]
    assert "popularity stands in" not in sections(page, "list")["popularity"]
    assert "can have a hit" in page
    assert "new: nothing in training" in page


def test_timeline_has_a_row_for_each_kind_of_event_and_a_shade_for_the_hold_out(lab):
    drawn = figure(shown(Store(lab), "/explorer", "?user=0"), "timeline")
    assert [trace["name"] for trace in drawn["data"]] == [
        "View",
        "Click",
        "Purchase",
        "Editorial read",
    ]
    assert [len(trace["x"]) for trace in drawn["data"]] == [4, 1, 1, 1]
    assert len({trace["marker"]["symbol"] for trace in drawn["data"]}) == 4
    assert drawn["data"][2]["text"] == ["Thing 3, 2 × 5.50"]
    assert drawn["layout"]["shapes"][0]["x0"].startswith("2024-12-05")


def test_a_timeline_knows_events_that_the_lab_does_not():
    events = pd.DataFrame(
        {
            "occurred_at": [pd.Timestamp(CUT)],
            "item_type": ["product"],
            "event_type": ["wish_list"],
            "item_id": [3],
            "title": [None],
            "quantity": [float("nan")],
            "unit_price": [float("nan")],
        }
    )
    (trace,) = timeline_figure(events, pd.NaT, "dark").data
    assert (trace.name, trace.text[0]) == ("Wish list", "Product 3")


def test_hits_are_products_of_the_hold_out_only():
    events = pd.DataFrame(
        {
            "is_held_out": [True, True, False],
            "item_type": ["product", "editorial", "product"],
            "event_type": ["view", "read", "purchase"],
            "item_id": [3, 4, 5],
            "occurred_at": [pd.Timestamp(CUT)] * 3,
        }
    )
    assert hits_of(events) == {3: "view, 4 Dec 2024"}


def test_a_product_is_shown_with_months_similar_products_and_its_audience(lab):
    page = shown(Store(lab), "/explorer", "?show=product&product=1")
    assert '"Thing 1"' in page
    assert "The shop does not give its subcategory and price tier" in page
    months = figure(page, "months")
    assert [trace["name"] for trace in months["data"]] == ["View", "Lifecycle"]
    assert sum(months["data"][0]["y"]) == 2
    assert list(sections(page, "similar")) == ["als", "item_cf", "content_based", "hybrid"]
    rows = {row["label"]: row for row in rows_of_grid(page, "audience")}
    # Popularity gives it to everybody who has not had it.
    assert rows["Popularity"]["n_users"] == 3
    curve = {trace["name"]: trace["y"] for trace in figure(page, "audience")["data"]}
    assert sum(curve["Popularity"]) == 3
    assert len(curve["Popularity"]) == 10


def test_users_with_the_same_score_are_named_in_the_order_of_their_ids(write, results):
    lists = results["recommendations"]
    template = lists[0]
    results["recommendations"] = [
        {**template, "user_id": user, "score": score}
        for user, score in ((4, 1.0), (3, 2.0), (2, 1.0), (0, 1.0), (1, 1.0))
    ]
    asked = queries.product_audience(template["product_id"])
    (users,) = Store(write(results)).ask(asked).rows["users"]
    assert list(users) == [3, 0, 1, 2, 4]


def test_the_most_popular_product_is_shown_where_none_is_asked_for(lab):
    # Products 0 and 2 have most pairs; 2 has three.
    assert '"Thing 2"' in shown(Store(lab), "/explorer", "?show=product")


def test_products_are_found_by_id_by_the_shop_s_own_id_and_by_title(lab):
    store = Store(lab)
    assert '"Thing 3"' in shown(store, "/explorer", "?show=product&product=SKU3")
    page = shown(store, "/explorer", "?show=product&product=thing")
    assert '"Thing 0"' in page
    assert "Found as well" in page
    assert "Found as well" not in shown(store, "/explorer", "?show=product&product=3")


@pytest.mark.parametrize("product", ["-1", "99", "no such thing", "9" * 30, "' OR 1 = 1; --"])
def test_an_unknown_product_is_a_sentence(lab, product):
    page = shown(Store(lab), "/explorer", f"?show=product&product={product}")
    assert "No such product" in page


def test_a_product_that_nobody_met_says_so(lab):
    page = shown(Store(lab), "/explorer", "?show=product&product=7")
    assert "Nobody has met this product" in page


def test_a_log_without_most_columns_says_what_it_lacks(write, results):
    for product in results["products"]:
        product.update(
            dict.fromkeys(
                (
                    "source_id",
                    "brand",
                    "category",
                    "price",
                    "launched_at",
                    "peak_month",
                    "decay_per_month",
                    "base_popularity",
                )
            )
        )
    results["editorial"] = []
    for name in ("train_interactions", "interactions"):
        results[name] = [row for row in results[name] if row["item_type"] == "product"]
    store = Store(write(results))
    page = shown(store, "/explorer", "?show=product&product=1")
    assert (
        "The shop does not give its category, subcategory, brand, price tier and launch date"
        in page
    )
    assert "The log does not say what lifecycle the product has" in page
    assert [trace["name"] for trace in figure(page, "months")["data"]] == ["View"]
    assert "of one kind only: view" in shown(store, "/explorer", "?user=1")


def test_lifecycle_falls_from_its_peak_and_starts_with_the_launch():
    product = {"peak_month": 1.0, "decay_per_month": 0.5, "launched_at": pd.Timestamp("2024-02-01")}
    found = lifecycle_of(product, pd.Timestamp("2024-01-01"), pd.Timestamp("2024-04-01"))
    assert list(found.values()) == pytest.approx([0, 1, 0.6065, 0.3679], abs=1e-4)
    months = pd.DataFrame(
        {"month": [pd.Timestamp("2024-02-01")], "event_type": ["view"], "n_events": [10]}
    )
    line = months_figure(months, found, "light").data[-1]
    assert sum(line.y) == pytest.approx(10)


def test_random_users_are_of_the_segment_and_differ(lab):
    store = Store(lab)

    def users(segment):
        found = [store.ask(random_query("user", segment)).rows for _ in range(40)]
        return {int(rows["user_id"].iloc[0]) for rows in found}

    assert users("all") == set(range(N_USERS))
    assert users("history:new") == {3, 4}
    assert users("category:garden") == {0, 1, 2}
    assert users("activity:low") == {3, 4}
    assert store.ask(random_query("user", "category:none such")).rows.empty
    products = [store.ask(random_query("product", "all")).rows for _ in range(60)]
    assert {int(rows["product_id"].iloc[0]) for rows in products} == set(range(N_PRODUCTS))


def test_segments_of_a_user(lab):
    store = Store(lab)
    for segmentation, expected in (("history", "new"), ("category", "unknown"), ("other", "all")):
        rows = store.ask(queries.user_segment(3, segmentation)).rows
        assert rows["segment"].tolist() == [expected]


def test_a_shop_without_users_and_products_is_no_fault(write, results):
    store = Store(write({name: [] for name in results}))
    assert "The lab has no users yet" in shown(store, "/explorer")
    assert "The lab has no products yet" in shown(store, "/explorer", "?show=product")


def test_a_longer_list_begins_with_the_shorter_one(lab):
    store = Store(lab)
    for subject, kind in (("user=1", "list"), ("show=product&product=1", "similar")):
        short, long = (
            {
                section["id"]["model"]: next(components(section, "RankedList"))["items"]
                for section in components(
                    json.loads(shown(store, "/explorer", f"?{subject}&k={k}")), "Section"
                )
                if section["id"]["type"] == kind
            }
            for k in (5, 20)
        )
        assert list(short) == list(long)
        for model, items in short.items():
            assert 0 < len(items) <= 5
            assert long[model][: len(items)] == items
            assert all(item["href"].startswith("/explorer?show=product") for item in items)

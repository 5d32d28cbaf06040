"""Features against a plain pandas reading of their definition."""

from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from recolab_assets.config import SplitConfig
from recolab_assets.evaluation import splits
from recolab_assets.features import item_features, user_features
from recolab_assets.sql import Select
from recolab_assets.storage import Database, StoredTable
from recolab_assets.storage.writer import write_table
from recolab_assets.tables import TABLES

START = datetime(2024, 1, 1)
N_USERS, N_PRODUCTS, N_EDITORIAL = 12, 15, 6
HALF_LIFE = 10.0
TIERS = ["budget", "mid", "premium", "luxury"]
EVENTS = ["view", "click", "add_to_cart", "purchase"]


def filled(name: str, frame: pd.DataFrame) -> pd.DataFrame:
    """Return rows of a table of the registry, the columns not given absent."""
    return frame.reindex(columns=TABLES[name].column_names)


def pick(rng: np.random.Generator, names: list[str], n: int) -> pd.Series:
    """Draw names, or none."""
    return pd.Series([[*names, None][i] for i in rng.integers(len(names) + 1, size=n)], dtype="str")


def catalogue(rng: np.random.Generator) -> pd.DataFrame:
    """Products, some of which lack category, subcategory, tier or launch."""
    return pd.DataFrame(
        {
            "product_id": np.arange(N_PRODUCTS),
            "category": pick(rng, ["toys", "books", "pets"], N_PRODUCTS),
            "subcategory": pick(rng, ["small", "large"], N_PRODUCTS),
            "price_tier": pick(rng, TIERS, N_PRODUCTS),
            "launched_at": [
                None if i % 3 == 0 else START + timedelta(days=int(rng.integers(-50, 150)))
                for i in range(N_PRODUCTS)
            ],
        }
    )


def random_log(rng: np.random.Generator, n_events: int = 400) -> pd.DataFrame:
    is_product = rng.random(n_events) < 0.8
    kinds = rng.choice(EVENTS, n_events, p=[0.4, 0.3, 0.15, 0.15])
    is_purchase = is_product & (kinds == "purchase")
    log = pd.DataFrame(
        {
            # The last users and products have no events.
            "user_id": rng.integers(N_USERS - 2, size=n_events),
            "item_id": np.where(
                is_product,
                rng.integers(N_PRODUCTS - 2, size=n_events),
                rng.integers(N_EDITORIAL, size=n_events),
            ),
            "item_type": np.where(is_product, "product", "editorial"),
            "event_type": np.where(is_product, kinds, rng.choice(["click", "read"], n_events)),
            "session_id": rng.integers(5, size=n_events),
            "occurred_at": START
            + pd.to_timedelta(rng.integers(100 * 86_400, size=n_events), unit="s"),
            "quantity": np.where(is_purchase, rng.integers(1, 4, n_events), np.nan),
            "unit_price": np.where(is_purchase, rng.random(n_events).round(2), np.nan),
        }
    )
    only_reads = log["user_id"] == 0
    log.loc[only_reads, "item_type"] = "editorial"
    log.loc[only_reads, "item_id"] = 1
    log.loc[only_reads, "event_type"] = "read"
    log = log.sort_values(["user_id", "occurred_at"], ignore_index=True)
    log.insert(0, "interaction_id", np.arange(n_events))
    return log


class Shop:
    """A small shop in a file."""

    def __init__(self, path: Path, products: pd.DataFrame, log: pd.DataFrame) -> None:
        self.database = Database(path / "lab.duckdb", 5)
        self.products, self.log = products, log
        self.editorial = pd.DataFrame(
            {
                "content_id": range(N_EDITORIAL),
                "category": [*["toys", "books"] * (N_EDITORIAL // 2 - 1), "books", None],
            }
        )
        users = pd.DataFrame({"user_id": np.arange(N_USERS)[::-1]})
        editorial = self.editorial.assign(
            title="title",
            content_type="post",
            topic_tags=pd.Series([["trending"] for _ in range(N_EDITORIAL)]),
            published_at=START,
            base_popularity=1.0,
        )
        self.write("users", filled("users", users))
        self.write("products", filled("products", products))
        self.write("editorial", filled("editorial", editorial))
        self.write("train_interactions", log)

    def write(self, name: str, contents: pd.DataFrame | Select) -> None:
        with self.database.write() as connection:
            write_table(connection, TABLES[name].schema, name, contents)

    def features(self) -> tuple[list[dict[str, Any]], list[dict[str, Any]]]:
        self.write("user_features", user_features())
        self.write("item_features", item_features(HALF_LIFE))
        users = StoredTable(self.database, "processed", "user_features").select().to_pylist()
        items = StoredTable(self.database, "processed", "item_features").select().to_pylist()
        return users, items

    @property
    def end(self) -> pd.Timestamp:
        return self.log["occurred_at"].max().normalize() + pd.Timedelta(days=1)


@pytest.fixture(params=range(3))
def shop(request: pytest.FixtureRequest, tmp_path: Path) -> Shop:
    rng = np.random.default_rng(request.param)
    return Shop(tmp_path, catalogue(rng), random_log(rng))


def ratio(above: float, below: float) -> float | None:
    return above / below if below else None


def days(later: pd.Timestamp, earlier: pd.Timestamp) -> float:
    return (later - earlier) / pd.Timedelta(days=1)


def top(values: pd.Series) -> tuple[str | None, float | None, int]:
    """Return the commonest value (the first by name of several), its share and its count."""
    counts = values.dropna().value_counts()
    if counts.empty:
        return None, None, 0
    name = min(counts[counts == counts.max()].index)
    return name, counts[name] / counts.sum(), int(counts[name])


def funnel(events: pd.DataFrame) -> dict[str, Any]:
    views, clicks, carts, purchases = (int((events["event_type"] == kind).sum()) for kind in EVENTS)
    return {
        "n_views": views,
        "n_clicks": clicks,
        "n_carts": carts,
        "n_purchases": purchases,
        "click_rate": ratio(clicks, views),
        "cart_rate": ratio(carts, clicks),
        "purchase_rate": ratio(purchases, carts),
    }


def paid(events: pd.DataFrame) -> float:
    bought = events[events["event_type"] == "purchase"]
    return float((bought["quantity"] * bought["unit_price"]).sum())


def expected_user(shop: Shop, user: int) -> dict[str, Any]:
    events = shop.log[shop.log["user_id"] == user]
    shopping = events[events["item_type"] == "product"].merge(
        shop.products, left_on="item_id", right_on="product_id"
    )
    reading = events[events["item_type"] == "editorial"].merge(
        shop.editorial, left_on="item_id", right_on="content_id"
    )
    category, category_share, _ = top(shopping["category"])
    # Subcategories of one name in two categories are two.
    own = shopping.dropna(subset="subcategory").fillna({"category": "~"})
    named = own["subcategory"] + "/" + own["category"]
    subcategory, subcategory_share, _ = top(named)
    tiers = shopping["price_tier"].dropna()
    n_sessions = events["session_id"].nunique()
    return {
        "user_id": user,
        "n_events": len(events),
        **funnel(shopping),
        "n_sessions": n_sessions,
        "n_products": shopping["product_id"].nunique(),
        "events_per_session": ratio(len(events), n_sessions),
        "recency_days": days(shop.end, events["occurred_at"].max()) if len(events) else None,
        "tenure_days": days(shop.end, events["occurred_at"].min()) if len(events) else None,
        "top_category": category,
        "top_category_share": category_share,
        "top_subcategory": subcategory and subcategory.partition("/")[0],
        "top_subcategory_share": subcategory_share,
        "spend": paid(shopping),
        **{f"share_{tier}": ratio((tiers == tier).sum(), len(tiers)) for tier in TIERS},
        "n_editorial_reads": len(reading),
        "top_editorial_category": top(reading["category"])[0],
        "editorial_reads_top_category": int((reading["category"] == category).sum()),
    }


def expected_item(shop: Shop, product: int) -> dict[str, Any]:
    log = shop.log
    events = log[(log["item_type"] == "product") & (log["item_id"] == product)]
    age = (shop.end - events["occurred_at"]).dt.total_seconds() / 86_400
    launch = shop.products["launched_at"][product]
    there_since = events["occurred_at"].min() if pd.isna(launch) else launch
    is_there = not pd.isna(there_since) and there_since < shop.end
    return {
        "product_id": product,
        "n_events": len(events),
        **funnel(events),
        "n_users": events["user_id"].nunique(),
        "n_buyers": events.loc[events["event_type"] == "purchase", "user_id"].nunique(),
        "revenue": paid(events),
        "recency_days": age.min() if len(events) else None,
        "age_days": days(shop.end, there_since) if is_there else None,
        "recent_popularity": float((0.5 ** (age / HALF_LIFE)).sum()),
        "trend": ratio((age <= 28).sum(), ((age > 28) & (age <= 56)).sum()),
    }


def assert_same(found: list[dict[str, Any]], expected: list[dict[str, Any]]) -> None:
    assert len(found) == len(expected)
    for row, wanted in zip(found, expected, strict=True):
        assert set(row) == set(wanted)
        for name, value in row.items():
            expectation = wanted[name]
            if isinstance(expectation, float):
                expectation = pytest.approx(expectation, rel=1e-9, abs=1e-9)
            assert value == expectation, (row, name)


def test_users_agree_with_pandas(shop: Shop) -> None:
    users, _ = shop.features()
    assert_same(users, [expected_user(shop, user) for user in range(N_USERS)])


def test_products_agree_with_pandas(shop: Shop) -> None:
    _, items = shop.features()
    assert_same(items, [expected_item(shop, product) for product in range(N_PRODUCTS)])


def test_ties_go_to_the_first_name(tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    products = catalogue(rng)
    products.loc[:3, "category"] = ["toys", "books", "toys", "books"]
    products.loc[:3, "subcategory"] = ["small", "large", "small", "large"]
    log = random_log(rng, 4).assign(
        user_id=3, item_id=range(4), item_type="product", event_type="view"
    )
    users, _ = Shop(tmp_path, products, log).features()
    assert users[3]["top_category"] == "books"
    assert users[3]["top_subcategory"] == "large"
    assert users[3]["top_category_share"] == 0.5


def test_an_empty_log_leaves_every_user_and_product_a_row(tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    shop = Shop(tmp_path, catalogue(rng), random_log(rng, 0))
    users, items = shop.features()
    assert [row["user_id"] for row in users] == list(range(N_USERS))
    assert [row["product_id"] for row in items] == list(range(N_PRODUCTS))
    counts = {"user_id", "product_id", "spend", "revenue", "recent_popularity"}
    for row in (*users, *items):
        for name, value in row.items():
            is_count = name.startswith("n_") or name == "editorial_reads_top_category"
            if is_count or name in counts - {"user_id", "product_id"}:
                assert value == 0, name
            elif name not in counts:
                assert value is None, name


def test_a_log_without_attributes_has_features_all_the_same(tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    bare = pd.DataFrame({"product_id": range(N_PRODUCTS), "category": [None] * N_PRODUCTS})
    users, _ = Shop(tmp_path, bare, random_log(rng)).features()
    assert users[1]["n_products"] > 0
    for name in ("top_category", "top_category_share", "top_subcategory", "share_mid"):
        assert users[1][name] is None


def test_only_reading(shop: Shop) -> None:
    users, _ = shop.features()
    assert users[0]["n_events"] == users[0]["n_editorial_reads"] > 0
    assert users[0]["top_editorial_category"] == "books"
    assert users[0]["top_category"] is None
    assert users[0]["editorial_reads_top_category"] == 0


@pytest.mark.parametrize("method", ["global_time", "per_user_latest"])
def test_nothing_from_the_hold_out_on_reaches_features(shop: Shop, method: str) -> None:
    split = SplitConfig.model_validate({"method": method, "test_share": 0.3, "test_days": 20})
    shop.write("interactions", shop.log)
    shop.write("train_interactions", splits.train_interactions(split))
    shop.write("test_interactions", splits.test_interactions(split))
    before = shop.features()
    test = StoredTable(shop.database, "processed", "test_interactions").select().to_pandas()

    changed = shop.log.copy()
    hidden = changed["interaction_id"].isin(test["interaction_id"]).to_numpy()
    assert hidden.sum() > 20
    changed.loc[hidden, "item_id"] = N_PRODUCTS - 1 - changed.loc[hidden, "item_id"]
    # Visits stay visits: under per_user_latest they decide where a user's cut may lie.
    changed.loc[hidden, "session_id"] += 100
    changed.loc[hidden, "event_type"] = "view"
    changed.loc[hidden, ["quantity", "unit_price"]] = np.nan
    if method == "global_time":
        # What is kept of the hold-out holds the end of the log where it is.
        dropped = test.sort_values("occurred_at")["interaction_id"].iloc[:-5:2]
        changed = changed[~changed["interaction_id"].isin(dropped)]
        changed.loc[changed["interaction_id"].isin(test["interaction_id"]), "user_id"] = 3
    shop.write("interactions", changed)
    shop.write("train_interactions", splits.train_interactions(split))
    assert shop.features() == before


def test_the_same_rows_on_any_number_of_threads(shop: Shop) -> None:
    for query in (user_features(), item_features(7.0)):
        found = []
        for threads in (1, 2):
            with shop.database.read() as connection:
                connection.execute(f"SET threads = {threads}")
                found.append(connection.execute(*query).fetchall())
        assert found[0] == found[1]

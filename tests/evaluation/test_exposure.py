"""What lists expose, counted again in plain Python."""

from itertools import product
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from recolab_assets.evaluation.exposure import (
    exposure_lorenz,
    lorenz_curve,
    product_exposure,
    recommendation_profile,
)
from recolab_assets.evaluation.list_metrics import gini
from recolab_assets.storage import Database
from recolab_assets.storage.stored_table import run
from recolab_assets.storage.writer import write_table
from recolab_assets.tables import TABLES

MODELS = ["als", "popularity"]


@pytest.fixture(params=[(23, 0), (7, 1), (1, 2)], ids=lambda param: f"{param[0]} products")
def shop(request, tmp_path: Path):
    """Lists of a few users, a catalogue with ties in popularity, and the SELECTs' answers."""
    n_products, seed = request.param
    rng = np.random.default_rng(seed)
    length = min(5, n_products)
    lists = [
        (model, user, rank + 1, int(item))
        for model, user in product(MODELS, range(9))
        for rank, item in enumerate(rng.permutation(n_products)[:length])
    ]
    recommendations = pd.DataFrame(lists, columns=["model", "user_id", "rank", "product_id"])
    recommendations = recommendations.assign(score=0.0, is_fallback=False)
    products = pd.DataFrame({"product_id": range(n_products)}).assign(
        category=[None if i % 5 == 4 else "abc"[i % 3] for i in range(n_products)]
    )
    items = pd.DataFrame(
        {
            "product_id": range(n_products),
            "n_events": rng.integers(0, 4, n_products),
            "n_purchases": 0 if n_products == 7 else rng.integers(1, 3, n_products),
        }
    )
    zeros = [c.name for c in TABLES["item_features"].columns if not c.nullable]
    items = items.reindex(columns=TABLES["item_features"].column_names)
    items[zeros] = items[zeros].fillna(0)
    database = Database(tmp_path / "shop.duckdb", 5)
    with database.write() as connection:
        for name, rows in (
            ("recommendations", recommendations),
            ("products", products.reindex(columns=TABLES["products"].column_names)),
            ("item_features", items),
            ("product_exposure", product_exposure([5, 2])),
        ):
            write_table(connection, TABLES[name].schema, name, rows)
    with database.read() as connection:
        exposure = run(connection, "FROM reports.product_exposure")
        profile = run(connection, *recommendation_profile())
    return recommendations, products, items, exposure, profile


def test_products_are_counted_by_list(shop):
    recommendations, _, _, exposure, _ = shop
    expected = [
        (model, k, item, len(part))
        for model in MODELS
        for k in (2, 5)
        for item, part in recommendations[
            (recommendations["model"] == model) & (recommendations["rank"] <= k)
        ].groupby("product_id")
    ]
    assert [tuple(row.values()) for row in exposure.to_pylist()] == expected


def test_profile_has_the_share_of_every_bucket(shop):
    recommendations, products, items, _, profile = shop
    n = len(products)
    order = sorted(range(n), key=lambda i: (-items["n_events"][i], i))
    decile = {item: 10 * place // n + 1 for place, item in enumerate(order)}
    buckets = {
        "popularity": {i: str(decile[i]) for i in range(n)},
        "tail": {i: "top fifth" if order.index(i) < n / 5 else "long tail" for i in range(n)},
        "category": {i: ("abc"[i % 3] if i % 5 < 4 else "unknown") for i in range(n)},
    }
    weights: dict[tuple[str, int | None], dict[int, int]] = {
        ("catalogue", None): dict.fromkeys(range(n), 1),
        ("interactions", None): items["n_events"].to_dict(),
        ("purchases", None): items["n_purchases"].to_dict(),
    }
    for model, k in product(MODELS, (2, 5)):
        mine = recommendations[(recommendations["model"] == model) & (recommendations["rank"] <= k)]
        weights[model, k] = mine["product_id"].value_counts().to_dict()
    expected = {}
    for (source, k), weight in weights.items():
        total = sum(weight.values())
        for dimension, of_product in buckets.items():
            for bucket in set(of_product.values()) if total else ():
                count = sum(w for i, w in weight.items() if of_product[i] == bucket)
                expected[source, k, dimension, bucket] = (count, pytest.approx(count / total))
    rows = profile.to_pylist()
    found = {(r["source"], r["k"], r["dimension"], r["bucket"]): (r["n"], r["share"]) for r in rows}
    assert len(found) == len(rows)
    assert found == expected
    positions = {(r["dimension"], r["bucket"]): r["position"] for r in rows}
    tenths = sorted(int(b) for dimension, b in positions if dimension == "popularity")
    assert [positions["popularity", str(tenth)] for tenth in tenths] == tenths


@given(st.lists(st.integers(0, 40), min_size=1, max_size=400), st.sampled_from([10, 100]))
def test_the_area_below_the_curve_gives_gini(counts, steps):
    products, exposure = lorenz_curve(np.array(counts), steps)
    if not sum(counts):
        assert products.size == exposure.size == 0
        return
    assert products[[0, -1]].tolist() == exposure[[0, -1]].tolist() == [0, 1]
    assert np.all(np.diff(products) > 0)
    assert np.all(exposure <= products + 1e-12)
    area = np.trapezoid(exposure, products)
    assert 1 - 2 * area == pytest.approx(gini(np.array(counts)), abs=1 / steps)
    ascending = np.sort(counts)
    for share, held in zip(products, exposure, strict=True):
        lowest = round(share * len(counts))
        assert held == pytest.approx(ascending[:lowest].sum() / sum(counts))


def test_a_curve_of_few_products_is_the_exact_one():
    counts = np.array([4, 0, 2, 2])
    products, exposure = lorenz_curve(counts)
    assert 1 - 2 * np.trapezoid(exposure, products) == pytest.approx(gini(counts))


def test_what_one_product_in_ten_thousand_holds_is_not_missed():
    counts = np.zeros(10_000, np.int64)
    counts[[17, 4]] = [1, 3]
    products, exposure = lorenz_curve(counts)
    assert list(zip(products, exposure, strict=True)) == [
        (0, 0),
        (0.9998, 0),
        (0.9999, 0.25),
        (1, 1),
    ]


def test_curves_of_models_and_of_users(shop):
    _, _, items, exposure, _ = shop
    table = exposure_lorenz(exposure, pa.Table.from_pandas(items, preserve_index=False))
    assert table.schema == TABLES["exposure_lorenz"].arrow_schema
    frame = table.to_pandas()
    counts = exposure.to_pandas()
    for model, k in product(MODELS, (2, 5)):
        mine = frame[(frame["source"] == model) & (frame["k"] == k)]
        held = np.zeros(len(items), np.int64)
        part = counts[(counts["model"] == model) & (counts["k"] == k)]
        held[part["product_id"]] = part["n_lists"]
        area = np.trapezoid(mine["exposure_share"], mine["product_share"])
        assert 1 - 2 * area == pytest.approx(gini(held), abs=0.01)
    sources = set(frame.loc[frame["k"].isna(), "source"])
    columns = {"interactions": "n_events", "purchases": "n_purchases"}
    assert sources == {name for name, column in columns.items() if items[column].sum()}

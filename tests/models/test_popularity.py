"""Recency-weighted counts, in SQL, against the formula in plain Python."""

from collections import defaultdict
from datetime import datetime, timedelta

import duckdb
import numpy as np
import pyarrow as pa
import pytest

from recolab_assets.config import EventWeights, ModelConfig
from recolab_assets.models.popularity import Popularity, popularity_scores
from recolab_assets.tables import TABLES

END = datetime(2024, 6, 1, 12)


def run(events, n_products, config):
    """Run the query over (product, item type, event type, age in days) rows."""
    con = duckdb.connect()
    rows = pa.table(
        {
            "item_id": pa.array([event[0] for event in events], pa.int32()),
            "item_type": pa.array([event[1] for event in events], pa.string()),
            "event_type": pa.array([event[2] for event in events], pa.string()),
            "occurred_at": pa.array(
                [END - timedelta(days=event[3]) for event in events], pa.timestamp("us")
            ),
        }
    )
    con.register("rows", rows)
    con.execute("CREATE SCHEMA raw; CREATE SCHEMA processed")
    con.execute("CREATE TABLE processed.train_interactions AS SELECT * FROM rows")
    con.execute(
        "CREATE TABLE raw.products AS SELECT unnest(range(?))::INTEGER AS product_id", [n_products]
    )
    query = popularity_scores(config)
    table = con.sql(query.sql, params=query.params).to_arrow_table()
    schema = TABLES["popularity"].arrow_schema
    assert table.schema.names == schema.names
    assert table.schema.types == schema.types
    return table.cast(schema)


def random_events(n=4_000, n_products=50):
    generator = np.random.default_rng(8)
    types = ["view", "click", "add_to_cart", "purchase"]
    products = generator.integers(0, n_products, n)
    kinds = generator.choice(types, n)
    ages = generator.exponential(60, n)
    ages[0] = 0
    return [
        (int(p), "product", str(k), float(a)) for p, k, a in zip(products, kinds, ages, strict=True)
    ]


def test_every_event_adds_its_weight_halved_with_each_half_life():
    config = ModelConfig(popularity_half_life_days=20.0)
    events = random_events()
    weights = config.event_weights.model_dump()
    expected = defaultdict(float)
    for product, _, kind, age in events:
        expected[product] += weights[kind] * 0.5 ** (age / 20)
    table = run(events, 52, config)
    scores = dict(zip(table["product_id"].to_pylist(), table["score"].to_pylist(), strict=True))
    assert len(scores) == 52
    assert scores.pop(50) == scores.pop(51) == 0
    for product, score in scores.items():
        assert score == pytest.approx(expected[product], rel=1e-9)


def test_ranks_follow_the_score_and_then_the_id():
    events = [(3, "product", "view", 0), (1, "product", "view", 0), (4, "product", "click", 0)]
    table = run(events, 6, ModelConfig())
    assert table["product_id"].to_pylist() == [4, 1, 3, 0, 2, 5]
    assert table["popularity_rank"].to_pylist() == [1, 2, 3, 4, 5, 6]
    assert table["score"].to_pylist() == [2, 1, 1, 0, 0, 0]


def test_age_counts_from_the_latest_product_event():
    later = [(0, "product", "view", 30), (1, "product", "view", 60)]
    editorial = (0, "editorial", "click", 0)
    scores = run([*later, editorial], 2, ModelConfig(popularity_half_life_days=30.0))["score"]
    assert scores.to_pylist() == [1.0, 0.5]


def test_weights_of_zero_and_no_events_at_all_score_nothing():
    weights = EventWeights(view=0.0, click=0.0, add_to_cart=0.0, purchase=1.0)
    table = run([(1, "product", "view", 0)], 2, ModelConfig(event_weights=weights))
    assert table["score"].to_pylist() == [0, 0]
    assert run([], 2, ModelConfig())["score"].to_pylist() == [0, 0]


def test_same_table_on_every_run():
    events = random_events(20_000)
    assert run(events, 50, ModelConfig()) == run(events[::-1], 50, ModelConfig())


def test_the_model_s_table_is_the_query_s(make_data):
    table = run(random_events(), 52, ModelConfig())
    scores = np.empty(52)
    scores[table["product_id"].to_numpy()] = table["score"].to_numpy()
    model = Popularity.fit(make_data([], 2, 52, popularity=scores), ModelConfig(), 1)
    assert model.to_tables()["popularity"] == table


def test_a_product_that_nobody_met_is_said_to_fill_up(make_data):
    model = Popularity.fit(make_data([(0, 0, 1.0)], 2, 3), ModelConfig(), 1)
    assert model.explain(1, 0) == ("Popular with all customers lately: rank 1 of 3 (score 1.0).")
    assert model.explain(1, 2) == "«Thing 2» fills up the list; nobody has met it in training."

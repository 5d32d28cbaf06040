"""Queries: each runs on a lab as the graph writes it, and returns what the pages rely on."""

import pytest

from dashboard import queries
from dashboard.store import Query, Store
from recolab_assets.tables import TABLES

ALL = [value for value in vars(queries).values() if isinstance(value, Query)] + [
    queries.metrics_at(10),
    queries.comparisons_at("ndcg", 20),
]


@pytest.mark.parametrize("query", ALL, ids=lambda query: query.tables[0])
def test_every_query_finds_rows_and_names_registered_tables(lab, query):
    assert {table.split(".")[1] for table in query.tables} <= set(TABLES)
    assert not Store(lab).ask(query).rows.empty


def test_list_lengths_ascend(lab):
    assert list(Store(lab).ask(queries.LIST_LENGTHS).rows["k"]) == [10, 20]


def test_metrics_are_those_of_one_list_length(lab):
    rows = Store(lab).ask(queries.metrics_at(20)).rows
    ndcg = rows[rows["metric"] == "ndcg"].set_index("model")["value"]
    assert ndcg.to_dict() == {"popularity": 0.12, "als": 0.16, "hybrid": 0.21}


def test_comparisons_are_those_of_one_metric(lab):
    store = Store(lab)
    assert len(store.ask(queries.comparisons_at("ndcg", 10)).rows) == 3
    assert store.ask(queries.comparisons_at("map", 10)).rows.empty

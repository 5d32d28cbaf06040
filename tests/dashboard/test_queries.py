"""Queries: each runs on a lab as the graph writes it, and returns what the pages rely on."""

import pytest

from dashboard import queries
from dashboard.store import Query, Store
from recolab_assets.tables import registered

ALL = [value for value in vars(queries).values() if isinstance(value, Query)]


@pytest.mark.parametrize("query", ALL, ids=lambda query: query.tables[0])
def test_every_query_finds_rows_and_names_registered_tables(lab, query):
    for table in query.tables:
        assert registered(table.split(".")[1]).qualified_name == table
    assert not Store(lab).ask(query).rows.empty


def test_arms_are_named_as_models_are(lab):
    rows = Store(lab).ask(queries.AB_REPORT).rows.set_index("model")
    assert rows["clicks"].to_dict() == {"popularity": 100, "als": 120, "hybrid": 160}


def test_all_list_lengths_are_read_at_once(lab):
    rows = Store(lab).ask(queries.OFFLINE_METRICS).rows
    ndcg = rows[rows["metric"] == "ndcg"].set_index(["model", "k"])["value"].to_dict()
    assert ndcg["hybrid", 10] == 0.18
    assert ndcg["hybrid", 20] == 0.21

"""How often each product comes up, counted by hand."""

import duckdb
import pytest

from recolab_assets.evaluation.exposure import product_exposure


@pytest.fixture
def counted():
    with duckdb.connect() as connection:
        connection.execute("""
            CREATE SCHEMA raw; CREATE SCHEMA processed; CREATE SCHEMA recommendations;
            CREATE TABLE raw.products AS SELECT unnest([0, 1, 2]) AS product_id;
            CREATE TABLE processed.train_interactions AS SELECT * FROM (VALUES
                (0, 'product', 'view'), (0, 'product', 'purchase'), (1, 'product', 'view'),
                (1, 'editorial', 'read')) t(item_id, item_type, event_type);
            CREATE TABLE recommendations.recommendations AS SELECT * FROM (VALUES
                ('als', 7, 0), ('als', 8, 0), ('als', 8, 2)) t(model, user_id, product_id);
        """)
        yield connection.execute(product_exposure().sql).fetchall()


def test_every_product_stands_there_for_every_source(counted) -> None:
    assert counted == [
        ("als", 0, 2),
        ("als", 1, 0),
        ("als", 2, 1),
        ("interactions", 0, 2),
        ("interactions", 1, 1),
        ("interactions", 2, 0),
        ("purchases", 0, 1),
        ("purchases", 1, 0),
        ("purchases", 2, 0),
    ]

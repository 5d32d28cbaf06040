"""Reading tables in part."""

import pyarrow as pa
import pytest

from recolab_assets.sql import Select
from recolab_assets.storage import Database, DatabaseError, StoredTable, TableMissingError
from recolab_assets.storage.writer import write_table
from recolab_assets.tables import TABLES


@pytest.fixture
def popularity(database: Database) -> StoredTable:
    rows = pa.table(
        [[4, 2, 3, 1], [0.4, 0.3, 0.2, 0.1], [1, 2, 3, 4]],
        schema=TABLES["popularity"].arrow_schema,
    )
    with database.write() as connection:
        write_table(connection, "models", "popularity", rows)
    return StoredTable(database, "models", "popularity")


def test_all_of_it_in_the_order_written(popularity: StoredTable) -> None:
    assert popularity.qualified_name == "models.popularity"
    assert popularity.count() == 4
    assert popularity.select()["product_id"].to_pylist() == [4, 2, 3, 1]


def test_columns_rows_and_order_as_asked_for(popularity: StoredTable) -> None:
    rows = popularity.select(
        ["popularity_rank", "product_id"], "score > ?", [0.15], order_by="product_id"
    )
    assert rows.to_pydict() == {"popularity_rank": [2, 3, 1], "product_id": [2, 3, 4]}
    assert rows.schema.field("product_id").type == pa.int32()
    by_name = popularity.select(["product_id"], "score > $least", {"least": 0.15})
    assert by_name["product_id"].to_pylist() == [4, 2, 3]


def test_any_select_over_the_file(popularity: StoredTable) -> None:
    rows = popularity.query(
        f"SELECT count(*) AS n FROM {popularity.qualified_name} WHERE score > ?", [0.15]
    )
    assert rows.to_pydict() == {"n": [3]}


def test_selects_that_share_an_intermediate_table(popularity: StoredTable) -> None:
    given = {"few": Select("SELECT * FROM models.popularity LIMIT $n", {"n": 1})}
    counted, everything = popularity.query_all(
        [Select("SELECT count(*) AS n FROM few"), Select("SELECT * FROM models.popularity")], given
    )
    assert counted.to_pylist() == [{"n": 1}]
    assert everything.num_rows == popularity.count() > 1
    with pytest.raises(DatabaseError, match="nowhere"):
        popularity.query_all([], {"few": Select("SELECT * FROM nowhere")})
    with pytest.raises(DatabaseError, match="few"):
        popularity.query("SELECT * FROM few")  # gone with its connection


def test_the_file_is_free_between_calls(popularity: StoredTable) -> None:
    popularity.select()
    with popularity.database.write() as connection:
        connection.execute("DELETE FROM models.popularity")
    assert popularity.count() == 0


def test_an_unknown_column_is_reported(popularity: StoredTable) -> None:
    with pytest.raises(DatabaseError, match="colour"):
        popularity.select(["colour"])


@pytest.mark.parametrize(
    ("schema", "name", "asset"),
    [("models", "als_item_factors", "als"), ("raw", "users", "users")],
)
def test_the_asset_of_a_missing_table_is_named(
    popularity: StoredTable, schema: str, name: str, asset: str
) -> None:
    missing = StoredTable(popularity.database, schema, name)
    expected = f"{schema}.{name} has not been written yet: materialise the asset {asset} first."
    with pytest.raises(TableMissingError) as caught:
        missing.select()
    assert str(caught.value) == expected
    with pytest.raises(TableMissingError):
        missing.count()

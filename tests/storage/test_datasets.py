"""Tables that are Parquet files beside the database."""

from pathlib import Path
from typing import Any

import dagster as dg
import duckdb
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from recolab_assets.sql import Measured, Select
from recolab_assets.storage import (
    Database,
    DatabaseError,
    ParquetDataset,
    StoredTable,
    TableError,
    build_io_manager,
)
from recolab_assets.storage.datasets import new_dataset
from recolab_assets.tables import TABLES

SCHEMA = TABLES["popularity"].arrow_schema
ROWS = pa.table(
    {"product_id": [4, 2, 3], "score": [0.5, 0.25, 0.1], "popularity_rank": [1, 2, 3]}, SCHEMA
)


def written(database: Database, *parts: pa.Table, name: str = "popularity") -> ParquetDataset:
    """Write a dataset, a file for each part."""
    dataset = new_dataset(database, "models", name)
    dataset.folder.mkdir(parents=True)
    for number, part in enumerate(parts):
        pq.write_table(part, dataset.folder / f"part-{number:05}.parquet")
    return dataset


def store(database: Database, contents: Any, name: str = "popularity") -> dg.MaterializeResult[Any]:
    @dg.asset(name=name, metadata={"schema": "models"})
    def made() -> dg.Output[Any]:
        return dg.Output(contents)

    return dg.materialize([made], resources={"io_manager": build_io_manager(database)})


def folders(database: Database) -> list[Path]:
    return sorted(database.path.parent.glob("*.tables/*/*"))


def stored(database: Database, name: str = "popularity") -> pa.Table:
    return StoredTable(database, "models", name).select()


def test_files_are_read_in_the_order_of_their_names(database: Database) -> None:
    dataset = written(database, ROWS.slice(2), ROWS.slice(0, 2))
    result = store(database, dataset)
    assert stored(database).equals(pa.concat_tables([ROWS.slice(2), ROWS.slice(0, 2)]))
    [materialization] = result.asset_materializations_for_node("popularity")
    assert materialization.metadata["dagster/row_count"].value == 3
    assert StoredTable(database, "models", "popularity").count() == 3


def test_columns_go_by_name(database: Database) -> None:
    store(database, written(database, ROWS.select(["score", "popularity_rank", "product_id"])))
    assert stored(database).equals(ROWS)


def test_the_former_files_are_removed_once_the_new_ones_are_in_place(database: Database) -> None:
    store(database, written(database, ROWS))
    second = written(database, ROWS.slice(0, 1))
    store(database, second)
    assert folders(database) == [second.folder]
    assert stored(database).num_rows == 1


def test_a_table_may_follow_a_dataset_and_a_dataset_a_table(database: Database) -> None:
    store(database, ROWS.slice(0, 1))
    store(database, written(database, ROWS))
    assert stored(database).num_rows == 3
    store(database, ROWS.slice(0, 2))
    assert stored(database).num_rows == 2
    assert folders(database) == []
    assert not list(database.path.parent.glob("*.tables/*"))


@pytest.mark.parametrize(
    ("bad", "message"),
    [
        (ROWS.drop_columns("score"), "score missing"),
        (ROWS.append_column("extra", [[1, 2, 3]]), "extra unknown"),
        (ROWS.set_column(1, "score", [["a", "b", "c"]]), "score: the values are VARCHAR"),
        (ROWS.set_column(1, "score", [[0.5, None, 0.1]]), "score: a value is NULL"),
    ],
)
def test_what_breaks_the_contract_leaves_the_former_table(
    database: Database, bad: pa.Table, message: str
) -> None:
    first = written(database, ROWS)
    store(database, first)
    with pytest.raises(TableError, match=message):
        store(database, written(database, bad))
    assert stored(database).equals(ROWS)
    assert folders(database) == [first.folder]


def test_a_folder_without_files_is_refused(database: Database) -> None:
    with pytest.raises(DatabaseError, match="its files cannot be read"):
        store(database, written(database))


def test_measures_read_the_files(database: Database) -> None:
    measures = Select("SELECT sum(score) AS total FROM models.popularity")
    result = store(database, Measured(written(database, ROWS), measures))
    [materialization] = result.asset_materializations_for_node("popularity")
    assert materialization.metadata["total"].value == pytest.approx(0.85)


def test_what_the_registry_does_not_know_is_stored_as_it_is(database: Database) -> None:
    dataset = written(database, pa.table({"anything": ["a"]}), name="other")
    store(database, dataset, "other")
    assert stored(database, "other").to_pydict() == {"anything": ["a"]}


def test_several_tables_of_a_model_are_replaced_together(database: Database) -> None:
    factors = pa.table(
        {"user_id": [0], "factors": [[0.5, 1.0]]}, TABLES["als_user_factors"].arrow_schema
    )
    settings = {"factors": [2], "iterations": [20], "regularization": [0.01], "alpha": [20.0]}
    tables = {
        "als": pa.table(settings),
        "als_user_factors": written(database, factors, name="als_user_factors"),
        "als_item_factors": pa.table({"product_id": [0], "factors": [[1.0, 0.0]]}),
    }
    store(database, tables, "als")
    assert stored(database, "als_user_factors").equals(factors)
    store(database, {**tables, "als_user_factors": factors}, "als")
    assert folders(database) == []


def test_database_and_files_can_be_moved_together(
    database: Database, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    store(database, written(database, ROWS))
    database.path.parent.rename(tmp_path / "else where's")
    elsewhere = Database(tmp_path / "else where's" / database.path.name)
    assert stored(elsewhere).equals(ROWS)
    # Other programs find the files from the database's folder.
    monkeypatch.chdir(elsewhere.path.parent)
    with duckdb.connect(elsewhere.path, read_only=True) as connection:
        assert connection.execute("SELECT count(*) FROM models.popularity").fetchone() == (3,)


def test_the_meanings_of_columns_are_kept(database: Database) -> None:
    store(database, written(database, ROWS))
    found = StoredTable(database, "models", "popularity").query(
        "SELECT column_name, comment FROM duckdb_columns() WHERE table_name = 'popularity'"
    )
    assert dict(zip(*found.to_pydict().values(), strict=True)) == {
        column.name: column.description for column in TABLES["popularity"].columns
    }

"""The IO manager in small Dagster graphs."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pandas as pd
import pyarrow as pa
import pytest
from dagster import (
    AssetIn,
    AssetsDefinition,
    ExecuteInProcessResult,
    IOManager,
    TableSchema,
    asset,
    materialize,
)

from recolab_assets.sql import Measured, Select
from recolab_assets.storage import (
    Database,
    DatabaseError,
    RecoLabIOManager,
    StoredTable,
    TableError,
    TableMissingError,
    build_io_manager,
)
from recolab_assets.tables import TABLES

FACTORS = {"user_id": [0, 1], "factors": [[0.5, 1.0], [1.5, -2.0]]}


@asset(metadata={"schema": "models"})
def popularity() -> pd.DataFrame:
    return pd.DataFrame({"score": [0.5, 0.25], "product_id": [4, 2], "popularity_rank": [1, 2]})


@asset(metadata={"schema": "models"})
def als() -> dict[str, pa.Table]:
    settings = {"factors": [2], "iterations": [20], "regularization": [0.01], "alpha": [20.0]}
    return {
        "als": pa.table(settings),
        "als_user_factors": pa.table(FACTORS),
        "als_item_factors": pa.table({"product_id": [0], "factors": [[1.0, 0.0]]}),
    }


def run(
    database: Database, *assets: AssetsDefinition, selection: Any = None
) -> ExecuteInProcessResult:
    resources: dict[str, IOManager] = {"io_manager": build_io_manager(database)}
    return materialize(assets, resources=resources, selection=selection)


def metadata_of(result: ExecuteInProcessResult, name: str) -> dict[str, Any]:
    (materialization,) = result.asset_materializations_for_node(name)
    return {key: value.value for key, value in materialization.metadata.items()}


def table(database: Database, schema: str, name: str) -> pa.Table:
    return StoredTable(database, schema, name).select()


def test_what_is_stored_is_described(database: Database) -> None:
    metadata = metadata_of(run(database, popularity), "popularity")
    assert metadata["dagster/row_count"] == 2
    assert metadata["dagster/table_name"] == "models.popularity"
    columns = metadata["dagster/column_schema"]
    assert isinstance(columns, TableSchema)
    assert [(c.name, c.type, c.description) for c in columns.columns] == [
        (c.name, c.type, c.description) for c in TABLES["popularity"].columns
    ]
    assert not columns.columns[0].constraints.nullable
    assert columns.columns[0].constraints.unique
    assert metadata["preview"].splitlines() == [
        "| product_id | score | popularity_rank |",
        "| --- | --- | --- |",
        "| 4 | 0.5 | 1 |",
        "| 2 | 0.25 | 2 |",
    ]
    assert "Query" not in metadata


def test_every_kind_of_input(database: Database) -> None:
    seen: dict[str, Any] = {}

    @asset
    def consumer(popularity: pa.Table) -> None:
        seen["arrow"] = popularity

    @asset(ins={"rows": AssetIn("popularity", metadata={"columns": ["score", "product_id"]})})
    def narrow(rows: pa.Table) -> None:
        seen["narrow"] = rows

    @asset
    def frame(popularity: pd.DataFrame) -> None:
        seen["frame"] = popularity

    @asset(ins={"lazy": AssetIn("popularity", metadata={"columns": ["score"]})})
    def handle(lazy: StoredTable) -> None:
        seen["count"] = lazy.count()
        seen["lazy"] = lazy.select()

    @asset
    def model(als: dict[str, pa.Table], popularity: dict[str, pa.Table]) -> None:
        seen["model"] = als
        seen["single"] = popularity

    @asset
    def untyped(popularity) -> None:  # type: ignore[no-untyped-def]
        seen["untyped"] = popularity

    run(database, popularity, als, consumer, narrow, frame, handle, model, untyped)
    rows = table(database, "models", "popularity")
    assert seen["arrow"] == rows
    assert seen["untyped"] == rows
    assert seen["narrow"] == rows.select(["score", "product_id"])
    assert seen["frame"].to_dict("list") == rows.to_pydict()
    assert (seen["count"], seen["lazy"]) == (2, rows.select(["score"]))
    assert seen["single"] == {"popularity": rows}
    assert list(seen["model"]) == ["als", "als_user_factors", "als_item_factors"]
    assert seen["model"]["als_user_factors"].to_pydict() == FACTORS


def test_tables_of_a_model_are_counted_one_by_one(database: Database) -> None:
    metadata = metadata_of(run(database, als), "als")
    assert metadata["dagster/row_count"] == 2
    assert {key: metadata[f"row_count/{key}"] for key in ("als", "als_user_factors")} == {
        "als": 1,
        "als_user_factors": 2,
    }
    assert "[0.5, 1]" in metadata["preview/als_user_factors"]


def test_tables_of_a_model_are_replaced_together_or_not_at_all(database: Database) -> None:
    run(database, als)

    @asset(name="als", metadata={"schema": "models"})
    def broken() -> dict[str, pa.Table]:
        settings = {"factors": [3], "iterations": [20], "regularization": [0.01], "alpha": [20.0]}
        return {
            "als": pa.table(settings),
            "als_user_factors": pa.table({"user_id": [None], "factors": [[1.0]]}),
            "als_item_factors": pa.table({"product_id": [0], "factors": [[1.0]]}),
        }

    with pytest.raises(TableError, match=r"als_user_factors\.user_id"):
        run(database, broken)
    assert table(database, "models", "als")["factors"].to_pylist() == [2]


@pytest.mark.parametrize("names", [["als"], ["als", "als_user_factors", "als_factors"], []])
def test_a_model_must_return_its_tables(database: Database, names: list[str]) -> None:
    @asset(name="als", metadata={"schema": "models"})
    def wrong() -> dict[str, pa.Table]:
        return {name: pa.table(FACTORS) for name in names}

    with pytest.raises(TableError, match="allowed: als, als_user_factors, als_item_factors"):
        run(database, wrong)


def test_selects_and_streams(database: Database) -> None:
    @asset(metadata={"schema": "models"}, deps=[popularity])
    def hybrid() -> Select:
        sql = "SELECT 'x' AS component, score AS weight, ? AS candidate_depth"
        return Select(f"{sql} FROM models.popularity WHERE product_id = ?", [100, 2])

    @asset(deps=[hybrid])
    def recommendations() -> pa.RecordBatchReader:
        def batches() -> Iterator[pa.RecordBatch]:
            for user in range(3):
                yield pa.record_batch([["als"], [user], [1], [7], [0.5], [False]], schema=schema)

        schema = TABLES["recommendations"].arrow_schema
        return pa.RecordBatchReader.from_batches(schema, batches())

    result = run(database, popularity, hybrid, recommendations)
    assert table(database, "models", "hybrid").to_pylist() == [
        {"component": "x", "weight": 0.25, "candidate_depth": 100}
    ]
    assert metadata_of(result, "recommendations")["dagster/row_count"] == 3
    assert table(database, "recommendations", "recommendations")["user_id"].to_pylist() == [0, 1, 2]


def measured(sum_of: str) -> AssetsDefinition:
    """A stream of three rows, measured when it is stored."""

    @asset(metadata={"schema": "numbers"})
    def stream() -> Measured:
        batches = pa.table({"n": [1, 2, 4]}).to_batches(max_chunksize=1)
        reader = pa.RecordBatchReader.from_batches(batches[0].schema, batches)
        return Measured(
            reader, Select(f"SELECT sum({sum_of})::BIGINT + ? AS total FROM numbers.stream", (10,))
        )

    return stream


def test_a_stream_is_measured_once_it_is_stored(database: Database) -> None:
    metadata = metadata_of(run(database, measured("n")), "stream")
    assert (metadata["dagster/row_count"], metadata["total"]) == (3, 17)


def test_what_cannot_be_measured_is_not_stored(database: Database) -> None:
    run(database, measured("n"))
    with pytest.raises(DatabaseError, match="no_such_column"):
        run(database, measured("no_such_column"))
    assert table(database, "numbers", "stream")["n"].to_pylist() == [1, 2, 4]


def test_the_asset_to_materialise_first_is_named(database: Database) -> None:
    run(database, popularity)

    @asset
    def eager(als: pa.Table) -> None:
        raise AssertionError("not reached")

    @asset
    def lazy(als: StoredTable) -> None:
        raise AssertionError("not reached")

    for consumer in (eager, lazy):
        with pytest.raises(TableMissingError, match="materialise the asset als first"):
            run(database, als, consumer, selection=[consumer])


def test_loading_does_not_lock_readers_out(database: Database) -> None:
    run(database, popularity)

    @asset
    def consumer(popularity: pa.Table) -> None:
        assert popularity.num_rows == 2

    with database.read():
        run(database, popularity, consumer, selection=[consumer])


def test_what_cannot_be_stored_or_asked_for_is_refused(database: Database) -> None:
    @asset
    def number():  # type: ignore[no-untyped-def]
        return 7

    with pytest.raises(Exception, match="does not have a handler for type"):
        run(database, number)

    @asset
    def stream(popularity: pa.RecordBatchReader) -> None:
        raise AssertionError("not reached")

    with pytest.raises(TypeError, match="ask for it as StoredTable"):
        run(database, popularity, stream)

    @asset
    def handle() -> StoredTable:
        return StoredTable(database, "models", "popularity")

    with pytest.raises(TypeError, match="return a Select"):
        run(database, handle)


def test_the_path_can_be_set_as_a_resource(tmp_path: Path) -> None:
    path = tmp_path / "lab.duckdb"
    manager = RecoLabIOManager(database=str(path), lock_timeout_seconds=1)

    @asset
    def consumer(popularity: StoredTable) -> None:
        assert popularity.database == Database(path, 1)

    assert materialize([popularity, consumer], resources={"io_manager": manager}).success
    assert table(Database(path), "models", "popularity").num_rows == 2


def test_long_cells_of_a_preview_are_cut(database: Database) -> None:
    @asset
    def notes() -> pa.Table:
        return pa.table({"a": ["x|y\nz", None], "b": ["w" * 200, "v"], "c": [[1] * 9, []]})

    lines = metadata_of(run(database, notes), "notes")["preview"].splitlines()
    assert lines[2] == "| x\\|y z | " + "w" * 59 + "… | [1, 1, 1, 1, …] |"
    assert lines[3] == "|  | v | [] |"

"""Replacing tables: columns by name, types, streams, SELECTs, failure."""

from collections.abc import Callable
from datetime import date, datetime
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from recolab_assets.sql import Select
from recolab_assets.storage import Database, DatabaseError, StoredTable, TableError
from recolab_assets.storage.writer import Contents, write_table
from recolab_assets.tables import TABLES

RECOMMENDATIONS = TABLES["recommendations"]


def store(database: Database, name: str, contents: Contents) -> None:
    table = TABLES.get(name)
    with database.write() as connection:
        write_table(connection, "other" if table is None else table.schema, name, contents)


def stored(database: Database, name: str) -> pa.Table:
    table = TABLES.get(name)
    return StoredTable(database, "other" if table is None else table.schema, name).select()


def popularity(ids: list[int]) -> pa.Table:
    return pa.table(
        [ids, [1 / (i + 1) for i in ids], [i + 1 for i in ids]],
        schema=TABLES["popularity"].arrow_schema,
    )


def as_reader(rows: pa.Table) -> pa.RecordBatchReader:
    return rows.to_reader()


def as_frame(rows: pa.Table) -> pd.DataFrame:
    return rows.to_pandas()


def as_table(rows: pa.Table) -> pa.Table:
    return rows


CONTAINERS = pytest.mark.parametrize("container", [as_table, as_reader, as_frame])


@CONTAINERS
def test_columns_are_matched_by_name(
    database: Database, container: Callable[[pa.Table], Contents]
) -> None:
    rows = popularity([2, 0, 1])
    reordered = rows.select(["popularity_rank", "product_id", "score"])
    store(database, "popularity", container(reordered))
    assert stored(database, "popularity") == rows


@CONTAINERS
def test_a_missing_column_is_refused_and_the_former_table_stays(
    database: Database, container: Callable[[pa.Table], Contents]
) -> None:
    store(database, "popularity", popularity([0]))
    with pytest.raises(TableError, match=r"models\.popularity: score missing; the columns are"):
        store(database, "popularity", container(popularity([1]).drop_columns("score")))
    assert stored(database, "popularity") == popularity([0])


@CONTAINERS
def test_an_unknown_column_is_refused(
    database: Database, container: Callable[[pa.Table], Contents]
) -> None:
    rows = popularity([1]).append_column("colour", pa.array(["red"]))
    with pytest.raises(TableError, match=r"models\.popularity: colour unknown"):
        store(database, "popularity", container(rows))


def test_a_column_given_twice_is_refused(database: Database) -> None:
    rows = popularity([1]).append_column("score", pa.array([1.0]))
    with pytest.raises(TableError, match="score given twice"):
        store(database, "popularity", rows)


@CONTAINERS
def test_an_absent_value_is_refused_where_one_is_compulsory(
    database: Database, container: Callable[[pa.Table], Contents]
) -> None:
    rows = pa.table({"product_id": [0, 1], "score": [0.5, None], "popularity_rank": [1, 2]})
    with pytest.raises(TableError, match=r"popularity\.score: a value is NULL; .* DOUBLE"):
        store(database, "popularity", container(rows))


@CONTAINERS
def test_empty_tables_have_their_types(
    database: Database, container: Callable[[pa.Table], Contents]
) -> None:
    store(database, "editorial", container(TABLES["editorial"].arrow_schema.empty_table()))
    rows = stored(database, "editorial")
    assert rows.num_rows == 0
    assert rows.schema.equals(TABLES["editorial"].arrow_schema)


def test_an_empty_stream_is_checked_too(database: Database) -> None:
    reader = pa.schema([("product_id", pa.int32())]).empty_table().to_reader()
    with pytest.raises(TableError, match="score, popularity_rank missing"):
        store(database, "popularity", reader)


@pytest.mark.parametrize(
    ("column", "values", "message"),
    [
        ("product_id", pa.array([1.5]), r"1\.5.*allowed: INTEGER"),
        ("product_id", pa.array([2**40]), "1099511627776.*allowed: INTEGER"),
        ("product_id", pa.array(["mug"]), "'mug'.*allowed: INTEGER"),
        ("rank", pa.array([300]), "300.*allowed: TINYINT"),
        ("score", pa.array([1e300]), r"1e\+300.*allowed: FLOAT"),
        ("score", pa.array([2**24 + 1]), "16777217.*allowed: FLOAT"),
        ("is_fallback", pa.array([2]), "int64.*allowed: BOOLEAN"),
    ],
)
def test_a_value_that_does_not_fit_is_named(
    database: Database, column: str, values: pa.Array, message: str
) -> None:
    rows = recommendations(1).set_column(RECOMMENDATIONS.column_names.index(column), column, values)
    with pytest.raises(TableError, match=rf"recommendations\.{column}: .*{message}"):
        store(database, "recommendations", rows)


@pytest.mark.parametrize(
    ("column", "expression", "message"),
    [
        ("product_id", "1.5", r"1\.5 \(DECIMAL\(2,1\)\) does not fit; allowed: INTEGER"),
        ("product_id", "2.5::DOUBLE", r"2\.5 \(DOUBLE\) does not fit; allowed: INTEGER"),
        ("product_id", "1099511627776", r"1099511627776 \(BIGINT\) does not fit"),
        ("product_id", "'mug'", r"mug \(VARCHAR\) does not fit"),
        ("rank", "300", r"300 \(INTEGER\) does not fit; allowed: TINYINT"),
        ("score", "1e300", r"1e\+?300 \(DOUBLE\) does not fit"),
        ("score", "NULL", "a value is NULL; every row needs a FLOAT"),
        ("is_fallback", "2", "the values are INTEGER; allowed: BOOLEAN"),
    ],
)
def test_a_selected_value_that_does_not_fit_is_named(
    database: Database, column: str, expression: str, message: str
) -> None:
    store(database, "recommendations", recommendations(1))
    values = {
        "model": "'als'",
        "user_id": "0",
        "rank": "1",
        "product_id": "0",
        "score": "0.5",
        "is_fallback": "false",
    } | {column: expression}
    sql = "SELECT " + ", ".join(f"{value} AS {name}" for name, value in values.items())
    with pytest.raises(TableError, match=rf"recommendations\.{column}: {message}"):
        store(database, "recommendations", Select(sql))
    assert stored(database, "recommendations") == recommendations(1)


def recommendations(n: int, start: int = 0) -> pa.Table:
    return pa.table(
        [
            ["als"] * n,
            np.arange(start, start + n) // 20,
            np.arange(start, start + n) % 20 + 1,
            np.arange(start, start + n) % 97,
            np.full(n, 0.25),
            np.zeros(n, dtype=bool),
        ],
        names=RECOMMENDATIONS.column_names,
    ).cast(RECOMMENDATIONS.arrow_schema)


def test_a_select_is_stored_in_its_order(database: Database) -> None:
    ids = np.random.default_rng(0).permutation(400_000).astype(np.int32)
    rows = pa.table([ids, ids / 2, ids], schema=TABLES["popularity"].arrow_schema)
    store(database, "popularity", rows)
    sql = """
        SELECT CAST(popularity_rank AS HUGEINT) AS popularity_rank, score, product_id
        FROM models.popularity ORDER BY product_id
    """
    store(database, "popularity", Select(sql))
    found = stored(database, "popularity")
    np.testing.assert_array_equal(found["product_id"].to_numpy(), np.arange(400_000))


@pytest.mark.parametrize(
    ("placeholders", "params"), [(("?", "?"), (1, "it's")), (("$i", "$t"), {"i": 1, "t": "it's"})]
)
def test_values_of_a_select_are_bound(
    database: Database,
    placeholders: tuple[str, str],
    params: tuple[object, ...] | dict[str, object],
) -> None:
    number, text = placeholders
    sql = f"SELECT {number}::INTEGER AS a, {text}::VARCHAR AS b"
    store(database, "anything", Select(sql, params))
    assert stored(database, "anything").to_pylist() == [{"a": 1, "b": "it's"}]
    sql = f"""
        SELECT {text} AS component, {number} AS candidate_depth, 0.25 AS weight
        ORDER BY component
    """
    params = params[::-1] if isinstance(params, tuple) else params
    store(database, "hybrid", Select(sql, params))
    assert stored(database, "hybrid").to_pylist() == [
        {"component": "it's", "weight": 0.25, "candidate_depth": 1}
    ]


def test_aggregates_get_the_registered_types(database: Database) -> None:
    store(database, "popularity", popularity([0, 1, 2]))
    sql = """
        SELECT 'als' AS model, 'coverage' AS metric, sum(popularity_rank) AS k,
               sum(popularity_rank) / 3 AS value, sum(0.5) AS ci_low, NULL AS ci_high,
               sum(product_id) AS n_users
        FROM models.popularity
    """
    store(database, "offline_metrics", Select(sql))
    rows = stored(database, "offline_metrics")
    assert rows.schema.equals(TABLES["offline_metrics"].arrow_schema)
    assert rows.to_pylist() == [
        {
            "model": "als",
            "metric": "coverage",
            "k": 6,
            "value": 2.0,
            "ci_low": 1.5,
            "ci_high": None,
            "n_users": 3,
        }
    ]


@pytest.mark.parametrize("name", ["popularity", "anything"])
def test_a_select_that_cannot_be_run_says_so(database: Database, name: str) -> None:
    with pytest.raises(DatabaseError, match=rf"{name}\W.*SELECT failed.*nowhere"):
        store(database, name, Select("SELECT * FROM nowhere"))


def test_a_select_that_fails_on_the_way_says_so(database: Database) -> None:
    sql = "SELECT CAST(a AS INTEGER) AS a FROM (VALUES ('1'), ('x')) AS t (a)"
    with pytest.raises(DatabaseError, match=r"SELECT failed.*'x'"):
        store(database, "anything", Select(sql))
    sql = f"SELECT a AS product_id, a AS popularity_rank, a AS score FROM ({sql})"
    with pytest.raises(DatabaseError, match=r"SELECT failed.*'x'"):
        store(database, "popularity", Select(sql))


@CONTAINERS
def test_a_table_outside_the_registry_is_stored_as_it_is(
    database: Database, container: Callable[[pa.Table], Contents]
) -> None:
    rows = pa.table({"a": [1, None], "b": [0.5, 1.5]})
    store(database, "anything", container(rows))
    assert stored(database, "anything").to_pydict() == {"a": [1, None], "b": [0.5, 1.5]}


def test_pandas_gaps_are_absent_values(database: Database) -> None:
    frame = pd.DataFrame(
        {
            "interaction_id": [0, 1],
            "user_id": [0, 0],
            "item_id": [3, 4],
            "item_type": ["product"] * 2,
            "event_type": ["view", "purchase"],
            "session_id": [0, 0],
            "occurred_at": pd.to_datetime(["2024-01-01", "2024-01-02"]),
            "quantity": [np.nan, 2.0],
            "unit_price": [np.nan, 9.5],
        },
        index=[7, 8],
    )
    store(database, "interactions", frame)
    rows = stored(database, "interactions")
    assert rows["quantity"].to_pylist() == [None, 2]
    assert rows["occurred_at"].to_pylist() == [datetime(2024, 1, 1), datetime(2024, 1, 2)]


def test_a_pandas_column_without_any_value_has_no_type_to_get_wrong(database: Database) -> None:
    columns = TABLES["users"].column_names
    frame = pd.DataFrame({"user_id": [0, 1], "activity": [0.5, 0.5]}).reindex(columns=columns)
    for rows in (frame, frame.iloc[:0]):
        store(database, "users", rows)
        found = stored(database, "users")
        assert found.schema.equals(TABLES["users"].arrow_schema)
        assert found["signed_up_at"].null_count == len(rows)


def test_a_data_frame_of_mixed_values_is_refused(database: Database) -> None:
    frame = pd.DataFrame({"a": pd.Series([1, "x"], dtype=object)})
    with pytest.raises(TableError, match=r"anything.*column a"):
        store(database, "anything", frame)


def test_factors_of_fixed_length_become_lists(database: Database) -> None:
    factors = np.random.default_rng(0).random((3, 4), dtype=np.float32)
    fixed = pa.FixedSizeListArray.from_arrays(pa.array(factors.ravel()), 4)
    store(database, "als_user_factors", pa.table({"user_id": [0, 1, 2], "factors": fixed}))
    found = stored(database, "als_user_factors")["factors"].combine_chunks()
    np.testing.assert_array_equal(found.flatten().to_numpy().reshape(3, 4), factors)


def test_times_of_a_zone_become_utc(database: Database) -> None:
    local = pd.Timestamp("2024-01-01 01:00", tz="Europe/Berlin")
    rows = pa.table({"user_id": [0], "product_id": [0], "weight": [1.0], "n_events": [1]})
    rows = rows.append_column("last_at", pa.array([local]))
    store(database, "train_pairs", rows)
    assert stored(database, "train_pairs")["last_at"].to_pylist() == [datetime(2024, 1, 1)]


def test_meanings_of_columns_can_be_read_in_the_file(database: Database) -> None:
    store(database, "popularity", popularity([0]))
    with database.read() as connection:
        comments = connection.execute(
            "SELECT column_name, comment FROM duckdb_columns() WHERE table_name = 'popularity'"
        ).fetchall()
    assert dict(comments) == {c.name: c.description for c in TABLES["popularity"].columns}


_INT32 = st.integers(-(2**31), 2**31 - 1)
_VALUES = {
    "BOOLEAN": st.booleans(),
    "TINYINT": st.integers(-128, 127),
    "INTEGER": _INT32,
    "BIGINT": st.integers(-(2**63), 2**63 - 1),
    "FLOAT": st.floats(width=32, allow_nan=False),
    "DOUBLE": st.floats(allow_nan=False),
    "VARCHAR": st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0")),
    "DATE": st.dates(date(1900, 1, 1), date(2200, 1, 1)),
    "TIMESTAMP": st.datetimes(datetime(1900, 1, 1), datetime(2200, 1, 1)),
    "VARCHAR[]": st.lists(st.sampled_from(["trending", "how_to", "é|'\""]), max_size=3),
    "FLOAT[]": st.lists(st.floats(width=32, allow_nan=False), max_size=3),
}


@st.composite
def registered_rows(draw: st.DrawFn) -> tuple[str, pa.Table]:
    table = TABLES[draw(st.sampled_from(sorted(TABLES)))]
    n_rows = draw(st.integers(0, 4))
    columns = []
    for column in table.columns:
        values = _VALUES[column.type]
        if column.nullable:
            values = st.none() | values
        columns.append(draw(st.lists(values, min_size=n_rows, max_size=n_rows)))
    return table.name, pa.table(columns, schema=table.arrow_schema)


@settings(
    max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(registered_rows(), st.booleans())
def test_every_table_comes_back_as_it_was_written(
    tmp_path: Path, named: tuple[str, pa.Table], streamed: bool
) -> None:
    name, rows = named
    database = Database(tmp_path / "lab.duckdb", 5)
    store(database, name, rows.to_reader() if streamed else rows)
    found = stored(database, name)
    assert found.schema.equals(rows.schema)
    assert found.to_pylist() == rows.to_pylist()

"""Replacing tables: whatever an asset returns becomes a table, inside the caller's transaction."""

import re
from collections.abc import Iterator
from typing import Final, TypeAlias

import duckdb
import pandas as pd
import pyarrow as pa

from recolab_assets.sql import Select
from recolab_assets.storage.contract import (
    INTEGER_TYPES,
    TableError,
    check_columns,
    conform,
    null_error,
    type_error,
)
from recolab_assets.storage.database import DatabaseError
from recolab_assets.storage.datasets import ParquetDataset, create_view
from recolab_assets.storage.names import identifier, literal, qualified
from recolab_assets.tables import Column, Table, registered

Contents: TypeAlias = pa.Table | pa.RecordBatchReader | pd.DataFrame | Select | ParquetDataset
"""What a table can be written from."""

ROWS_AT_ONCE: Final = 250_000
"""Rows of a stream that are gathered for one insertion: small batches cost time, large memory."""

_STAGED: Final = "__incoming"
_NULL = re.compile(r"NOT NULL constraint failed: \S*\.(\S+)")
_MISFIT: Final = "does not fit"
_FRACTIONAL = ("FLOAT", "DOUBLE", "DECIMAL")
_NUMERIC = (*_FRACTIONAL, "TINYINT", "SMALLINT", "INTEGER", "BIGINT", "HUGEINT", "U")


def write_table(
    connection: duckdb.DuckDBPyConnection, schema: str, name: str, contents: Contents
) -> None:
    """Replace one table; a registered one gets its columns by name, its types and its comments.

    A stream is stored as it comes, and is never in memory as a whole.

    Args:
        connection: Inside a transaction, so that a failure leaves the former table.
        schema: Schema of the table, created if need be.
        name: Name of the table; the registry of tables knows it, or it is stored as it is.
        contents: The rows, in the order in which they will be read.

    Raises:
        TableError: The rows do not keep the table's contract.
    """
    connection.execute(f"CREATE SCHEMA IF NOT EXISTS {identifier(schema)}")
    if isinstance(contents, ParquetDataset):
        _drop(connection, schema, name)
        create_view(connection, schema, name, contents)
        return
    table = registered(name)
    # The former table stays until the new one is complete: a SELECT may read it.
    staged = f"{name}{_STAGED}"
    staging = qualified(schema, staged)
    if table is not None:
        create_table(connection, staging, table)
    if isinstance(contents, Select):
        _store_select(connection, staging, table, contents)
    else:
        _store_arrow(connection, staging, table, contents)
    _drop(connection, schema, name)
    connection.execute(f"ALTER TABLE {staging} RENAME TO {identifier(name)}")


def _drop(connection: duckdb.DuckDBPyConnection, schema: str, name: str) -> None:
    """Drop a table if there is one; where its rows are files, it is a view."""
    views = connection.execute(
        "SELECT 1 FROM duckdb_views() WHERE schema_name = ? AND view_name = ?", [schema, name]
    ).fetchall()
    kind = "VIEW" if views else "TABLE"
    connection.execute(f"DROP {kind} IF EXISTS {qualified(schema, name)}")


def _shown(staging: str) -> str:
    """Name the table that is being replaced, for people."""
    return staging.replace(_STAGED, "").replace('"', "")


def create_table(connection: duckdb.DuckDBPyConnection, target: str, table: Table) -> None:
    """Create an empty table of the registry, with its comments, under a quoted name."""
    columns = ", ".join(
        f"{identifier(column.name)} {column.type}{'' if column.nullable else ' NOT NULL'}"
        for column in table.columns
    )
    connection.execute(f"CREATE TABLE {target} ({columns})")
    connection.execute(f"COMMENT ON TABLE {target} IS {literal(table.description)}")
    for column in table.columns:
        connection.execute(
            f"COMMENT ON COLUMN {target}.{identifier(column.name)} IS {literal(column.description)}"
        )


def _store_arrow(
    connection: duckdb.DuckDBPyConnection,
    target: str,
    table: Table | None,
    contents: pa.Table | pa.RecordBatchReader | pd.DataFrame,
) -> None:
    if isinstance(contents, pa.RecordBatchReader):
        parts = gathered(contents)
        # An empty stream still has columns to check.
        empty = contents.schema.empty_table()
    else:
        if isinstance(contents, pd.DataFrame):
            contents = _from_pandas(target, contents)
        parts = iter((contents,))
        empty = contents.slice(0, 0)
    if table is None:
        connection.from_arrow(empty).create(target)
    else:
        conform(empty, table)
    for part in parts:
        # Not by ``register``: what is registered in a transaction is kept until it ends.
        connection.from_arrow(part if table is None else conform(part, table)).insert_into(target)


def _from_pandas(target: str, frame: pd.DataFrame) -> pa.Table:
    """Convert a data frame; its NaN and NaT are absent values."""
    try:
        return pa.Table.from_pandas(frame, preserve_index=False)
    except pa.ArrowException as error:
        raise TableError(
            f"{_shown(target)}: {' '.join(str(part) for part in error.args)}."
        ) from error


def gathered(reader: pa.RecordBatchReader) -> Iterator[pa.Table]:
    """Join batches until they are worth an insertion."""
    batches: list[pa.RecordBatch] = []
    n_rows = 0
    for batch in reader:
        batches.append(batch)
        n_rows += batch.num_rows
        del batch
        if n_rows >= ROWS_AT_ONCE:
            yield pa.Table.from_batches(batches)
            batches, n_rows = [], 0
    if n_rows:
        yield pa.Table.from_batches(batches)


def _store_select(
    connection: duckdb.DuckDBPyConnection, target: str, table: Table | None, select: Select
) -> None:
    name = _shown(target)
    try:
        if table is None:
            connection.execute(f"CREATE TABLE {target} AS {select.sql}", select.params)
            return
        types = {
            column: kind
            for column, kind, *_ in connection.execute(
                f"DESCRIBE {select.sql}", select.params
            ).fetchall()
        }
    except duckdb.Error as error:
        raise DatabaseError(f"{name}: its SELECT failed: {error}") from error
    check_columns(table, list(types))
    columns = ", ".join(_cast(column, types[column.name], table) for column in table.columns)
    try:
        connection.execute(
            f"INSERT INTO {target} SELECT {columns} FROM ({select.sql})", select.params
        )
    except duckdb.ConstraintException as error:
        if failed := _NULL.search(str(error)):
            raise null_error(table, failed[1]) from error
        raise TableError(f"{name}: {error}") from error
    except duckdb.InvalidInputException as error:
        if _MISFIT in str(error):
            raise TableError(str(error).partition(": ")[2]) from error
        raise DatabaseError(f"{name}: its SELECT failed: {error}") from error
    except duckdb.Error as error:
        raise DatabaseError(f"{name}: its SELECT failed: {error}") from error


def _cast(column: Column, kind: str, table: Table) -> str:
    """Return the SQL that brings a column of a SELECT to its registered type without loss."""
    value = identifier(column.name)
    if kind == column.type:
        return value
    if column.type in ("BOOLEAN", "DATE", "TIMESTAMP") and kind.startswith(_NUMERIC):
        raise type_error(table, column, f"the values are {kind}")
    reason = f"{table.qualified_name}.{column.name}: ' || {value} || ' ({kind}) {_MISFIT}"
    fits = f"TRY_CAST({value} AS {column.type}) IS NOT NULL OR {value} IS NULL"
    if column.type in INTEGER_TYPES and kind.startswith(_FRACTIONAL):
        fits = f"({fits}) AND ({value} IS NULL OR {value} = trunc({value}))"
    return (
        f"CASE WHEN {fits} THEN CAST({value} AS {column.type})"
        f" ELSE error('{reason}; allowed: {column.type}.') END"
    )

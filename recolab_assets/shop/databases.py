"""Tables of other databases as sources: DuckDB's own files, and SQLite through Python's reader."""

import sqlite3
from contextlib import closing
from pathlib import Path

import duckdb
import pyarrow as pa

from recolab_assets.shop.faults import SourceError, literal, quoted, require_table

KINDS = {".duckdb": "DuckDB", ".sqlite": "SQLite", ".sqlite3": "SQLite", ".db": "SQLite"}
"""Endings of database files; a table of one is written as ``file.duckdb#table``."""

_BATCH_ROWS = 50_000


def table_relation(connection: duckdb.DuckDBPyConnection, path: Path, kind: str, table: str) -> str:
    """Make a table of a database file readable.

    A DuckDB file is attached read-only. A table of SQLite is copied into the connection, as whole
    numbers, floats or text: SQLite lets each value have a type of its own, so a column is a number
    only if all of its values are.

    Args:
        connection: A scratch connection.
        path: The file.
        kind: DuckDB or SQLite.
        table: Name of a table or view; empty if none was given.

    Returns:
        SQL of the relation.

    Raises:
        SourceError: There is no such table; the message lists those there are.
        duckdb.Error: The file is no DuckDB database, or is being written.
    """
    if kind == "DuckDB":
        alias = quoted(f"source {path}")
        connection.execute(f"ATTACH IF NOT EXISTS {literal(str(path))} AS {alias} (READ_ONLY)")
        names = connection.execute(
            "SELECT schema_name || '.' || table_name FROM duckdb_tables() WHERE database_name = $1"
            " UNION SELECT schema_name || '.' || view_name FROM duckdb_views()"
            " WHERE database_name = $1 AND NOT internal ORDER BY 1",
            [f"source {path}"],
        ).fetchall()
        full = table if "." in table else f"main.{table}"
        require_table(str(path), path.name, table, full, [name for (name,) in names], "main.")
        schema, _, name = full.partition(".")
        return f"{alias}.{quoted(schema)}.{quoted(name)}"
    try:
        with closing(sqlite3.connect(f"{path.as_uri()}?mode=ro", uri=True)) as lite:
            return _copied(connection, lite, path, table)
    except sqlite3.Error as error:
        raise SourceError(f"{path} cannot be read as SQLite: {error}") from error


def _copied(
    connection: duckdb.DuckDBPyConnection, lite: sqlite3.Connection, path: Path, table: str
) -> str:
    """Copy a table of SQLite into the connection; the copy's name in SQL."""
    names = lite.execute(
        "SELECT name FROM sqlite_master WHERE type IN ('table', 'view') AND name NOT LIKE"
        " 'sqlite_%' ORDER BY name"
    ).fetchall()
    require_table(str(path), path.name, table, table, [name for (name,) in names])
    source = quoted(table)
    columns = [row[1] for row in lite.execute(f"PRAGMA table_info({source})")]
    kinds = ", ".join(
        f"max(typeof({c}) IN ('text', 'blob')), max(typeof({c}) = 'real')"
        for c in map(quoted, columns)
    )
    flags = lite.execute(f"SELECT {kinds} FROM {source}").fetchone()
    schema, select = [], []
    for i, name in enumerate(columns):
        is_text, is_real = flags[2 * i : 2 * i + 2]
        is_text = is_text is None or is_text  # no value at all
        column = quoted(name)
        schema.append(
            pa.field(name, pa.string() if is_text else pa.float64() if is_real else pa.int64())
        )
        kind = "TEXT" if is_text else "REAL"
        select.append(f"CAST({column} AS {kind})" if is_text or is_real else column)
    rows = lite.execute(f"SELECT {', '.join(select)} FROM {source}")

    copy = quoted(f"copy of {path}#{table}")
    statement = f"CREATE OR REPLACE TABLE {copy} AS FROM block"
    block = pa.schema(schema).empty_table()
    while True:
        connection.register("block", block)
        connection.execute(statement)
        connection.unregister("block")
        statement = f"INSERT INTO {copy} FROM block"
        values = rows.fetchmany(_BATCH_ROWS)
        if not values:
            return copy
        arrays = [
            pa.array(column, field.type)
            for column, field in zip(zip(*values, strict=True), schema, strict=True)
        ]
        block = pa.Table.from_arrays(arrays, schema=pa.schema(schema))

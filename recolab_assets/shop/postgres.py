"""Tables of PostgreSQL as sources, copied through the driver of Apache Arrow (ADBC)."""

import os
import re
from types import ModuleType
from typing import Any

import duckdb

from recolab_assets.shop.address import require_no_password
from recolab_assets.shop.faults import SourceError, quoted, require_table

_AS_THEY_ARE = {"bool", "int2", "int4", "int8", "float4", "float8"}
_MOMENTS = {"date", "timestamp", "timestamptz"}
_NUMBERS = {"numeric", "money"}
_CONNECT_SECONDS = 10

_TABLES = """
    SELECT nspname::text, relname::text
    FROM pg_class JOIN pg_namespace ON pg_namespace.oid = relnamespace
    WHERE relkind IN ('r', 'p', 'v', 'm', 'f')
        AND nspname <> 'information_schema' AND nspname NOT LIKE 'pg\\_%'
    ORDER BY nspname <> 'public', 1, 2
"""
_PRIMARY_KEY = """
    SELECT attname::text, attcollation <> 0
    FROM pg_index
    JOIN pg_class ON pg_class.oid = indrelid
    JOIN pg_namespace ON pg_namespace.oid = relnamespace
    JOIN pg_attribute ON attrelid = indrelid AND attnum = ANY (indkey)
    WHERE indisprimary AND nspname = $1 AND relname = $2
    ORDER BY array_position(indkey::int2[], attnum)
"""


def copy_table(connection: duckdb.DuckDBPyConnection, name: str) -> str:
    """Copy a table of PostgreSQL into the connection; a second time, the copy is used again.

    It is read in one read-only transaction, by its primary key (or else by all of its columns in
    turn), so that the same rows come in the same order. A column of ``numeric`` is BIGINT or
    HUGEINT if all of its values are whole, and DOUBLE otherwise; infinite times are absent; what
    is no number, time or truth value is text.

    Args:
        connection: A scratch connection.
        name: ``postgresql://host:port/database#schema.table``; the schema is public if none is
            given. What it leaves out (and the password) is found as libpq finds it.

    Returns:
        SQL of the copy.

    Raises:
        SourceError: The driver is not installed, the server cannot be reached or refuses, or
            there is no such table; the message lists those there are.
        duckdb.Error: The rows cannot be kept.
    """
    try:
        address, _, table = require_no_password(name).partition("#")
    except ValueError as error:
        raise SourceError(str(error)) from error
    copy = f"copy of {name}"
    if connection.execute("FROM duckdb_tables() WHERE table_name = ?", [copy]).fetchone():
        return quoted(copy)
    driver = _driver()
    try:
        with driver.connect(_libpq_uri(address)) as server, server.cursor() as cursor:
            cursor.execute("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ, READ ONLY")
            schema, relation = _found(cursor, address, table)
            query, types = _query(cursor, schema, relation)
            cursor.execute(query)
            connection.register("rows_of_table", cursor.fetch_record_batch())
            try:
                connection.execute(
                    f"CREATE TABLE {quoted(copy)} AS SELECT {types} FROM rows_of_table"
                )
            finally:
                connection.unregister("rows_of_table")
    except (driver.Error, duckdb.Error) as error:
        if isinstance(error, duckdb.Error) and "[libpq]" not in str(error):
            raise
        raise SourceError(f"{name} cannot be read as PostgreSQL: {_said(error)}") from error
    return quoted(copy)


def _driver() -> ModuleType:
    try:
        from adbc_driver_postgresql import dbapi  # noqa: PLC0415 - an extra, for those who need it
    except ImportError as error:
        raise SourceError(
            "tables of PostgreSQL are read by a driver that is not installed; install it by"
            " uv sync --extra postgres"
        ) from error
    return dbapi


def _libpq_uri(address: str) -> str:
    """The address with settings that libpq does not have by default."""
    plain, _, given = address.partition("?")
    settings = [given] if given else []
    if "PGCONNECT_TIMEOUT" not in os.environ:
        # First, since the last of two counts.
        settings.insert(0, f"connect_timeout={_CONNECT_SECONDS}")
    # Arrow's texts are UTF-8, whatever the database's are.
    return f"{plain}?{'&'.join([*settings, 'client_encoding=UTF8'])}"


def _found(cursor: Any, address: str, table: str) -> tuple[str, str]:
    """Schema and name of a table, view, materialised view or foreign table."""
    cursor.execute(_TABLES)
    names = {f"{schema}.{relation}": (schema, relation) for schema, relation in cursor.fetchall()}
    full = table if "." in table else f"public.{table}"
    full = full if full in names else f"public.{table}"
    require_table(address, address, table, full, list(names), "public.")
    return names[full]


def _query(cursor: Any, schema: str, name: str) -> tuple[str, str]:
    """SQL that reads a table in PostgreSQL, and SQL of its columns in DuckDB."""
    relation = f"{quoted(schema)}.{quoted(name)}"
    cursor.execute(f"SELECT * FROM {relation} LIMIT 0")
    fields = list(cursor.fetch_record_batch().schema)
    kinds = {field.name: field.metadata[b"POSTGRESQL:type"].decode() for field in fields}
    if len({column.lower() for column in kinds}) < len(kinds):
        raise SourceError(
            f"{relation} has columns whose names differ in case only ({', '.join(kinds)}); give"
            " them other names in a view, and name the view as the source"
        )
    whole = _whole_numbers(cursor, relation, [c for c, kind in kinds.items() if kind in _NUMBERS])
    values = [_value(column, kind, whole.get(column, "")) for column, kind in kinds.items()]
    read = [f"{value} AS {quoted(column)}" for column, value in zip(kinds, values, strict=True)]
    kept = [
        f"CAST({quoted(column)} AS HUGEINT) AS {quoted(column)}"
        if whole.get(column) == "HUGEINT"
        else quoted(column)
        for column in kinds
    ]
    order = _order(cursor, schema, name, kinds)
    rows = f"SELECT {', '.join(read)} FROM {relation} AS source ORDER BY {', '.join(order)}"
    return rows, ", ".join(kept)


def _order(cursor: Any, schema: str, name: str, kinds: dict[str, str]) -> list[str]:
    """What rows are sorted by: the primary key, then all columns as they are handed over.

    A key alone would not do, since the heirs of a table can repeat it.
    """
    cursor.execute(_PRIMARY_KEY, (schema, name))
    key = [
        f"source.{quoted(column)}" + (' COLLATE "C"' if is_text else "")
        for column, is_text in cursor.fetchall()
    ]
    # Numbers can be handed over as text, whose order is another one.
    return key + [
        f"source.{quoted(column)}" if kind in _NUMBERS else str(position)
        for position, (column, kind) in enumerate(kinds.items(), start=1)
    ]


def _value(column: str, kind: str, whole: str) -> str:
    """SQL in PostgreSQL of a column's values, of a type that the driver hands over faithfully."""
    value, number = quoted(column), _number(column)
    if kind in _AS_THEY_ARE:
        return value
    if kind in _MOMENTS:
        # The driver would make years out of the numbers that stand for infinity.
        return f"CASE WHEN isfinite({value}) AND {value} < '290000-01-01' THEN {value} END"
    if kind not in _NUMBERS:
        return f'{value}::text COLLATE "C"'
    if not whole:
        return f"{number}::float8"
    kept = "int8" if whole == "BIGINT" else "text"
    return f"(CASE WHEN {_is_finite(number)} THEN {number} END)::{kept}"


def _number(column: str) -> str:
    return f"trim_scale({quoted(column)}::numeric)"


def _is_finite(number: str) -> str:
    """Whether a number is neither NaN nor, from PostgreSQL 14 on, infinite."""
    return f"{number} - {number} = 0"


def _whole_numbers(cursor: Any, relation: str, columns: list[str]) -> dict[str, str]:
    """The type of whole numbers that holds all values of a column; empty if there is none."""
    if not columns:
        return {}
    tests = [
        f"bool_and(scale({number}) = 0 AND abs({number}) < {bound})"
        f" FILTER (WHERE {_is_finite(number)})"
        for number in map(_number, columns)
        for bound in ("1e18", "1e38")
    ]
    cursor.execute(f"SELECT {', '.join(tests)} FROM {relation}")
    row = cursor.fetchone()
    return {
        column: "BIGINT" if row[2 * i] else "HUGEINT" if row[2 * i + 1] else ""
        for i, column in enumerate(columns)
    }


def _said(error: Any) -> str:
    """What the server or libpq says, in one line."""
    # Fields of the server's answer, where the driver hands them on; lines with a tab are advice.
    said = dict(getattr(error, "details", ())).get(b"PG_DIAG_MESSAGE_PRIMARY", b"").decode()
    if not said:
        lines = [line for line in str(error).splitlines() if not line.startswith("\t")]
        said = re.sub(
            r"^.*?\[libpq\] (Failed to connect: |Execution error \[\w+\]: )?(ERROR:)?",
            "",
            " ".join(lines),
        )
        said = " ".join(said.split())
    if "password" in said:
        said += "; it is taken from the environment variable PGPASSWORD or from ~/.pgpass"
    return said

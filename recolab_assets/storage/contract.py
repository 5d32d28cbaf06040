"""Bringing rows to the columns and types that the table registry promises."""

from typing import Final

import pyarrow as pa
import pyarrow.compute as pc

from recolab_assets.storage.database import DatabaseError
from recolab_assets.tables import ARROW_TYPES, Column, Table

INTEGER_TYPES: Final = frozenset({"TINYINT", "INTEGER", "BIGINT"})
_NUMBERLESS: Final = frozenset({"BOOLEAN", "DATE", "TIMESTAMP"})


class TableError(DatabaseError):
    """Rows do not keep the contract of their table; the message names table, column and value."""


def check_columns(table: Table, names: list[str]) -> None:
    """Check that rows have exactly the columns of their table, in any order.

    Raises:
        TableError: A column is missing, unknown or given twice.
    """
    known = table.column_names
    for problem, columns in (
        ("missing", [name for name in known if name not in names]),
        ("unknown", [name for name in names if name not in known]),
        ("given twice", sorted({name for name in names if names.count(name) > 1})),
    ):
        if columns:
            raise TableError(
                f"{table.qualified_name}: {', '.join(columns)} {problem};"
                f" the columns are {', '.join(known)}."
            )


def conform(rows: pa.Table, table: Table) -> pa.Table:
    """Return rows with their table's columns in order and its types; values never change.

    Columns that already have their type are passed on without a copy.

    Raises:
        TableError: A column is missing or unknown, a value is absent where one is compulsory, or a
            value cannot be held by the type without loss.
    """
    check_columns(table, rows.column_names)
    arrays = [_column(rows.column(column.name), column, table) for column in table.columns]
    return pa.Table.from_arrays(arrays, schema=table.arrow_schema)


def null_error(table: Table, column: str) -> TableError:
    """Return the error of an absent value in a column that must not have one."""
    kind = next(c.type for c in table.columns if c.name == column)
    return TableError(
        f"{table.qualified_name}.{column}: a value is NULL; every row needs a {kind}."
    )


def type_error(table: Table, column: Column, reason: str) -> TableError:
    """Return the error of a value that the type of its column cannot hold."""
    return TableError(f"{table.qualified_name}.{column.name}: {reason}; allowed: {column.type}.")


def _column(values: pa.ChunkedArray, column: Column, table: Table) -> pa.ChunkedArray:
    wanted = ARROW_TYPES[column.type]
    if values.null_count and not column.nullable:
        raise null_error(table, column.name)
    if values.type == wanted:
        return values
    kind = values.type
    if values.null_count == len(values):
        # Without a value there is nothing to lose, whatever type pandas made of it.
        return pa.chunked_array([pa.nulls(len(values), wanted)])
    numeric = pa.types.is_integer(kind) or pa.types.is_floating(kind) or pa.types.is_decimal(kind)
    if numeric and column.type in _NUMBERLESS:
        raise type_error(table, column, f"the values are {kind}")
    try:
        cast = values.cast(wanted)
    except pa.ArrowException as error:
        raise type_error(table, column, str(error).splitlines()[0].rstrip(".")) from error
    if pa.types.is_float64(kind) and pa.types.is_float32(wanted):
        _check_finite(values, cast, column, table)
    return cast


def _check_finite(
    values: pa.ChunkedArray, cast: pa.ChunkedArray, column: Column, table: Table
) -> None:
    """Refuse finite doubles beyond the largest float, which Arrow turns into infinity."""
    overflow = pc.and_(pc.is_inf(cast), pc.invert(pc.is_inf(values)))
    position = pc.index(overflow, True).as_py()
    if position >= 0:
        raise type_error(table, column, f"{values[position].as_py()} is out of range")

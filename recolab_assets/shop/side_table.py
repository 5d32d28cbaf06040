"""Tables beside the log, one row a product, user or piece of content: opened and checked alike."""

from collections.abc import Mapping, Sequence
from pathlib import Path

import duckdb

from recolab_assets.config import EditorialTable, ProductTable, SourceConfig, UserTable
from recolab_assets.shop.binding import Binder
from recolab_assets.shop.faults import SourceError
from recolab_assets.shop.log import LogFile, log_directory, open_file


def open_side_table(
    connection: duckdb.DuckDBPyConnection,
    source: SourceConfig,
    root: Path,
    table: ProductTable | UserTable | EditorialTable,
    key: str,
) -> LogFile:
    """Prepare the file of a table beside the log.

    Args:
        connection: Connection that will read it.
        source: Names the folder, and whether CSV files open with names unless the table says so.
        root: The repository, which a relative folder starts from.
        table: The table.
        key: SQL expression of its ids, whose columns stay text in CSV files.

    Raises:
        SourceError: The file is missing, its ending is unknown, or it cannot be read.
    """
    header = source.header if table.header is None else table.header
    folder = log_directory(source.directory, root)
    return open_file(connection, folder, table.file, header=header, ids=[key])


def attribute_texts(
    binder: Binder, key: str, table: ProductTable | EditorialTable, names: Sequence[str]
) -> list[str]:
    """SQL of attributes that are kept as text; one without an expression is absent.

    Args:
        binder: Checks expressions against the table's file.
        key: Where the configuration has the table.
        table: Has an expression, or None, under each of the names.
        names: The attributes.

    Raises:
        SourceError: An expression does not work on the file.
    """
    select = []
    for name in names:
        expression = getattr(table, name)
        text = binder.text(f"{key}.{name}", expression) if expression else "NULL::VARCHAR"
        select.append(f"{text} AS {name}")
    return select


def refuse_rows(
    connection: duckdb.DuckDBPyConnection,
    file: LogFile,
    relation: str,
    key: str,
    faults: Mapping[str, str],
) -> None:
    """Refuse the first row that meets a condition.

    Args:
        connection: Holds the relation.
        file: Where its rows come from.
        relation: Has the column ``key`` and source_row.
        key: Column of the ids; ``user_key`` or ``item_key``.
        faults: What is wrong with a row, by the SQL condition that finds it.

    Raises:
        SourceError: There is such a row; the message names file, row and id.
    """
    for condition, fault in faults.items():
        found = connection.execute(
            f"SELECT source_row, {key} FROM {relation} WHERE {condition}"
            " ORDER BY source_row LIMIT 1"
        ).fetchone()
        if found is not None:
            what = key.removesuffix("_key")
            raise SourceError(f"{file.name}, row {found[0]}: {fault} ({what} {found[1]!r})")


def twice(relation: str, key: str) -> str:
    """SQL condition of rows whose id stands in more than one row."""
    return f"{key} IN (SELECT {key} FROM {relation} GROUP BY 1 HAVING count(*) > 1)"

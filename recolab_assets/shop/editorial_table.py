"""The shop's own table of editorial content, read and checked."""

from pathlib import Path

import duckdb

from recolab_assets.config import EditorialTable, SourceConfig
from recolab_assets.shop.binding import Binder
from recolab_assets.shop.faults import SourceError, faults_of
from recolab_assets.shop.log import LogFile
from recolab_assets.shop.side_table import attribute_texts, open_side_table, refuse_rows, twice

TEXTS = ("title", "content_type", "category")
"""Attributes kept as text; the publication is a time, the tags are a list."""


def read_contents(connection: duckdb.DuckDBPyConnection, source: SourceConfig, root: Path) -> None:
    """Make the table ``contents``: item_key, what ``TEXTS`` lists, published_at and topic_tags.

    Args:
        connection: Where the table is made; without a table of editorial content it is empty.
        source: Names the table and its columns.
        root: The repository, which a relative folder starts from.

    Raises:
        SourceError: The file cannot be read or an expression does not work on it, a piece has no
            id, two rows that differ, or a publication that is no time.
    """
    table = source.editorial
    if table is None:
        select = ", ".join(f"NULL::VARCHAR AS {name}" for name in ("item_key", *TEXTS))
        connection.execute(
            f"CREATE TABLE contents AS SELECT {select}, NULL::TIMESTAMP AS published_at,"
            " NULL::VARCHAR[] AS topic_tags, NULL::BIGINT AS source_row LIMIT 0"
        )
        return
    file = open_side_table(connection, source, root, table, table.item)
    query = _contents_query(connection, table, file)
    with faults_of(f"{file.name} cannot be read with the configured columns"):
        connection.execute(f"CREATE TABLE contents AS {query}")
    faults = {
        "item_key IS NULL": "source.editorial.item gives no id",
        "published_at_fault": "source.editorial.published_at is no time",
        twice("contents", "item_key"): "source.editorial.item gives an id of two rows that differ",
    }
    refuse_rows(connection, file, "contents", "item_key", faults)


def require_apart(connection: duckdb.DuckDBPyConnection, source: SourceConfig) -> None:
    """Refuse lines that can be on a product as well as on editorial content.

    Args:
        connection: Holds ``kept``, ``attributes`` and ``contents``.
        source: Says whether a column tells the two apart.

    Raises:
        SourceError: An id of the log stands in both tables, and no column tells which is meant.
    """
    if source.editorial is None or source.columns.item_type is not None:
        return
    # All of it is fetched, as the connection has more to do.
    [(row, item)] = connection.execute(
        "SELECT min(source_row), arg_min(item_key, source_row) FROM contents"
        " SEMI JOIN attributes USING (item_key) SEMI JOIN kept USING (item_key)"
    ).fetchall()
    if row is not None:
        raise SourceError(
            f"{source.editorial.file}, row {row}: source.editorial.item gives {item!r},"
            " which the product table has too: say under source.columns.item_type which lines of"
            " the log are on editorial content"
        )


def _contents_query(
    connection: duckdb.DuckDBPyConnection, table: EditorialTable, file: LogFile
) -> str:
    binder = Binder(connection, file)
    moment, fault = "NULL::TIMESTAMP", "false"
    if table.published_at is not None:
        moment, fault = binder.moment("source.editorial.published_at", table.published_at)
    tags = "NULL::VARCHAR[]"
    if table.topic_tags is not None:
        tags = binder.texts("source.editorial.topic_tags", table.topic_tags)
    select = [
        f"{binder.text('source.editorial.item', table.item)} AS item_key",
        *attribute_texts(binder, "source.editorial", table, TEXTS),
        f"{moment} AS published_at",
        f"{fault} AS published_at_fault",
        f"{tags} AS topic_tags",
    ]
    return (
        f"SELECT * EXCLUDE (source_row), min(source_row) AS source_row"
        f" FROM (SELECT {', '.join(select)}, source_row FROM {file.relation}) GROUP BY ALL"
    )

"""The shop's own table of products, read and checked."""

from pathlib import Path

import duckdb

from recolab_assets.config import ProductTable, SourceConfig
from recolab_assets.shop.binding import Binder
from recolab_assets.shop.faults import faults_of
from recolab_assets.shop.log import LogFile
from recolab_assets.shop.side_table import attribute_texts, open_side_table, refuse_rows, twice

ATTRIBUTES = ("title", "category", "subcategory", "brand", "price_tier")
"""Attributes kept as text; the price is a number."""


def read_attributes(
    connection: duckdb.DuckDBPyConnection, source: SourceConfig, root: Path
) -> None:
    """Make the temporary table ``attributes``: item_key, what ``ATTRIBUTES`` lists, and price.

    Args:
        connection: Where the table is made; without a product table it is empty.
        source: Names the product table and its columns.
        root: The repository, which a relative folder starts from.

    Raises:
        SourceError: The file cannot be read or an expression does not work on it, a product has
            no id, two rows that differ, or a price that is no number.
    """
    table = source.products
    if table is None:
        select = ", ".join(f"NULL::VARCHAR AS {name}" for name in ("item_key", *ATTRIBUTES))
        connection.execute(
            f"CREATE OR REPLACE TEMP TABLE attributes AS SELECT {select},"
            " NULL::DOUBLE AS price LIMIT 0"
        )
        return
    file = open_side_table(connection, source, root, table, table.item)
    query = _attributes_query(connection, table, file)
    with faults_of(f"{file.name} cannot be read with the configured columns"):
        connection.execute(f"CREATE OR REPLACE TEMP TABLE attributes AS {query}")
    faults = {
        "item_key IS NULL": "a product without an id",
        twice("attributes", "item_key"): "a product with two rows that differ",
        "price_fault": "a price that is no number",
    }
    refuse_rows(connection, file, "attributes", "item_key", faults)


def _attributes_query(
    connection: duckdb.DuckDBPyConnection, table: ProductTable, file: LogFile
) -> str:
    binder = Binder(connection, file)
    select = [f"{binder.text('source.products.item', table.item)} AS item_key"]
    select += attribute_texts(binder, "source.products", table, ATTRIBUTES)
    price, fault = (
        binder.number("source.products.price", table.price)
        if table.price
        else ("NULL::DOUBLE", "false")
    )
    select += [f"{price} AS price", f"{fault} AS price_fault"]
    return (
        f"SELECT * EXCLUDE (source_row), min(source_row) AS source_row"
        f" FROM (SELECT {', '.join(select)}, source_row FROM {file.relation}) GROUP BY ALL"
    )

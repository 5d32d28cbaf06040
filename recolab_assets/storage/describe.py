"""What Dagster shows of a stored table: rows, columns, a look at the first rows."""

import duckdb
from dagster import (
    MarkdownMetadataValue,
    MetadataValue,
    TableColumn,
    TableColumnConstraints,
    TableSchema,
)

from recolab_assets.storage.names import qualified
from recolab_assets.tables import TABLES

_PREVIEW_ROWS = 5
_LONGEST_CELL = 60


def count_rows(connection: duckdb.DuckDBPyConnection, schema: str, name: str) -> int:
    """Return the number of rows of a table."""
    (count,) = connection.execute(f"SELECT count(*) FROM {qualified(schema, name)}").fetchall()[0]
    return int(count)


def column_schema(connection: duckdb.DuckDBPyConnection, schema: str, name: str) -> TableSchema:
    """Return names, types and, where the registry knows the table, meanings of the columns."""
    table = TABLES.get(name)
    known = {} if table is None else {column.name: column for column in table.columns}
    described = connection.execute(f"DESCRIBE {qualified(schema, name)}").fetchall()
    return TableSchema(
        [
            TableColumn(
                column,
                kind,
                description=known[column].description if column in known else None,
                constraints=TableColumnConstraints(
                    nullable=nullable == "YES",
                    unique=table is not None and table.key == (column,),
                ),
            )
            for column, kind, nullable, *_ in described
        ]
    )


def preview(connection: duckdb.DuckDBPyConnection, schema: str, name: str) -> MarkdownMetadataValue:
    """Return the first rows as a Markdown table."""
    result = connection.execute(f"FROM {qualified(schema, name)} LIMIT {_PREVIEW_ROWS}")
    lines = [[column for column, *_ in result.description], *result.fetchall()]
    cells = [[_cell(value) for value in line] for line in lines]
    cells.insert(1, ["---"] * len(cells[0]))
    return MetadataValue.md("\n".join(f"| {' | '.join(line)} |" for line in cells))


def _cell(value: object) -> str:
    if isinstance(value, float):
        text = f"{value:.6g}"
    elif isinstance(value, (list, tuple)):
        text = f"[{', '.join(_cell(item) for item in value[:4])}{', …' if value[4:] else ''}]"
    else:
        text = "" if value is None else str(value)
    if len(text) > _LONGEST_CELL:
        text = text[: _LONGEST_CELL - 1] + "…"
    return text.replace("|", "\\|").replace("\n", " ")

"""Tables whose rows are Parquet files beside the database: views that read them in place."""

import re
import shutil
import uuid
from collections.abc import Iterable
from pathlib import Path
from typing import Final, NamedTuple

import duckdb

from recolab_assets.storage.contract import check_columns, null_error, type_error
from recolab_assets.storage.database import Database, DatabaseError
from recolab_assets.storage.names import identifier, literal, qualified
from recolab_assets.tables import Table, registered

_FILES: Final = "*.parquet"
_READ: Final = re.compile(r"read_parquet\('((?:[^']|'')*)/\*\.parquet'")


class ParquetDataset(NamedTuple):
    """Contents of a table: a folder of Parquet files, read in the order of their names.

    The folder is new with each writing, so that the former rows stay until the view moves on.
    """

    folder: Path
    """The folder, which :func:`new_dataset` named."""

    @property
    def relative(self) -> str:
        """The folder as seen from that of the database: the two can be moved together."""
        return "/".join(self.folder.parts[-3:])


def new_dataset(database: Database, schema: str, name: str) -> ParquetDataset:
    """Name a folder for new rows of a table, beside the database; whoever writes creates it."""
    return ParquetDataset(_home(database, schema, name) / uuid.uuid4().hex)


def dataset_of(
    connection: duckdb.DuckDBPyConnection, database: Database, schema: str, name: str
) -> ParquetDataset | None:
    """Return the dataset that a table reads, or None if its rows are in the database itself."""
    found = connection.execute(
        "SELECT sql FROM duckdb_views() WHERE schema_name = ? AND view_name = ?", [schema, name]
    ).fetchall()
    if not found or not (read := _READ.search(found[0][0])):
        return None
    return ParquetDataset(database.path.parent / read[1].replace("''", "'"))


def create_view(
    connection: duckdb.DuckDBPyConnection, schema: str, name: str, dataset: ParquetDataset
) -> None:
    """Let a table, of which nothing exists, be what is in a dataset.

    Args:
        connection: Inside a transaction.
        schema: Schema of the table, which exists.
        name: Name of the table; the registry of tables knows it, or it is stored as it is.
        dataset: Complete files.

    Raises:
        TableError: The files do not have the table's columns and types, or a value is absent where
            one is compulsory.
        DatabaseError: There are no files, or they cannot be read.
    """
    table, target = registered(name), qualified(schema, name)
    source = f"read_parquet({literal(f'{dataset.relative}/{_FILES}')}, hive_partitioning = false)"
    try:
        types = {
            column: kind
            for column, kind, *_ in connection.execute(f"DESCRIBE FROM {source}").fetchall()
        }
        chosen = "*" if table is None else _conforming(table, types)
        connection.execute(f"CREATE VIEW {target} AS SELECT {chosen} FROM {source}")
        if table is not None:
            _check_present(connection, table, source)
            _comment(connection, target, table)
    except duckdb.Error as error:
        raise DatabaseError(f"{schema}.{name}: its files cannot be read: {error}") from error


def remove_unused(database: Database, schema: str, names: Iterable[str]) -> None:
    """Remove folders of tables that nothing reads: former rows, and what failed runs left.

    Args:
        database: The file, which no run is writing these tables of.
        schema: Schema of the tables.
        names: Their names.
    """
    homes = {name: _home(database, schema, name) for name in names}
    if not any(home.exists() for home in homes.values()):
        return
    with database.read() as connection:
        used = {name: dataset_of(connection, database, schema, name) for name in homes}
    for name, home in homes.items():
        dataset = used[name]
        for folder in home.iterdir() if home.exists() else ():
            if dataset is None or folder.name != dataset.folder.name:
                shutil.rmtree(folder, ignore_errors=True)
        if dataset is None:
            shutil.rmtree(home, ignore_errors=True)


def _home(database: Database, schema: str, name: str) -> Path:
    """Where the datasets of a table are: ``recolab.duckdb.tables/schema.name``."""
    return database.path.parent / f"{database.path.name}.tables" / f"{schema}.{name}"


def _conforming(table: Table, types: dict[str, str]) -> str:
    check_columns(table, list(types))
    for column in table.columns:
        if types[column.name] != column.type:
            raise type_error(table, column, f"the values are {types[column.name]}")
    return ", ".join(identifier(column.name) for column in table.columns)


def _check_present(connection: duckdb.DuckDBPyConnection, table: Table, source: str) -> None:
    compulsory = [column.name for column in table.columns if not column.nullable]
    if not compulsory:
        return
    counts = ", ".join(f"count(*) - count({identifier(name)})" for name in compulsory)
    [absent] = connection.execute(f"SELECT {counts} FROM {source}").fetchall()
    for name, n_absent in zip(compulsory, absent, strict=True):
        if n_absent:
            raise null_error(table, name)


def _comment(connection: duckdb.DuckDBPyConnection, target: str, table: Table) -> None:
    connection.execute(f"COMMENT ON VIEW {target} IS {literal(table.description)}")
    for column in table.columns:
        connection.execute(
            f"COMMENT ON COLUMN {target}.{identifier(column.name)} IS {literal(column.description)}"
        )

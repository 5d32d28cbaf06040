"""Reading tables: as Arrow tables with their registered types, whole or in part."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import duckdb
import pyarrow as pa

from recolab_assets.sql import Params, Select
from recolab_assets.storage.database import Database, DatabaseError
from recolab_assets.storage.names import identifier, qualified
from recolab_assets.tables import MODEL_TABLES, registered


class TableMissingError(DatabaseError):
    """A table has not been written yet; the message names the asset that writes it."""


def check_exists(connection: duckdb.DuckDBPyConnection, schema: str, name: str) -> None:
    """Check that a table has been written.

    Raises:
        TableMissingError: It has not.
    """
    try:
        # To look it up among all tables would load every one of them.
        connection.execute(f"SELECT 1 FROM {qualified(schema, name)} LIMIT 0")
    except duckdb.CatalogException:
        asset = next((model for model, names in MODEL_TABLES.items() if name in names), name)
        raise TableMissingError(
            f"{schema}.{name} has not been written yet: materialise the asset {asset} first."
        ) from None


def read_table(
    connection: duckdb.DuckDBPyConnection,
    schema: str,
    name: str,
    columns: Sequence[str] | None = None,
    where: str | None = None,
    params: Params = (),
    order_by: str | None = None,
) -> pa.Table:
    """Read a table, in the order in which it was written unless another is asked for.

    Raises:
        TableMissingError: The table has not been written yet.
        DatabaseError: It has not the columns asked for, or the condition cannot be evaluated.
    """
    check_exists(connection, schema, name)
    chosen = "*" if columns is None else ", ".join(identifier(column) for column in columns)
    sql = f"SELECT {chosen} FROM {qualified(schema, name)}"
    if where is not None:
        sql += f" WHERE {where}"
    if order_by is not None:
        sql += f" ORDER BY {order_by}"
    return _typed(run(connection, sql, params), name)


def run(connection: duckdb.DuckDBPyConnection, sql: str, params: Params = ()) -> pa.Table:
    """Run one SELECT and return its rows.

    Raises:
        DatabaseError: The statement cannot be run.
    """
    try:
        return connection.sql(sql, params=params).to_arrow_table()
    except duckdb.Error as error:
        raise DatabaseError(f"{error} (in: {sql})") from error


def _typed(rows: pa.Table, name: str) -> pa.Table:
    """Give rows of a registered table the Arrow types that it is exchanged as."""
    table = registered(name)
    if table is None:
        return rows
    contract = table.arrow_schema
    fields = [
        contract.field(field.name) if field.name in contract.names else field
        for field in rows.schema
    ]
    return rows.cast(pa.schema(fields))


@dataclass(frozen=True, slots=True)
class StoredTable:
    """A table where it is: each call opens the file to read, and closes it."""

    database: Database
    """The file."""
    schema: str
    """Schema of the table."""
    name: str
    """Name of the table."""
    columns: tuple[str, ...] | None = None
    """What ``select`` returns unless told otherwise; None is all."""

    @property
    def qualified_name(self) -> str:
        """``schema.name``, as SQL names it."""
        return f"{self.schema}.{self.name}"

    def select(
        self,
        columns: Sequence[str] | None = None,
        where: str | None = None,
        params: Params = (),
        order_by: str | None = None,
    ) -> pa.Table:
        """Read rows, in the order in which they were written unless another is asked for.

        Args:
            columns: Names of columns, in the order wanted.
            where: SQL condition with placeholders for values.
            params: Values of the placeholders.
            order_by: SQL ordering.

        Raises:
            TableMissingError: The table has not been written yet.
            DatabaseError: It has not these columns, or the condition cannot be evaluated.
        """
        wanted = self.columns if columns is None else columns
        with self.database.read() as connection:
            return read_table(connection, self.schema, self.name, wanted, where, params, order_by)

    def count(self) -> int:
        """Return the number of rows.

        Raises:
            TableMissingError: The table has not been written yet.
        """
        with self.database.read() as connection:
            check_exists(connection, self.schema, self.name)
            rows = run(connection, f"SELECT count(*) AS n FROM {qualified(self.schema, self.name)}")
        count: int = rows["n"][0].as_py()
        return count

    def query(self, sql: str, params: Params = ()) -> pa.Table:
        """Run any SELECT over the tables of the file.

        Raises:
            DatabaseError: The statement cannot be run.
        """
        with self.database.read() as connection:
            return run(connection, sql, params)

    def query_all(self, selects: Sequence[Select], given: Mapping[str, Select]) -> list[pa.Table]:
        """Run several SELECTs that share intermediate tables, each of which is made once.

        Args:
            selects: Read the tables of the file and, by their plain names, those that are given.
            given: What temporary tables hold, by name.

        Raises:
            DatabaseError: A statement cannot be run.
        """
        with self.database.read() as connection:
            for name, select in given.items():
                made = f"CREATE TEMPORARY TABLE {identifier(name)} AS {select.sql}"
                try:
                    connection.execute(made, select.params)
                except duckdb.Error as error:
                    raise DatabaseError(f"{error} (in: {made})") from error
            return [run(connection, *select) for select in selects]

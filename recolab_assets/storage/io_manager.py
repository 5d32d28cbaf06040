"""Dagster's way in and out: the IO manager that keeps every asset as tables of one DuckDB file."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any, Final, get_origin

import duckdb
import pandas as pd
import pyarrow as pa
from dagster import AssetSpec, InitResourceContext, InputContext, MetadataValue, OutputContext
from dagster._core.definitions.metadata.metadata_set import TableMetadataSet
from dagster._core.storage.db_io_manager import DbClient, DbIOManager, DbTypeHandler, TableSlice
from dagster_duckdb.io_manager import DuckDBIOManager
from pydantic import Field

from recolab_assets.sql import Measured, Select
from recolab_assets.storage.contract import TableError
from recolab_assets.storage.database import Database, DatabaseError
from recolab_assets.storage.datasets import ParquetDataset, remove_unused
from recolab_assets.storage.describe import column_schema, count_rows, preview
from recolab_assets.storage.materializations import Origin, note
from recolab_assets.storage.names import qualified
from recolab_assets.storage.stored_table import StoredTable, check_exists, read_table, run
from recolab_assets.storage.writer import write_table
from recolab_assets.tables import MODEL_TABLES, TABLES

Metadata = dict[str, Any]


class FileClient(DbClient[duckdb.DuckDBPyConnection]):
    """Opens the file: one transaction to store an output, read-only to load an input."""

    def __init__(self, database: Database) -> None:
        """Serve one file."""
        self.database = database

    @contextmanager
    def connect(  # type: ignore[override]  # static in Dagster, which calls it on an instance
        self, context: OutputContext | InputContext, table_slice: TableSlice
    ) -> Iterator[duckdb.DuckDBPyConnection]:
        """Connect for one output or one input."""
        storing = isinstance(context, OutputContext)
        with self.database.write() if storing else self.database.read() as connection:
            yield connection

    @staticmethod
    def delete_table_slice(
        context: OutputContext, table_slice: TableSlice, connection: duckdb.DuckDBPyConnection
    ) -> None:
        """Delete nothing: tables are replaced as they are written."""

    @staticmethod
    def ensure_schema_exists(
        context: OutputContext, table_slice: TableSlice, connection: duckdb.DuckDBPyConnection
    ) -> None:
        """Do nothing: a schema is created with its first table."""

    @staticmethod
    def get_select_statement(table_slice: TableSlice) -> str:
        """Return the SELECT that reads a table."""
        return f"SELECT * FROM {qualified(table_slice.schema, table_slice.table)}"

    @staticmethod
    def get_table_name(table_slice: TableSlice) -> str:
        """Return the name of a table inside the file."""
        return f"{table_slice.schema}.{table_slice.table}"


class ContentsHandler(DbTypeHandler[Any]):
    """What is stored as one table and never asked for as an input: streams, SELECTs, files."""

    @property
    def supported_types(self) -> Sequence[type[object]]:
        """The Python types handled."""
        return [pa.RecordBatchReader, Select, ParquetDataset]

    def handle_output(
        self,
        context: OutputContext,
        table_slice: TableSlice,
        obj: Any,
        connection: duckdb.DuckDBPyConnection,
    ) -> Metadata:
        """Replace the asset's table and describe what now stands there."""
        schema, name = table_slice.schema, table_slice.table
        write_table(connection, schema, name, obj)
        return {
            **TableMetadataSet(
                row_count=count_rows(connection, schema, name),
                column_schema=column_schema(connection, schema, name),
            ),
            "preview": preview(connection, schema, name),
        }

    def load_input(
        self, context: InputContext, table_slice: TableSlice, connection: duckdb.DuckDBPyConnection
    ) -> Any:
        """Refuse: a stream would keep the file locked while it is read."""
        raise TypeError(
            f"{table_slice.table}: ask for it as StoredTable, pyarrow.Table, pandas.DataFrame or"
            " dict[str, pyarrow.Table]."
        )


class MeasuredHandler(ContentsHandler):
    """Contents that are measured in SQL once they are written, since a stream is seen only once."""

    @property
    def supported_types(self) -> Sequence[type[object]]:
        """The Python types handled."""
        return [Measured]

    def handle_output(
        self,
        context: OutputContext,
        table_slice: TableSlice,
        obj: Measured,
        connection: duckdb.DuckDBPyConnection,
    ) -> Metadata:
        """Replace the asset's table, describe it and measure it, all in one transaction."""
        metadata = super().handle_output(context, table_slice, obj.contents, connection)
        [row] = run(connection, *obj.measures).to_pylist()
        return {**metadata, **row}


class ArrowHandler(ContentsHandler):
    """Arrow tables."""

    @property
    def supported_types(self) -> Sequence[type[object]]:
        """The Python types handled."""
        return [pa.Table]

    def load_input(
        self, context: InputContext, table_slice: TableSlice, connection: duckdb.DuckDBPyConnection
    ) -> Any:
        """Read the table."""
        return read_table(connection, table_slice.schema, table_slice.table, table_slice.columns)


class PandasHandler(ArrowHandler):
    """Data frames; their index is not stored."""

    @property
    def supported_types(self) -> Sequence[type[object]]:
        """The Python types handled."""
        return [pd.DataFrame]

    def load_input(
        self, context: InputContext, table_slice: TableSlice, connection: duckdb.DuckDBPyConnection
    ) -> Any:
        """Read the table."""
        rows = super().load_input(context, table_slice, connection)
        return rows.to_pandas(split_blocks=True)


class StoredTableHandler(ContentsHandler):
    """Handles of tables, to read parts of them later."""

    def __init__(self, database: Database) -> None:
        """Serve one file."""
        self.database = database

    @property
    def supported_types(self) -> Sequence[type[object]]:
        """The Python types handled."""
        return [StoredTable]

    def handle_output(
        self,
        context: OutputContext,
        table_slice: TableSlice,
        obj: Any,
        connection: duckdb.DuckDBPyConnection,
    ) -> Metadata:
        """Refuse: a handle has no rows of its own."""
        raise TypeError(f"{table_slice.table}: return a Select instead of a StoredTable.")

    def load_input(
        self, context: InputContext, table_slice: TableSlice, connection: duckdb.DuckDBPyConnection
    ) -> StoredTable:
        """Return the handle of a table that exists."""
        check_exists(connection, table_slice.schema, table_slice.table)
        columns = None if table_slice.columns is None else tuple(table_slice.columns)
        return StoredTable(self.database, table_slice.schema, table_slice.table, columns)


class TablesHandler(DbTypeHandler[Any]):
    """Assets of several tables, replaced together."""

    @property
    def supported_types(self) -> Sequence[type[object]]:
        """The Python types handled."""
        return [dict]

    def handle_output(
        self,
        context: OutputContext,
        table_slice: TableSlice,
        obj: Mapping[str, Any],
        connection: duckdb.DuckDBPyConnection,
    ) -> Metadata:
        """Replace the asset's tables and describe what now stands there."""
        schema, asset = table_slice.schema, table_slice.table
        expected = MODEL_TABLES.get(asset)
        if not obj or (expected is not None and set(obj) != set(expected)):
            raise TableError(
                f"{schema}.{asset}: the tables returned are {', '.join(obj) or 'none'};"
                f" allowed: {', '.join(expected or (asset,))}."
            )
        for name, contents in obj.items():
            write_table(connection, schema, name, contents)
        counts = {name: count_rows(connection, schema, name) for name in obj}
        # Dagster keeps one row count and one column schema an asset: those of its largest table.
        largest = max(counts, key=lambda name: counts[name])
        return {
            **TableMetadataSet(
                row_count=counts[largest],
                column_schema=column_schema(connection, schema, largest),
            ),
            **{f"row_count/{name}": MetadataValue.int(count) for name, count in counts.items()},
            **{f"preview/{name}": preview(connection, schema, name) for name in obj},
        }

    def load_input(
        self, context: InputContext, table_slice: TableSlice, connection: duckdb.DuckDBPyConnection
    ) -> dict[str, pa.Table]:
        """Read all tables of a model, or the one table of any other asset."""
        names = MODEL_TABLES.get(table_slice.table, (table_slice.table,))
        return {name: read_table(connection, table_slice.schema, name) for name in names}


class FileIOManager(DbIOManager):
    """Dagster's table IO manager, without its noise and with generic types understood."""

    def __init__(
        self,
        *,
        client: FileClient,
        origin_of: Callable[[AssetSpec], Origin] | None = None,
        **options: Any,
    ) -> None:
        """Serve one file.

        Args:
            origin_of: Says with which configuration an asset is made just now; without it nothing
                is noted of runs.
            client: Opens the file.
            options: Further arguments of ``DbIOManager``.
        """
        super().__init__(db_client=client, **options)
        self._client = client
        self._origin_of = origin_of

    def handle_output(self, context: OutputContext, obj: object) -> None:
        """Replace the tables of an asset in one transaction and attach what describes them.

        Parquet files that no table reads then, former ones or those of a failure, are removed.
        """
        self._check_supported_type(type(obj))  # type: ignore[no-untyped-call]
        table_slice = self._get_table_slice(context, context)
        with self._without_leftovers(table_slice):
            self._store(context, table_slice, obj)

    @contextmanager
    def _without_leftovers(self, table_slice: TableSlice) -> Iterator[None]:
        names = MODEL_TABLES.get(table_slice.table, (table_slice.table,))
        try:
            yield
        except BaseException:
            # The error that matters is on its way; what cannot be removed now will be next time.
            with suppress(DatabaseError):
                remove_unused(self._client.database, table_slice.schema, names)
            raise
        remove_unused(self._client.database, table_slice.schema, names)

    def _store(self, context: OutputContext, table_slice: TableSlice, obj: object) -> None:
        with self._db_client.connect(context, table_slice) as connection:
            handler = self._resolve_handler(type(obj))
            metadata = handler.handle_output(context, table_slice, obj, connection)
            if self._origin_of is not None:
                note(connection, context.run_id, context.asset_spec, self._origin_of)
        name = self._db_client.get_table_name(table_slice)
        context.add_output_metadata({**(metadata or {}), **TableMetadataSet(table_name=name)})

    def load_input(self, context: InputContext) -> object:
        """Read an input as the type that its annotation asks for."""
        annotated = context.dagster_type.typing_type
        wanted = get_origin(annotated) or annotated
        if wanted is Any:
            wanted = self._default_load_type
        self._check_supported_type(wanted)  # type: ignore[no-untyped-call]
        upstream = context.upstream_output
        if upstream is None:
            raise TypeError(f"{context.name}: only outputs of assets can be loaded.")
        table_slice = self._get_table_slice(context, upstream)
        with self._db_client.connect(context, table_slice) as connection:
            return self._resolve_handler(wanted).load_input(context, table_slice, connection)

    def _get_table_slice(
        self, context: OutputContext | InputContext, output_context: OutputContext
    ) -> TableSlice:
        """Name the table of an asset; one without a schema of its own gets the registry's."""
        table_slice = super()._get_table_slice(context, output_context)
        named = (output_context.definition_metadata or {}).get("schema")
        if named is None and table_slice.table in TABLES:
            return table_slice._replace(schema=TABLES[table_slice.table].schema)
        return table_slice


def build_io_manager(
    database: Database, origin_of: Callable[[AssetSpec], Origin] | None = None
) -> FileIOManager:
    """Return the IO manager of one file, which notes what ran when if ``origin_of`` is given.

    Assets return a ``pyarrow.Table``, ``pyarrow.RecordBatchReader`` (streamed),
    ``pandas.DataFrame``, ``Select`` (run inside DuckDB), ``ParquetDataset`` (files that are read in
    place), ``Measured`` (any of these, and a SELECT that describes what was written) or
    ``dict[str, pyarrow.Table]`` (several tables in one transaction). Inputs are annotated as
    ``pyarrow.Table`` (the default), ``pandas.DataFrame``, ``dict[str, pyarrow.Table]`` or
    ``StoredTable`` (read later, in part).
    """
    return FileIOManager(
        origin_of=origin_of,
        type_handlers=[*RecoLabIOManager.type_handlers(), StoredTableHandler(database)],
        client=FileClient(database),
        database=str(database.path),
        io_manager_name="RecoLabIOManager",
        default_load_type=pa.Table,
    )


_DEFAULT_TIMEOUT: Final = 60.0


class RecoLabIOManager(DuckDBIOManager):
    """The IO manager as a Dagster resource with a path of its own."""

    lock_timeout_seconds: float = Field(
        default=_DEFAULT_TIMEOUT, ge=0, description="How long to wait for who holds the file."
    )

    @staticmethod
    def type_handlers() -> Sequence[DbTypeHandler[Any]]:
        """Return the handlers that need not know the file; the IO manager adds the other."""
        return [
            ArrowHandler(),
            PandasHandler(),
            ContentsHandler(),
            MeasuredHandler(),
            TablesHandler(),
        ]

    def create_io_manager(self, context: InitResourceContext) -> FileIOManager:
        """Build the IO manager of the file that ``database`` names."""
        return build_io_manager(Database(Path(self.database), self.lock_timeout_seconds))

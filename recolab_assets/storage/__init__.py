"""The DuckDB file: its connection factory, its tables' contract, and Dagster's IO manager."""

from recolab_assets.storage.contract import TableError
from recolab_assets.storage.database import (
    Database,
    DatabaseError,
    DatabaseLockedError,
    DatabaseMissingError,
    NotADatabaseError,
)
from recolab_assets.storage.datasets import ParquetDataset
from recolab_assets.storage.io_manager import FileIOManager, RecoLabIOManager, build_io_manager
from recolab_assets.storage.materializations import Origin
from recolab_assets.storage.stored_table import StoredTable, TableMissingError

__all__ = [
    "Database",
    "DatabaseError",
    "DatabaseLockedError",
    "DatabaseMissingError",
    "FileIOManager",
    "NotADatabaseError",
    "Origin",
    "ParquetDataset",
    "RecoLabIOManager",
    "StoredTable",
    "TableError",
    "TableMissingError",
    "build_io_manager",
]

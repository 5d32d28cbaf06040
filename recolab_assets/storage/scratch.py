"""Scratch DuckDB connections: in memory, for reading files, apart from the lab's database."""

import tempfile
import uuid
from pathlib import Path

import duckdb

SCRATCH_MEMORY = "1GB"


def scratch_connection(memory_limit: str = SCRATCH_MEMORY) -> duckdb.DuckDBPyConnection:
    """Open an empty in-memory database whose clock is UTC.

    What exceeds the limit spills into the system's folder for temporary files, from which DuckDB
    removes it when the connection closes. Nothing is ever downloaded.

    Args:
        memory_limit: Memory that DuckDB may use, with its unit.
    """
    spill = Path(tempfile.gettempdir()) / f"recolab-scratch-{uuid.uuid4().hex}"
    connection = duckdb.connect(
        ":memory:",
        config={
            "memory_limit": memory_limit,
            "temp_directory": str(spill),
            "autoinstall_known_extensions": "false",
        },
    )
    connection.execute("SET TimeZone = 'UTC'")
    return connection

"""The connection factory: the one place that opens the DuckDB file."""

import re
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import duckdb

_FIRST_PAUSE_SECONDS: Final = 0.01
_LONGEST_PAUSE_SECONDS: Final = 0.5
_HOLDER = re.compile(r"\(PID (\d+)\)")
_OTHER_PROCESS = ("Could not set lock", "being used by another process")
_SAME_PROCESS = ("different configuration",)
# DuckDB opens other formats through readers of its own, in memory, or wants an extension for them.
_OTHER_FORMAT = ("not a valid DuckDB database", "Cannot launch in-memory database", "Extension ")


class DatabaseError(Exception):
    """The DuckDB file cannot be used; the message is one sentence that says why."""


class DatabaseLockedError(DatabaseError):
    """Another connection held the file for longer than ``storage.lock_timeout_seconds``."""


class DatabaseMissingError(DatabaseError):
    """The file to read does not exist."""


class NotADatabaseError(DatabaseError):
    """The file exists and is no DuckDB database."""


@dataclass(frozen=True, slots=True)
class Database:
    """A DuckDB file, connected to for each use and closed after it.

    DuckDB lets one process write, or several read. A connection that is kept would therefore lock
    everybody else out, so each use opens one, and lock contention is waited out.
    """

    path: Path
    """The file; its folder is created when it is first written."""
    lock_timeout_seconds: float = 60.0
    """How long to wait for whoever holds the file."""
    memory_limit: str = "1GB"
    """What DuckDB may keep in memory; beyond it, it spills into a folder beside the file."""

    @contextmanager
    def read(self) -> Iterator[duckdb.DuckDBPyConnection]:
        """Open the file to read it: one unchanging state of all tables until the block ends.

        While this process itself writes, the state is the one before that writing.

        Raises:
            DatabaseMissingError: There is no such file.
            NotADatabaseError: The file is no DuckDB database.
            DatabaseLockedError: Another process writes for longer than the timeout.
        """
        connection = self._connect(read_only=True)
        try:
            connection.execute("BEGIN TRANSACTION READ ONLY")
            yield connection
        finally:
            connection.close()

    @contextmanager
    def write(self) -> Iterator[duckdb.DuckDBPyConnection]:
        """Open the file for one transaction: all of the block is stored, or, if it raises, nothing.

        Raises:
            NotADatabaseError: The file is no DuckDB database.
            DatabaseLockedError: Others read or write for longer than the timeout.
        """
        try:
            self.path.parent.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise DatabaseError(
                f"{self.path.parent}: the folder of the database cannot be created ({error})."
            ) from error
        connection = self._connect(read_only=False)
        try:
            self._check_stored(connection)
            connection.begin()
            yield connection
            connection.commit()
        finally:
            # Closing rolls back what has not been committed.
            connection.close()

    def _connect(self, *, read_only: bool) -> duckdb.DuckDBPyConnection:
        """Connect, trying again with growing pauses as long as somebody else holds the file."""
        started = time.monotonic()
        pause = _FIRST_PAUSE_SECONDS
        while True:
            try:
                return self._open(read_only=read_only)
            except duckdb.Error as error:
                message = str(error)
                if not any(sign in message for sign in (*_OTHER_PROCESS, *_SAME_PROCESS)):
                    raise self._explained(message) from error
                waited = time.monotonic() - started
                if waited >= self.lock_timeout_seconds:
                    raise self._locked(message, waited) from error
            time.sleep(min(pause, self.lock_timeout_seconds - waited))
            pause = min(2 * pause, _LONGEST_PAUSE_SECONDS)

    def _open(self, *, read_only: bool) -> duckdb.DuckDBPyConnection:
        settings: dict[str, str | bool | int | float | list[str]] = {
            "memory_limit": self.memory_limit,
            # Rows are read back in the order in which they were written.
            "preserve_insertion_order": True,
            # The lab needs no extension, and must not reach for the internet.
            "autoinstall_known_extensions": False,
            # Where views find the Parquet files that they name from the database's folder.
            "file_search_path": str(self.path.parent),
        }
        try:
            return duckdb.connect(self.path, read_only=read_only, config=settings)
        except duckdb.ConnectionException:
            if not read_only:
                raise
            # This process has the file open for writing. One process cannot open a file in two
            # ways, but it can join what is open: an output that is streamed may read other tables.
            return duckdb.connect(self.path, config=settings)

    def _check_stored(self, connection: duckdb.DuckDBPyConnection) -> None:
        """Check that what is written goes to the file: another format is only a copy in memory."""
        found = connection.execute(
            "SELECT path FROM duckdb_databases() WHERE database_name = current_database()"
        ).fetchall()
        if found == [(None,)]:
            raise self._explained(_OTHER_FORMAT[0])

    def _locked(self, message: str, waited: float) -> DatabaseLockedError:
        if any(sign in message for sign in _SAME_PROCESS):
            holder = "another connection of this program"
        elif pid := _HOLDER.search(message):
            holder = f"another program (PID {pid[1]})"
        else:
            holder = "another program"
        return DatabaseLockedError(
            f"{self.path} is in use by {holder} and did not become free within {waited:.1f} s:"
            " close what holds it, or raise storage.lock_timeout_seconds."
        )

    def _explained(self, message: str) -> DatabaseError:
        if "database does not exist" in message:
            return DatabaseMissingError(
                f"{self.path} does not exist: materialise the assets of the lab first."
            )
        if any(sign in message for sign in _OTHER_FORMAT):
            return NotADatabaseError(
                f"{self.path} is not a DuckDB database: move it away,"
                " or name another file under storage.database."
            )
        reason = message.splitlines()[0].rstrip(".!")
        return DatabaseError(f"{self.path} cannot be opened: {reason}.")

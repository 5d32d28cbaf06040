"""Read-only access to the lab's file: short connections, and a memory of what was last read."""

import threading
import time
from collections import OrderedDict
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field, replace
from datetime import datetime
from pathlib import Path
from typing import Final, Literal, NamedTuple

import duckdb
import pandas as pd

from recolab_assets.storage import (
    Database,
    DatabaseError,
    DatabaseLockedError,
    DatabaseMissingError,
    NotADatabaseError,
    TableMissingError,
)
from recolab_assets.storage.stored_table import check_exists

LOCK_TIMEOUT_SECONDS: Final = 0.3
"""How long a page waits for a run that is writing before it shows what it last read."""

STATUS_LASTS_SECONDS: Final = 2.0
"""How long one look at the file serves everybody who asks whether it is being written."""

BUSY_LASTS_SECONDS: Final = 1.0
"""After having waited for a run in vain, how long nobody else waits for it."""

ANSWERS_KEPT: Final = 256
"""Answers remembered; the one that was asked for longest ago goes first."""

RUN_COMMAND: Final = "uv run dagster asset materialize -m recolab_assets.definitions --select '*'"
"""What writes the file."""

Reason = Literal[
    "missing_file", "missing_table", "busy", "not_a_database", "other_version", "unreadable"
]
Stamp = tuple[tuple[int, int, int], ...]
"""Identity, time of change and size of the file and of its write-ahead log."""


class Query(NamedTuple):
    """One SELECT of the dashboard."""

    sql: str
    """The statement; values are never in its text."""
    tables: tuple[str, ...]
    """The tables that it reads, as ``schema.table``."""
    params: tuple[str | int | float | bool, ...] = ()
    """Values of its ``?`` placeholders, in order."""


class Unavailable(Exception):  # noqa: N818 - a state of the lab, not a fault of the program
    """There is nothing to show; the message is a sentence for the reader."""

    def __init__(self, reason: Reason, sentence: str, command: str | None = None) -> None:
        """Keep the reason, the sentence and the command that helps, if one does."""
        super().__init__(sentence)
        self.reason = reason
        self.sentence = sentence
        self.command = command


@dataclass(frozen=True, slots=True)
class Answer:
    """Rows of one query."""

    rows: pd.DataFrame
    """The rows; treat them as read-only, others share them."""
    read_at: datetime
    """When they were read (local time)."""
    behind: bool = False
    """A run is writing, and these rows are from before."""


@dataclass(frozen=True, slots=True)
class Status:
    """State of the file as a whole."""

    state: Literal["ready", "busy", "unavailable"]
    revision: str | None
    """Changes whenever there may be something new to read; None before the first time."""


@dataclass(slots=True)
class _Remembered:
    stamp: Stamp
    answer: Answer


@dataclass(slots=True)
class Store:
    """The file, as the pages see it. Safe to use from several threads.

    As long as the file has not changed, an answer comes from memory and the file is not opened:
    many readers then hold no lock that would keep a run from writing.
    """

    path: Path
    """The DuckDB file; it need not exist."""
    lock_timeout_seconds: float = LOCK_TIMEOUT_SECONDS
    standing: tuple[Query, ...] = ()
    """Questions asked anew after every change, so that a run never finds them unanswered."""
    _answers: OrderedDict[Query, _Remembered] = field(default_factory=OrderedDict)
    _status: Status = Status("unavailable", None)
    _status_until: float = 0.0
    _busy_until: float = 0.0
    _lock: threading.Lock = field(default_factory=threading.Lock)
    _reading: threading.Lock = field(default_factory=threading.Lock)
    """Held by the one thread that has the file open. The system's file locks belong to the process:
    a thread that closes the file would take the lock away from one that has just opened it, and a
    run would change what that one reads."""

    def ask(self, query: Query) -> Answer:
        """Return the rows of a query: from memory while the file is unchanged or held by a run.

        Raises:
            Unavailable: There is no such file or table, the file is no database, or it is being
                written and this query has never been answered.
        """
        stamp = self._stamp()
        remembered = self._remembered(query)
        if remembered is not None and remembered.stamp == stamp:
            return remembered.answer
        with self._reading:
            # Another thread may have asked the same meanwhile.
            remembered = self._remembered(query)
            if remembered is not None and remembered.stamp == stamp:
                return remembered.answer
            try:
                rows = self._read(query)
            except Unavailable as problem:
                if problem.reason == "busy" and remembered is not None:
                    return replace(remembered.answer, behind=True)
                raise
            answer = Answer(rows, datetime.now())
            self._remember(query, _Remembered(stamp, answer))
        return answer

    def fetch(self, queries: Iterable[Query]) -> None:
        """Read what is not remembered of several queries at one opening of the file.

        What cannot be read is left to ``ask``, which says why.
        """
        stamp = self._stamp()
        remembered = {query: self._remembered(query) for query in queries}
        missing = [
            query for query, found in remembered.items() if found is None or found.stamp != stamp
        ]
        if len(missing) < 2:
            return
        with self._reading, suppress(Unavailable), self._connected() as connection:
            for query in missing:
                answer = Answer(self._rows(connection, query), datetime.now())
                self._remember(query, _Remembered(stamp, answer))

    def _remembered(self, query: Query) -> _Remembered | None:
        with self._lock:
            remembered = self._answers.get(query)
            if remembered is not None:
                self._answers.move_to_end(query)
        return remembered

    def _remember(self, query: Query, remembered: _Remembered) -> None:
        with self._lock:
            self._answers[query] = remembered
            self._answers.move_to_end(query)
            while len(self._answers) > ANSWERS_KEPT:
                self._answers.popitem(last=False)

    def status(self) -> Status:
        """Say whether the file can be read now; looks at it once in a while for all who ask.

        The revision stays as it is while a run holds the file, so nobody reads it anew too early.
        """
        with self._lock:
            if time.monotonic() < self._status_until:
                return self._status
            # Others who ask meanwhile get the former status, rather than open the file too.
            self._status_until = time.monotonic() + STATUS_LASTS_SECONDS
            former = self._status
        stamp = self._stamp()
        try:
            with self._reading, self._connected():
                status = Status("ready", str(hash(stamp)))
            if status.revision != former.revision:
                self._ask_standing()
        except Unavailable as problem:
            if problem.reason == "busy":
                status = Status("busy", former.revision)
            else:
                status = Status("unavailable", str(hash((stamp, problem.reason))))
        with self._lock:
            self._status = status
        return status

    def _ask_standing(self) -> None:
        for query in self.standing:
            # What is not there yet is said by the page that asks for it.
            with suppress(Unavailable):
                self.ask(query)

    def _stamp(self) -> Stamp:
        found = []
        for path in (self.path, self.path.with_name(f"{self.path.name}.wal")):
            try:
                stat = path.stat()
            except OSError:
                continue
            found.append((stat.st_ino, stat.st_mtime_ns, stat.st_size))
        return tuple(found)

    @contextmanager
    def _connected(self) -> Iterator[duckdb.DuckDBPyConnection]:
        """Open the file to read it.

        Raises:
            Unavailable: It cannot be opened.
        """
        # A page asks several questions: it waits for a run once, not with each of them.
        is_busy = time.monotonic() < self._busy_until
        try:
            with Database(
                self.path, 0.0 if is_busy else self.lock_timeout_seconds
            ).read() as opened:
                yield opened
        except DatabaseLockedError as error:
            self._busy_until = time.monotonic() + BUSY_LASTS_SECONDS
            raise Unavailable(
                "busy",
                f"A run is writing {self.path} just now; this page fills in as soon as it is done.",
            ) from error
        except DatabaseMissingError as error:
            raise Unavailable(
                "missing_file",
                f"Nothing has been run yet: {self.path} does not exist.",
                RUN_COMMAND,
            ) from error
        except NotADatabaseError as error:
            raise Unavailable(
                "not_a_database",
                f"{self.path} is not a DuckDB database; name the lab's file with --database.",
            ) from error
        except TableMissingError as error:
            raise Unavailable("missing_table", str(error), RUN_COMMAND) from error
        except DatabaseError as error:
            raise Unavailable("not_a_database", str(error)) from error

    def _read(self, query: Query) -> pd.DataFrame:
        with self._connected() as connection:
            return self._rows(connection, query)

    def _rows(self, connection: duckdb.DuckDBPyConnection, query: Query) -> pd.DataFrame:
        try:
            return connection.execute(query.sql, list(query.params)).df()
        except duckdb.CatalogException as error:
            # Looked up only now: the list of tables takes longer than most queries. The fault has
            # ended the transaction.
            connection.rollback()
            for table in query.tables:
                schema, name = table.split(".")
                check_exists(connection, schema, name)
            raise self._unreadable(error) from error
        except duckdb.BinderException as error:
            raise Unavailable(
                "other_version",
                f"{' and '.join(query.tables)} in {self.path} were written by another version"
                " of the lab and lack columns that this page shows; run the lab again.",
                RUN_COMMAND,
            ) from error
        except duckdb.Error as error:
            raise self._unreadable(error) from error

    def _unreadable(self, error: duckdb.Error) -> Unavailable:
        [reason, *_] = str(error).splitlines()
        return Unavailable("unreadable", f"{self.path} cannot be read: {reason.removesuffix('.')}.")

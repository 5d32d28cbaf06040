"""The connection factory: transactions, contention, files that cannot be used."""

import os
import re
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

import duckdb
import pytest

from recolab_assets.storage import (
    Database,
    DatabaseError,
    DatabaseLockedError,
    DatabaseMissingError,
    NotADatabaseError,
)

HOLD = """
import sys, time, duckdb
connection = duckdb.connect(sys.argv[1], read_only=sys.argv[2] == "read")
print("held", flush=True)
time.sleep(float(sys.argv[3]))
connection.close()
"""

KILLED = """
import os, signal, sys
from pathlib import Path
from recolab_assets.storage import Database

with Database(Path(sys.argv[1]), 5).write() as connection:
    connection.execute("CREATE OR REPLACE TABLE t AS SELECT range AS a FROM range(1000000)")
    print("half-way", flush=True)
    signal.pause()
"""


@contextmanager
def held(path: Path, how: str, seconds: float) -> Iterator[subprocess.Popen[str]]:
    """Have another process keep the file open."""
    command = [sys.executable, "-c", HOLD, str(path), how, str(seconds)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "held\n"
        try:
            yield process
        finally:
            process.kill()


def numbers(database: Database) -> list[int]:
    with database.read() as connection:
        return [number for (number,) in connection.execute("FROM t").fetchall()]


@pytest.fixture
def filled(database: Database) -> Database:
    with database.write() as connection:
        connection.execute("CREATE TABLE t AS SELECT 1 AS a")
    return database


def test_the_folder_is_created_when_first_written(database: Database) -> None:
    with database.write() as connection:
        connection.execute("CREATE TABLE t AS SELECT 7 AS a")
    assert numbers(database) == [7]


def test_a_block_that_raises_stores_nothing(filled: Database) -> None:
    def interrupted() -> None:
        with filled.write() as connection:
            connection.execute("CREATE OR REPLACE TABLE t AS SELECT 2 AS a")
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        interrupted()
    assert numbers(filled) == [1]


def test_reading_cannot_write(filled: Database) -> None:
    with pytest.raises(duckdb.Error, match="read-only"), filled.read() as connection:
        connection.execute("CREATE TABLE u (a INTEGER)")


def test_several_readers_at_once(filled: Database) -> None:
    with filled.read() as first, filled.read() as second, held(filled.path, "read", 60):
        assert first.execute("FROM t").fetchall() == second.execute("FROM t").fetchall()


def test_reading_while_this_process_writes_sees_the_former_state(filled: Database) -> None:
    with filled.write() as connection:
        connection.execute("CREATE OR REPLACE TABLE t AS SELECT 2 AS a")
        assert numbers(filled) == [1]
        with pytest.raises(duckdb.Error, match="read-only"), filled.read() as reading:
            reading.execute("CREATE TABLE u (a INTEGER)")
    assert numbers(filled) == [2]


@pytest.mark.parametrize("how", ["read", "write"])
def test_another_process_is_waited_out(filled: Database, how: str) -> None:
    with held(filled.path, how, 0.5):
        with filled.write() as connection:
            connection.execute("CREATE OR REPLACE TABLE t AS SELECT 2 AS a")
        assert numbers(filled) == [2]


def test_a_process_that_does_not_let_go_is_named(filled: Database) -> None:
    impatient = replace(filled, lock_timeout_seconds=0.3)
    with held(filled.path, "write", 60) as process:
        started = time.monotonic()
        with pytest.raises(DatabaseLockedError) as caught, impatient.read():
            pass
        assert 0.3 <= time.monotonic() - started < 10
    message = str(caught.value)
    assert str(filled.path) in message
    assert f"PID {process.pid}" in message
    assert re.search(r"within \d\.\d s", message)
    assert "storage.lock_timeout_seconds" in message
    assert "\n" not in message


def test_no_waiting_with_a_timeout_of_zero(filled: Database) -> None:
    impatient = replace(filled, lock_timeout_seconds=0.0)
    with held(filled.path, "write", 60), pytest.raises(DatabaseLockedError), impatient.write():
        pass


def test_a_reader_of_this_process_is_waited_out(filled: Database) -> None:
    reading = threading.Event()

    def read() -> None:
        with filled.read():
            reading.set()
            time.sleep(0.3)

    thread = threading.Thread(target=read)
    thread.start()
    reading.wait()
    with filled.write() as connection:
        connection.execute("CREATE OR REPLACE TABLE t AS SELECT 2 AS a")
    thread.join()
    assert numbers(filled) == [2]


def test_a_connection_of_this_program_that_stays_open_is_reported(filled: Database) -> None:
    foreign = duckdb.connect(str(filled.path))
    with pytest.raises(DatabaseLockedError, match="another connection of this program"):
        numbers(replace(filled, lock_timeout_seconds=0.1))
    foreign.close()
    assert numbers(filled) == [1]


def test_an_error_that_is_kept_does_not_keep_the_file(filled: Database) -> None:
    def broken() -> None:
        with filled.write() as connection:
            relation = connection.sql("FROM t")
            connection.execute("SELECT * FROM nowhere")
            assert relation is not None

    # What is caught holds the frame above, and the relation in it.
    with pytest.raises(duckdb.Error) as kept:
        broken()
    with held(filled.path, "write", 60):
        assert kept.value is not None


@pytest.mark.skipif(not hasattr(signal, "pause"), reason="needs POSIX signals")
def test_a_process_killed_while_writing_leaves_the_former_table(filled: Database) -> None:
    command = [sys.executable, "-c", KILLED, str(filled.path)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "half-way\n"
        os.kill(process.pid, signal.SIGKILL)
    assert numbers(filled) == [1]
    with filled.write() as connection:
        connection.execute("CREATE OR REPLACE TABLE t AS SELECT 2 AS a")
    assert numbers(filled) == [2]


def test_a_missing_file_is_reported_and_not_created(database: Database) -> None:
    with pytest.raises(DatabaseMissingError, match="does not exist: materialise"), database.read():
        pass
    assert not database.path.exists()


@pytest.mark.parametrize("content", [b"", b"user,item\n1,2\n" * 1000])
@pytest.mark.parametrize("reading", [True, False])
def test_a_file_of_another_kind_is_left_alone(
    tmp_path: Path, content: bytes, reading: bool
) -> None:
    path = tmp_path / "log.csv"
    path.write_bytes(content)
    database = Database(path, 5)
    opened = database.read() if reading else database.write()
    with pytest.raises(NotADatabaseError, match="is not a DuckDB database"), opened:
        pass
    assert path.read_bytes() == content


def test_a_folder_in_place_of_the_file(tmp_path: Path) -> None:
    with pytest.raises(DatabaseError, match="cannot be opened"), Database(tmp_path, 5).write():
        pass


def test_a_file_in_place_of_the_folder(tmp_path: Path) -> None:
    (tmp_path / "data").write_text("in the way")
    database = Database(tmp_path / "data" / "lab.duckdb", 5)
    with pytest.raises(DatabaseError, match="folder of the database"), database.write():
        pass


def test_the_memory_limit_holds(filled: Database) -> None:
    with replace(filled, memory_limit="100MB").read() as connection:
        (limit,) = connection.execute("SELECT current_setting('memory_limit')").fetchall()[0]
    assert limit == "95.3 MiB"

"""Streams: stored as they come, never in memory as a whole, all or nothing."""

import os
import signal
import subprocess
import sys
from collections.abc import Iterator

import numpy as np
import pyarrow as pa
import pytest

from recolab_assets.storage import Database, StoredTable
from recolab_assets.storage import writer as writer_module
from recolab_assets.storage.writer import Contents, write_table
from recolab_assets.tables import TABLES

RECOMMENDATIONS = TABLES["recommendations"]

KILLED = """
import os, signal, sys
from pathlib import Path
import pyarrow as pa
from recolab_assets.storage import Database
from recolab_assets.storage.writer import write_table
from recolab_assets.tables import TABLES

schema = TABLES["popularity"].arrow_schema

def batches():
    for start in range(0, 2_000_000, 100_000):
        ids = list(range(start, start + 100_000))
        yield pa.record_batch([ids, [0.5] * len(ids), ids], schema=schema)
        if start == 1_000_000:
            os.kill(os.getpid(), signal.SIGKILL)

with Database(Path(sys.argv[1]), 5).write() as connection:
    reader = pa.RecordBatchReader.from_batches(schema, batches())
    write_table(connection, "models", "popularity", reader)
"""


def store(database: Database, name: str, contents: Contents) -> None:
    with database.write() as connection:
        write_table(connection, TABLES[name].schema, name, contents)


def stored(database: Database, name: str) -> pa.Table:
    return StoredTable(database, TABLES[name].schema, name).select()


def popularity(ids: list[int]) -> pa.Table:
    return pa.table(
        [ids, [1 / (i + 1) for i in ids], [i + 1 for i in ids]],
        schema=TABLES["popularity"].arrow_schema,
    )


def recommendations(n: int, start: int = 0) -> pa.Table:
    return pa.table(
        [
            ["als"] * n,
            np.arange(start, start + n) // 20,
            np.arange(start, start + n) % 20 + 1,
            np.arange(start, start + n) % 97,
            np.full(n, 0.25),
            np.zeros(n, dtype=bool),
        ],
        names=RECOMMENDATIONS.column_names,
    ).cast(RECOMMENDATIONS.arrow_schema)


def test_a_stream_is_never_in_memory_as_a_whole(
    database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(writer_module, "ROWS_AT_ONCE", 1_000)
    before = pa.total_allocated_bytes()
    peak = 0

    def batches() -> Iterator[pa.RecordBatch]:
        nonlocal peak
        for start in range(0, 50_000, 500):
            peak = max(peak, pa.total_allocated_bytes() - before)
            yield from recommendations(500, start).combine_chunks().to_batches()

    store(
        database,
        "recommendations",
        pa.RecordBatchReader.from_batches(RECOMMENDATIONS.arrow_schema, batches()),
    )
    rows = stored(database, "recommendations")
    assert rows.num_rows == 50_000
    assert peak < rows.nbytes / 10


def test_a_stream_that_fails_leaves_the_former_table(
    database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(writer_module, "ROWS_AT_ONCE", 10)
    store(database, "popularity", popularity([5]))

    def batches() -> Iterator[pa.RecordBatch]:
        yield from popularity(list(range(100))).to_batches(max_chunksize=10)
        raise ZeroDivisionError("half-way")

    reader = pa.RecordBatchReader.from_batches(TABLES["popularity"].arrow_schema, batches())
    with pytest.raises(ZeroDivisionError, match="half-way"):
        store(database, "popularity", reader)
    assert stored(database, "popularity") == popularity([5])


def test_a_stream_may_read_other_tables_while_it_is_stored(database: Database) -> None:
    store(database, "popularity", popularity([3, 4]))

    def batches() -> Iterator[pa.RecordBatch]:
        yield from stored(database, "popularity").to_batches()

    reader = pa.RecordBatchReader.from_batches(TABLES["popularity"].arrow_schema, batches())
    store(database, "popularity", reader)
    assert stored(database, "popularity") == popularity([3, 4])


@pytest.mark.skipif(os.name == "nt", reason="needs SIGKILL")
def test_a_process_killed_in_mid_stream_leaves_the_former_table(database: Database) -> None:
    store(database, "popularity", popularity([5]))
    ended = subprocess.run([sys.executable, "-c", KILLED, str(database.path)], check=False)
    assert ended.returncode == -signal.SIGKILL
    assert stored(database, "popularity") == popularity([5])
    store(database, "popularity", popularity([6, 7]))
    assert stored(database, "popularity") == popularity([6, 7])


def test_many_rows_come_back_in_the_order_written(database: Database) -> None:
    ids = np.random.default_rng(0).permutation(400_000).astype(np.int32)
    rows = pa.table([ids, ids / 2, ids], schema=TABLES["popularity"].arrow_schema)
    store(database, "popularity", rows.to_reader(max_chunksize=7_001))
    assert stored(database, "popularity") == rows

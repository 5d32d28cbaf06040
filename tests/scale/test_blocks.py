"""Blocks of rows as Spark hands them over."""

import pyarrow as pa

from recolab_assets.scale.blocks import of_shards


def batches(*parts: list[int]):
    return iter([pa.record_batch({"shard": pa.array(part, pa.int64())}) for part in parts])


def test_a_shard_is_seen_as_a_whole_wherever_batches_end():
    seen = []

    def note(shard: int, rows: pa.Table) -> pa.Table:
        seen.append((shard, rows["shard"].to_pylist()))
        return pa.table({"n": [rows.num_rows]})

    found = list(of_shards(note)(batches([0, 0, 2], [], [2, 2], [5])))
    assert seen == [(0, [0, 0]), (2, [2, 2, 2]), (5, [5])]
    assert [batch.column(0).to_pylist() for batch in found] == [[2], [3], [1]]


def test_without_rows_there_is_no_shard():
    assert list(of_shards(lambda shard, rows: rows)(batches())) == []
    assert list(of_shards(lambda shard, rows: rows)(batches([]))) == []

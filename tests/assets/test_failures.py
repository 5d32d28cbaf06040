"""What a failing, a wrong or a killed step leaves: the tables that were there before."""

import os
import signal
import subprocess
import sys

import dagster as dg
import pyarrow as pa
import pytest

from recolab_assets.config import ROOT, ConfigError
from recolab_assets.models import MODELS
from recolab_assets.scale import local
from recolab_assets.storage import writer
from recolab_assets.tables import MODEL_TABLES
from tests.small_lab import Lab

LISTS = "recommendations.recommendations"
ONLY_LISTS = dg.AssetSelection.assets("recommendations")


def contents(lab: Lab) -> tuple[int, object]:
    n_rows, digest = lab.digest(LISTS)
    assert n_rows > 0
    return n_rows, digest


def failure(run: dg.ExecuteInProcessResult) -> str:
    """What the one step that failed says of its reason."""
    assert not run.success
    [event] = [event for event in run.all_events if event.is_step_failure]
    error = event.step_failure_data.error
    return (error.cause or error).message


def test_a_step_that_raises_leaves_the_former_tables(copy, monkeypatch):
    tables = [f"models.{name}" for name in MODEL_TABLES["als"]]
    before = [copy.digest(table) for table in tables]

    def run_out_of_memory(*args, **kwargs):
        raise MemoryError("no room for the factors")

    monkeypatch.setattr(MODELS["als"], "fit", run_out_of_memory)
    run = copy.run(
        dg.AssetSelection.assets("als", "hybrid", "recommendations"), raise_on_error=False
    )
    assert "no room for the factors" in failure(run)
    assert not run.get_asset_materialization_events()
    assert [copy.digest(table) for table in tables] == before


def test_a_stream_that_turns_out_wrong_half_way_leaves_the_former_table(copy, monkeypatch):
    before = contents(copy)
    batches = local.recommendation_batches

    def spoil_the_last(*args, **kwargs):
        reader = batches(*args, **kwargs)

        def rows():
            for batch in reader:
                yield batch
            nobody = pa.nulls(batch.num_rows, batch.schema.field("user_id").type)
            yield batch.set_column(1, "user_id", nobody)

        return pa.RecordBatchReader.from_batches(reader.schema, rows())

    with monkeypatch.context() as patch:
        patch.setattr(local, "recommendation_batches", spoil_the_last)
        patch.setattr(writer, "ROWS_AT_ONCE", 1)
        run = copy.run(ONLY_LISTS, raise_on_error=False)
    assert "user_id: a value is NULL" in failure(run)
    assert not run.get_asset_materialization_events()
    assert contents(copy) == before
    assert copy.run(ONLY_LISTS).success
    assert contents(copy) == before


def test_a_broken_promise_stops_everything_after_it(copy, monkeypatch):
    """Lists with products that users have already are stored, and nothing is made from them."""
    batches = local.recommendation_batches

    def forget_what_was_seen(*args, **kwargs):
        return batches(*args, **{**kwargs, "exclude_seen": False})

    monkeypatch.setattr(local, "recommendation_batches", forget_what_was_seen)
    before = copy.digest("evaluation.user_metrics")
    run = copy.run(
        ONLY_LISTS | dg.AssetSelection.assets("user_metrics", "guardrails", "ab_exposures"),
        raise_on_error=False,
    )
    assert not run.success
    failed = [check for check in run.get_asset_check_evaluations() if not check.passed]
    assert [check.check_name for check in failed] == ["nothing_seen"]
    assert failed[0].blocking
    made = [event.asset_key for event in run.get_asset_materialization_events()]
    assert dg.AssetKey("user_metrics") not in made
    assert dg.AssetKey("ab_exposures") not in made
    assert copy.digest("evaluation.user_metrics") == before


_WRITE_AND_HANG = """
import sys, time
import dagster as dg
import pyarrow as pa
from pathlib import Path
from recolab_assets.scale import local
from recolab_assets.definitions import build_definitions

batches = local.recommendation_batches

def never_ending(*args, **kwargs):
    reader = batches(*args, **kwargs)
    batch = reader.read_next_batch()
    def rows():
        # Enough for DuckDB to write to the file before the transaction ends.
        for _ in range(600_000 // batch.num_rows):
            yield batch
        print("writing", flush=True)
        time.sleep(600)
    return pa.RecordBatchReader.from_batches(reader.schema, rows())

local.recommendation_batches = never_ending
defs = build_definitions(Path(sys.argv[1]))
dg.materialize([*defs.assets], resources=defs.resources, selection=["recommendations"])
"""


@pytest.mark.slow
def test_a_kill_while_recommendations_are_written_leaves_the_former_ones(copy):
    before, size = contents(copy), copy.database_path.stat().st_size
    child = subprocess.Popen(
        [sys.executable, "-c", _WRITE_AND_HANG, str(copy.config_path)],
        cwd=ROOT,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        env={**os.environ, "DAGSTER_DISABLE_TELEMETRY": "1"},
    )
    try:
        assert child.stdout.readline() == b"writing\n"
        assert copy.database_path.stat().st_size > size + 1_000_000
    finally:
        child.send_signal(signal.SIGKILL)
        child.wait(timeout=30)
    assert child.returncode == -signal.SIGKILL
    assert contents(copy) == before
    assert copy.run(ONLY_LISTS).success
    assert contents(copy) == before


def test_a_run_given_a_broken_configuration_writes_nothing(copy, tmp_path):
    broken = tmp_path / "broken.yaml"
    broken.write_text("model: {als_factors: many}")
    before = copy.database_path.read_bytes()
    run_config = {"resources": {"lab": {"config": {"config": str(broken)}}}}
    with pytest.raises(dg.DagsterError) as raised:
        copy.run(dg.AssetSelection.assets("als"), run_config=run_config)
    assert isinstance(raised.value.__cause__, ConfigError)
    assert f"{broken}: model.als_factors: 'many' is not allowed" in str(raised.value.__cause__)
    assert copy.database_path.read_bytes() == before
